// The schemas of the engine's own request bodies and answers; the build compiles those that validate requests.
import { difference } from '../api/progress.ts';
import { count, object, text, time } from '../api/schema.ts';
import { ERASURE_PATTERN } from '../cell/erasure-terms.ts';
import { NAME_PATTERN } from '../cell/identity.ts';
import { SUBJECT_PATTERN } from '../events/subject.ts';
import { PARKING_LIMITS } from '../pipeline/parking.ts';
import { RECEIPT_STATES } from '../pipeline/receipts.ts';

export const IngestSummary = object(['accepted', 'duplicates', 'rejected', 'results'], {
  accepted: count,
  duplicates: count,
  rejected: count,
  results: {
    type: 'array',
    items: object(['id', 'source', 'status'], {
      id: { type: ['string', 'null'] },
      source: { type: ['string', 'null'] },
      status: { type: 'string', enum: ['accepted', 'duplicate', 'rejected'] },
      differs: { const: true, description: 'A duplicate whose data are others than those that are stored.' },
      error: object(['code', 'detail'], { code: text, detail: text, pointer: text }),
    }),
  },
});

/** An event without its content. */
const ATTRIBUTES = {
  ...object(['specversion', 'id', 'source', 'type', 'subject', 'time'], {
    specversion: text,
    id: text,
    source: text,
    type: text,
    subject: text,
    time: text,
  }),
  additionalProperties: true,
} as const;

export const ParkedEvent = object(['id', 'consumer', 'tenant', 'parkedAt', 'reason'], {
  id: text,
  consumer: text,
  tenant: { type: 'string', pattern: NAME_PATTERN },
  parkedAt: time,
  reason: object(['code', 'message'], { code: text, message: text }),
  event: { anyOf: [{ $ref: '#/components/schemas/CloudEvent' }, ATTRIBUTES] },
  text,
  withheld: {
    const: true,
    description:
      'The content of the event, or the text of what is no event, is left out: the caller lacks the scope read.',
  },
});

/** A misspelt `ids` would redrive everything, so no other member is allowed. */
export const Redrive = {
  ...object(['consumer'], {
    consumer: text,
    ids: { type: 'array', items: text, maxItems: PARKING_LIMITS.redriveEvents },
  }),
  additionalProperties: false,
} as const;

export const RedriveSummary = object(['redriven', 'failed', 'more'], {
  redriven: count,
  failed: count,
  more: { type: 'boolean' },
});

/** A misspelt `from` would derive everything anew, so no other member is allowed. */
export const Rebuild = {
  ...object(['consumer'], {
    consumer: text,
    from: { ...time, description: 'Apply the events from this time on again; without it all is derived anew.' },
    restart: { type: 'boolean', description: 'Begin again, even if a rebuild is under way.' },
  }),
  additionalProperties: false,
} as const;

export const RebuildProgress = object(['subjects', 'events', 'done'], {
  subjects: count,
  events: count,
  done: { type: 'boolean' },
  waiting: { ...text, description: 'Why the step ended early: repeat it a little later.' },
});

/** A misspelt `subject` would erase the tenant, so no other member is allowed, and none may be left out. */
export const Erasure = {
  ...object(['erasure', 'subject', 'until', 'phase', 'pass'], {
    erasure: { type: 'string', pattern: ERASURE_PATTERN, description: 'The id of the erasure.' },
    subject: { type: ['string', 'null'], pattern: SUBJECT_PATTERN, description: 'null: all subjects.' },
    until: { ...time, description: 'Events whose time is not after this.' },
    phase: { type: 'string', enum: ['mark', 'sweep', 'close'] },
    pass: { type: 'integer', minimum: 1, description: 'Which sweep it is.' },
  }),
  additionalProperties: false,
} as const;

export const ErasureProgress = object(['done', 'removed', 'kept'], {
  done: { type: 'boolean' },
  removed: { ...count, description: 'Documents that were removed in this sweep, at least.' },
  kept: {
    type: 'array',
    items: text,
    description: 'Consumers whose documents of several subjects cannot be separated, and were not removed.',
  },
  waiting: { ...text, description: 'Why the step ended early: repeat it a little later.' },
});

const foundDifference = {
  difference: object(['missing', 'different', 'extra'], difference),
  lacking: { type: 'array', items: text, description: 'Ids of the events that are missing or different.' },
};

export const Digests = object(['equal'], {
  equal: { type: 'array', items: { type: 'boolean' } },
  ...foundDifference,
  further: {
    type: 'array',
    items: object(['difference'], foundDifference),
    description: 'The same of further ranges, as many as one answer holds.',
  },
});

