// The schemas of work that is done in steps, and shown by cells and by the edge.
import { count, object, text } from './schema.ts';

export const Received = object(['stored', 'same', 'kept', 'replaced', 'unproven'], {
  stored: count,
  same: { ...count, description: 'Were there, and say the same.' },
  kept: { ...count, description: 'Were there and say something else; what was there stands.' },
  replaced: { ...count, description: 'Stand in place of what was there.' },
  unproven: {
    ...count,
    description: 'Were not taken: nothing shows that their sender accepted them while it served.',
  },
});

export const difference = {
  missing: { ...count, description: 'Of the sender’s events, those that the other cell lacks.' },
  different: { ...count, description: 'Events of which the other cell has another copy.' },
  extra: { ...count, description: 'Events of the other cell that the sender lacks, within its subjects.' },
} as const;

export const PushProgress = object(['subjects', 'stored', 'same', 'kept', 'replaced', 'unproven', 'done'], {
  subjects: count,
  ...Received.properties,
  ...difference,
  skipped: { ...count, description: 'Documents of the log that are no events.' },
  bytes: { ...count, description: 'Of the bodies that were sent, compressed.' },
  done: { type: 'boolean' },
  waiting: { ...text, description: 'Why the step ended early: repeat it a little later.' },
});

export const IndexProgress = object(['documents', 'subjects', 'done'], {
  documents: count,
  subjects: count,
  done: { type: 'boolean' },
});
