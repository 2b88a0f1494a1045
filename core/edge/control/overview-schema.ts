// The schema of the overview, as the document of the control API has it.

import { count, object, text, time } from '../../api/schema.ts';
import { NAME_PATTERN } from '../../cell/identity.ts';
import { CELL_STATES, FAILOVER_POLICIES, ON_ISOLATION, STANDBY_MODES, TIERS } from '../ports/directory-model.ts';

const name = { type: 'string', pattern: NAME_PATTERN } as const;
const flag = { type: 'boolean' } as const;
const maybeText = { type: ['string', 'null'] } as const;
const maybeTime = { type: ['string', 'null'], format: 'date-time' } as const;
const maybeCount = { type: ['integer', 'null'], minimum: 0 } as const;
const list = (items: object) => ({ type: 'array', items }) as const;
const part = (items: object) => object(['items', 'more'], { items: list(items), more: flag });

/** The fencing under way. */
export const FENCING = object(['waiting', 'jobs'], {
  waiting: count,
  jobs: list({ type: 'object' }),
});

const measured = object(['at', 'version', 'parked', 'delays', 'backlogs'], {
  at: time,
  version: text,
  parked: list(object(['consumer', 'parked', 'more'], { consumer: text, parked: count, more: flag })),
  delays: {
    ...list(
      object(['kind', 'name', 'events', 'p50Ms', 'p99Ms', 'mostMs'], {
        kind: { type: 'string', enum: ['publish', 'state', 'copy'] },
        name: text,
        events: count,
        ...{ p50Ms: count, p99Ms: count, mostMs: count },
      }),
    ),
    description:
      'How long the latest events took from their acceptance: until the relay had published them (publish), until a consumer was done (state), until another cell had stored them (copy).',
  },
  backlogs: {
    ...list(object(['consumer', 'backlogMs', 'silent'], { consumer: text, backlogMs: maybeCount, silent: flag })),
    description:
      'How far each consumer is behind what the relay has published: by at least so much if it is silent; null where that is not known.',
  },
});

const replication = object(['failing', 'failingSince', 'behind', 'unknown', 'comparedAt'], {
  failing: { ...count, description: 'Tenants whose other cell is not reached; of each kind, 20 at most are counted.' },
  failingSince: maybeTime,
  behind: { ...count, description: 'Tenants of which events were left unsent.' },
  unknown: { ...count, description: 'Tenants whose RPO is not known: no comparison has found everything there.' },
  comparedAt: { ...maybeTime, description: 'From when on events of the worst other tenant may be missing there.' },
});

const budget = object(['counted', 'missed', 'left'], {
  counted: { ...count, description: 'Requests, or minutes in which there was something to measure.' },
  missed: { ...count, description: 'Of these, requests that failed, or minutes in which the objective was not kept.' },
  left: {
    type: ['number', 'null'],
    maximum: 1,
    description: '1: all of it; 0: used up; below 0: the objective is missed; null: nothing is known yet.',
  },
});

const budgets = object(['since', 'availability', 'state', 'lag', 'rpo'], {
  since: {
    type: ['string', 'null'],
    format: 'date',
    description: 'The first day that is known (UTC); null if the window is known from its beginning.',
  },
  ...{ availability: budget, state: budget, lag: budget, rpo: budget },
});

const OBJECTIVES = ['availability', 'windowDays', 'stateSeconds', 'lagSeconds', 'rpoSeconds'] as const;

const positive = { type: 'number', exclusiveMinimum: 0 } as const;

const objectives = {
  ...object(OBJECTIVES, {
    availability: { ...positive, exclusiveMaximum: 1 },
    windowDays: { type: 'integer', minimum: 1 },
    ...{ stateSeconds: positive, lagSeconds: positive, rpoSeconds: positive },
  }),
  description: 'What the cells’ error budgets are judged by.',
} as const;

