// The schema of a move, as the document of the control API has it.
import { count, object, text } from '../../api/schema.ts';
import { NAME_PATTERN } from '../../cell/identity.ts';
import { STEPS } from '../ports/mover.ts';

const name = { type: 'string', pattern: NAME_PATTERN } as const;

/** How far a move is. */
export const Move = object(
  [
    'tenant',
    'from',
    'to',
    'state',
    'actor',
    'reason',
    'startedAt',
    'since',
    'paused',
    'total',
    'there',
    'remainingMs',
    'problem',
  ],
  {
    tenant: name,
    from: name,
    to: name,
    formerStandby: { type: ['string', 'null'] },
    state: { type: 'string', enum: [...STEPS, 'aborted'] },
    actor: text,
    reason: text,
    startedAt: { ...count, description: 'In milliseconds since 1970, as all times of a move.' },
    since: { ...count, description: 'When this step began.' },
    paused: { type: 'boolean' },
    pauseBefore: { type: ['string', 'null'] },
    rate: { type: ['integer', 'null'] },
    leave: { const: true, description: 'The source is no cell of the tenant once it is over.' },
    reversed: { type: 'boolean', description: 'Whether it goes back where an earlier one has come from.' },
    total: { type: ['integer', 'null'], description: 'Events of the source, once they were counted.' },
    there: { ...count, description: 'How many of them the target has.' },
    notBefore: { ...count, description: 'Nothing is done before.' },
    remainingMs: { type: ['integer', 'null'], description: 'That seeding will still take.' },
    problem: { type: ['string', 'null'], description: 'Why it does not get on.' },
  },
);
