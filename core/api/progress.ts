// The schemas of work that is done in steps, and shown by cells and by the edge.
import { count, object, text } from './schema.ts';

export const Received = object(['stored', 'same', 'kept', 'replaced', 'unproven', 'refused'], {
  stored: count,
  same: { ...count, description: 'Were there, and say the same.' },
  kept: { ...count, description: 'Were there and say something else; what was there stands.' },
  replaced: { ...count, description: 'Stand in place of what was there.' },
  unproven: {
    ...count,
    description: 'Were not taken: nothing shows that their sender accepted them while it served.',
  },
  refused: { ...count, description: 'Cannot be stored: their subject is full, or the store refuses just these.' },
  erased: { ...count, description: 'Are erased, and were not taken.' },
});

export const difference = {
  missing: { ...count, description: 'Of the sender’s events, those that the other cell lacks.' },
  different: { ...count, description: 'Events of which the other cell has another copy.' },
  extra: { ...count, description: 'Events of the other cell that the sender lacks, within its subjects.' },
} as const;

export const PushProgress = object(['subjects', 'stored', 'same', 'kept', 'replaced', 'unproven', 'done'], {
  // `refused` is missing in answers of cells of earlier releases.
  subjects: count,
  ...Received.properties,
  ...difference,
  skipped: { ...count, description: 'Documents of the log that are no events.' },
  bytes: { ...count, description: 'Of the bodies that were sent, compressed.' },
  documents: { ...count, description: 'Documents of the log that this step has worked on.' },
  sent: { ...count, description: 'Those of them that this step has sent; the others were there, or only compared.' },
  done: { type: 'boolean' },
  waiting: { ...text, description: 'Why the step ended early: repeat it a little later.' },
});

const orNull = { type: ['integer', 'null'], minimum: 0 } as const;

export const ReplicaNote = object(['tenant', 'peer', 'direction', 'passedAt', 'passedEpoch'], {
  tenant: text,
  peer: { ...text, description: 'The other cell; with own, the cell itself.' },
  direction: {
    type: 'string',
    enum: ['to', 'from', 'own'],
    description: 'to: what this cell sends; from: what it gets; own: what it has not derived.',
  },
  passedAt: {
    ...orNull,
    description: 'When the last comparison began by which everything of before was there; in milliseconds since 1970.',
  },
  passedEpoch: { ...orNull, description: 'The epoch when it began.' },
  failingSince: { ...orNull, description: 'Since when the other cell has not been reached.' },
  behindSince: { ...orNull, description: 'Since when events may have been left unsent.' },
  lacking: { ...orNull, description: 'Events that the other cell lacked after the last comparison.' },
  walk: { type: ['string', 'null'] },
  leasedEpoch: { ...count, description: 'The epoch of the lease by which this cell has home-only effects.' },
  leasedAt: { ...count, description: 'When that was noted; the edge has the other cell compare once more then.' },
  settledAt: {
    ...orNull,
    description: 'When such a comparison had ended: nothing is missing here of which the other cell has had effects.',
  },
  joinedAt: {
    ...orNull,
    description: 'When it became the other cell, until a comparison has brought what it lacked then.',
  },
  leaves: { type: 'boolean', description: 'Of a log-only standby: whether copies are left underived.' },
  aheadUntil: { ...orNull, description: 'Until when they are derived all the same, as the cell is to serve soon.' },
  underivedSince: {
    ...orNull,
    description: 'Since when copies were left that are not derived yet; null: there are none.',
  },
  from: { type: ['string', 'null'], description: 'The hour of the earliest of these.' },
  derivesSince: { ...orNull, description: 'Since when copies are left no more, and those of before derived.' },
  subjects: { ...orNull, description: 'Subjects that are derived.' },
  events: { ...orNull, description: 'Events that are derived.' },
});

export const IndexProgress = object(['documents', 'subjects', 'done'], {
  documents: count,
  subjects: count,
  done: { type: 'boolean' },
});