const cell = object(
  [
    ...([
      'id',
      'cloud',
      'region',
      'jurisdiction',
      'endpoint',
      'state',
      'policy',
      'capacity',
      'homes',
      'standbys',
    ] as const),
    ...([
      'verdict',
      'since',
      'silentSince',
      'answers',
      'detail',
      'stay',
      'refusal',
      'routed',
      'measured',
      'replication',
      'budget',
    ] as const),
  ],
  {
    id: name,
    cloud: text,
    region: text,
    jurisdiction: text,
    endpoint: text,
    state: { type: 'string', enum: CELL_STATES },
    policy: { type: 'string', enum: FAILOVER_POLICIES },
    capacity: count,
    homes: count,
    standbys: count,
    verdict: { type: 'string', enum: ['unknown', 'up', 'failing'] },
    since: maybeTime,
    silentSince: { ...maybeTime, description: 'The last sign of life of a cell that does not answer.' },
    answers: { type: ['boolean', 'null'], description: 'Whether the latest probe was answered.' },
    detail: text,
    stay: { ...maybeText, description: 'Why it is not failed over although it is failing.' },
    refusal: maybeText,
    routed: object(['requests', 'ingests', 'failures'], { requests: count, ingests: count, failures: count }),
    measured: { oneOf: [measured, { type: 'null' }], description: 'What the cell has said of itself.' },
    replication: {
      oneOf: [replication, { type: 'null' }],
      description: 'How far the tenants that it serves are at their other cells, by what the cells have noted.',
    },
    budget: {
      oneOf: [budgets, { type: 'null' }],
      description: 'Its error budgets over the window of the objectives; null before the first whole minute.',
    },
  },
);

const tenant = object(
  [
    'id',
    'cell',
    'standby',
    'servedBy',
    'unserved',
    'epoch',
    'residency',
    'tier',
    'pinned',
    'onIsolation',
    'standbyMode',
  ],
  {
    id: name,
    cell: name,
    standby: maybeText,
    servedBy: maybeText,
    unserved: { ...maybeText, description: 'Why no cell serves it.' },
    epoch: { type: ['integer', 'null'] },
    residency: text,
    tier: { type: 'string', enum: TIERS },
    pinned: flag,
    onIsolation: { type: 'string', enum: ON_ISOLATION },
    standbyMode: { type: 'string', enum: STANDBY_MODES },
  },
);

const failover = object(
  ['revision', 'cell', 'actor', 'reason', 'silentSince', 'downAt', 'servedAt', 'rtoMs', 'backAt'],
  {
    revision: count,
    cell: name,
    actor: text,
    reason: text,
    silentSince: maybeTime,
    downAt: time,
    servedAt: { ...maybeTime, description: 'When every standby that took over was first seen answering.' },
    rtoMs: { ...maybeCount, description: 'From the last sign of life, or else from downAt, to servedAt; as measured.' },
    backAt: maybeTime,
  },
);

const SERIES = [
  ...(['probeMs', 'requests', 'ingests', 'failures', 'requestMs', 'parked'] as const),
  ...(['stateMs', 'backlogMs', 'lagMs', 'rpoMs'] as const),
] as const;

const series = object(['stepMs', 'until', 'cells'], {
  stepMs: count,
  until: maybeTime,
  cells: {
    type: 'object',
    additionalProperties: object(SERIES, {
      probeMs: list(maybeCount),
      requests: list(count),
      ingests: list(count),
      failures: list(count),
      requestMs: list(maybeCount),
      parked: list(maybeCount),
      ...{ stateMs: list(maybeCount), backlogMs: list(maybeCount), lagMs: list(maybeCount), rpoMs: list(maybeCount) },
    }),
  },
});

const PARTS = ['revision', 'monitor', 'cells', 'tenants', 'fencing', 'failovers', 'objectives', 'series'] as const;

export const OVERVIEW = object(PARTS, {
  revision: { ...count, description: 'The directory’s revision that tenants and failovers are of.' },
  monitor: object(['trouble', 'intervalMs'], { trouble: maybeText, intervalMs: count }),
  cells: part(cell),
  tenants: part(tenant),
  fencing: FENCING,
  failovers: list(failover),
  objectives,
  series,
});
