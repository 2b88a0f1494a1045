// The schema of a drill that is kept, as the document of the control API has it.
import { object, text, time } from '../../api/schema.ts';
import { DRILL_OUTCOMES } from '../ports/drills.ts';

/** What a drill has shown. */
export const Drill = object(
  ['id', 'kind', 'cell', 'startedAt', 'endedAt', 'outcome', 'rtoMs', 'missed', 'actor', 'notedAt'],
  {
    id: text,
    kind: text,
    cell: { type: ['string', 'null'], description: 'The cell with the fault, or all of them as text.' },
    startedAt: time,
    endedAt: time,
    outcome: { type: 'string', enum: DRILL_OUTCOMES },
    rtoMs: { type: ['integer', 'null'], description: 'Of the tenant that was served again last, if all were.' },
    missed: { type: 'array', items: text, description: 'Targets that were missed.' },
    actor: { ...text, description: 'Who has handed it over.' },
    notedAt: time,
  },
);