export const ReceiptStates = object(['states'], {
  states: {
    type: 'array',
    items: { type: 'string', enum: [...RECEIPT_STATES] },
    description:
      'claimed: its effect has happened; parked: it waits for an operator; erased: it is refused; unknown: there is no such consumer; unclaimed: none of these.',
  },
});

export const HearProgress = object(['ended', 'sent', 'waiting', 'unfinished', 'next'], {
  ended: { ...count, description: 'Copies whose effects have happened, or are none of this cell’s.' },
  sent: { ...count, description: 'Copies that were sent to their consumers.' },
  waiting: count,
  unfinished: { ...count, description: 'Lists of which a step could not see the end.' },
  next: { type: ['string', 'null'], description: 'Where the next step goes on; null if all were looked at.' },
});

export const LoggedEvent = object(['subject', 'key', 'epoch', 'origin', 'hash', 'event'], {
  subject: text,
  key: {
    ...text,
    description: 'The event’s place in the log of its subject: its time, and a hash of its source and id.',
  },
  epoch: { ...count, description: 'Under which it was accepted; 0 for events of earlier releases.' },
  origin: {
    type: ['string', 'null'],
    description: 'The cell that accepted it; unknown for events of earlier releases.',
  },
  hash: { ...text, description: 'SHA-256 of the canonical JSON of what is stored, without tracing.' },
  // Of a type that the application may no longer have.
  event: { anyOf: [{ $ref: '#/components/schemas/CloudEvent' }, ATTRIBUTES] },
});

export const LogPage = object(['items', 'next'], {
  items: { type: 'array', items: LoggedEvent },
  next: { type: ['string', 'null'], description: 'The position to go on after; null at the end.' },
});

export const LogDigest = object(['count', 'sum', 'next'], {
  count,
  sum: {
    ...text,
    description: 'Sum modulo 2^128 of hashes of key, epoch and hash of each event, as 32 hexadecimal digits.',
  },
  next: { type: ['string', 'null'], description: 'The position to go on after; null at the end.' },
});

export const Conflict = object(['event', 'epoch', 'origin', 'standsEpoch', 'standsHash', 'foundAt'], {
  event: { $ref: '#/components/schemas/CloudEvent' },
  epoch: count,
  origin: {
    type: ['string', 'null'],
    description: 'The cell that accepted it; unknown for events of earlier releases.',
  },
  standsEpoch: { ...count, description: 'Of the copy that stands.' },
  standsHash: { ...text, description: 'SHA-256 of the canonical JSON of the body that stands, without tracing.' },
  stands: {
    $ref: '#/components/schemas/CloudEvent',
    description: 'The event that stands, where it is another one, which was accepted without knowledge of this one.',
  },
  fields: { type: 'array', items: text, description: 'What it lost of the item that both events write.' },
  foundAt: time,
});

export const Holdings = object(['items', 'next', 'complete'], {
  items: { type: 'array', items: object(['tenant'], { tenant: { type: 'string', pattern: NAME_PATTERN } }) },
  next: { type: ['string', 'null'] },
  complete: { type: 'boolean', description: 'Whether events of a release without an index are among them.' },
});

const ofCell = { ...text, description: 'Of a cell; the edge has none.' } as const;

export const Health = object(['status', 'cell', 'version'], {
  status: { type: 'string', enum: ['ok', 'degraded', 'down'] },
  cell: text,
  cloud: ofCell,
  region: ofCell,
  version: text,
  proof: { ...text, description: 'The nonce, signed as a compact JWS by the cell’s own key.' },
  peer: object(['cell', 'reached', 'detail'], { cell: text, reached: { type: 'boolean' }, detail: text }),
  measures: object(['parked'], {
    parked: {
      type: 'array',
      items: object(['consumer', 'parked', 'more'], { consumer: text, parked: count, more: { type: 'boolean' } }),
    },
    delays: {
      type: 'array',
      description:
        'How long the latest events took from their acceptance to the state, by consumer, and to another cell, by cell.',
      items: object(['kind', 'name', 'events', 'p50Ms', 'p99Ms', 'mostMs'], {
        kind: { type: 'string', enum: ['publish', 'state', 'copy'] },
        name: text,
        events: count,
        ...{ p50Ms: count, p99Ms: count, mostMs: count },
      }),
    },
    backlogs: {
      type: 'array',
      description:
        'How far each consumer is behind what the relay has published: at least so far if it is silent; null where that is not known.',
      items: object(['consumer', 'backlogMs', 'silent'], {
        consumer: text,
        backlogMs: { type: ['integer', 'null'], minimum: 0 },
        silent: { type: 'boolean' },
      }),
    },
  }),
});
