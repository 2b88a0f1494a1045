// The schemas of erasures in the control API's document.
import { count, object, text, time } from '../../api/schema.ts';
import { NAME_PATTERN } from '../../cell/identity.ts';

const name = { type: 'string', pattern: NAME_PATTERN } as const;

export const Erasure = object(
  ['id', 'tenant', 'subject', 'until', 'actor', 'reason', 'orderedAt', 'state', 'cells', 'certificate', 'signed'],
  {
    id: text,
    tenant: name,
    subject: { type: ['string', 'null'], description: 'null: all subjects.' },
    until: { ...time, description: 'Events whose time is not after this.' },
    actor: text,
    reason: text,
    orderedAt: { ...count, description: 'In milliseconds since 1970, as all times but those of the certificate.' },
    state: {
      type: 'string',
      enum: ['erasing', 'erased', 'certified'],
      description: 'erased: nothing is left in any cell, and queues may still hold messages.',
    },
    cells: {
      type: 'object',
      additionalProperties: object(['step', 'pass', 'removed', 'kept', 'notBefore', 'problem'], {
        step: { type: 'string', enum: ['mark', 'drain', 'sweep', 'close', 'done'] },
        pass: { ...count, description: 'Which sweep it is; 0 for a cell that has got a copy since.' },
        removed: { ...count, description: 'Documents, at least.' },
        kept: { type: 'array', items: text, description: 'Consumers that cannot separate subjects.' },
        notBefore: count,
        problem: { type: ['string', 'null'] },
      }),
    },
    erasedAt: { type: ['integer', 'null'] },
    notBefore: count,
    problem: { type: ['string', 'null'], description: 'Why it does not get on.' },
    certificate: { type: ['object', 'null'], description: 'What is certified, and what remains.' },
    signed: { type: ['string', 'null'], description: 'The certificate as a compact JWS by the edge’s key.' },
  },
);

export const CellErasures = object(['erasures', 'unmarked'], {
  erasures: count,
  unmarked: { ...count, description: 'Those that the cell does not know: it must not serve before it does.' },
});
