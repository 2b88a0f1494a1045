// The OpenAPI document of the control API, generated from the routes, shapes and problems that the API itself uses.

import { IndexProgress, PushProgress, ReplicaNote } from '../../api/progress.ts';
import { OPERATOR_CODES } from '../../api/refusal.ts';
import { count, object, page, text, time } from '../../api/schema.ts';
import { NAME_PATTERN } from '../../cell/identity.ts';
import { answer, content, describePaths, problemSchema, ref, type Specifics } from '../../http/openapi-parts.ts';
import { CELL_SHAPE, type Shape } from '../directory/directory-checks.ts';
import { CELL_STATES, FAILOVER_POLICIES, ON_ISOLATION, STANDBY_MODES, TIERS } from '../ports/directory-model.ts';
import { FAILBACK_STATES } from '../ports/failback-gate.ts';
import { CREDENTIAL_REFUSALS, problemAnswer, SERVERS } from '../router/edge-openapi.ts';
import { AGE_HEADER } from '../router/own-answers.ts';
import {
  bodyShape,
  CONTROL_BODY_BYTES,
  type ControlCommandName,
  type ControlRouteName,
  controlCommands,
  controlRoutes,
} from './control-routes.ts';
import { Drill } from './drill-schema.ts';
import { DRILL_SHAPE } from './drills.ts';
import { CellErasures, Erasure } from './erasure-schema.ts';
import { ERASE_SHAPE, REPLAY_SHAPE } from './erasures.ts';
import { Move } from './move-schema.ts';
import { MOVE_ACTION_SHAPE, MOVE_ROUTES, MOVE_SHAPE } from './moves.ts';
import { FENCING, OVERVIEW } from './overview-schema.ts';

const whole = { type: 'integer' } as const;
const name = { type: 'string', pattern: NAME_PATTERN } as const;

const PUBLIC_KEY = object(['kty', 'crv', 'kid', 'x'], {
  kty: { const: 'OKP' },
  crv: { const: 'Ed25519' },
  kid: text,
  x: text,
});

const keyList = { type: 'array', items: ref('PublicKey') } as const;

const fieldsOf = ({ required, optional }: Shape) =>
  Object.fromEntries(Object.entries({ ...required, ...optional }).map(([field, { schema }]) => [field, schema]));

const cell = object([...Object.keys(CELL_SHAPE.required), 'state', 'switches', 'revision'], {
  ...fieldsOf(CELL_SHAPE),
  state: { type: 'string', enum: CELL_STATES },
  switches: count,
  returnsTo: { const: 'draining' },
  provedEndpoint: text,
  effectsFrom: {
    ...count,
    description: 'Effects of its tenants that happen once begin no earlier, in Unix milliseconds.',
  },
  revision: count,
});

const tenant = object(['id', 'cell', 'standby', 'epochBase', 'residency', 'tier', 'pinned', 'revision'], {
  id: name,
  cell: name,
  standby: { type: ['string', 'null'] },
  epochBase: whole,
  residency: name,
  tier: { type: 'string', enum: TIERS },
  pinned: { type: 'boolean' },
  onIsolation: { type: 'string', enum: ON_ISOLATION },
  standbyMode: { type: 'string', enum: STANDBY_MODES, description: 'warm if absent.' },
  effectsFrom: { ...count, description: 'Its effects that happen once begin no earlier, in Unix milliseconds.' },
  revision: count,
});

const comparison = object(['startedAt', 'endedAt', 'tenants', 'looked', 'complete', 'behind', 'missing', 'reasons'], {
  startedAt: { ...count, description: 'In milliseconds since 1970.' },
  endedAt: { type: ['integer', 'null'] },
  tenants: { ...count, description: 'The tenants of the cell.' },
  looked: { ...count, description: 'Of these, how many have been looked at.' },
  complete: { type: 'boolean', description: 'Whether all have.' },
  behind: { ...count, description: 'Tenants of which events are missing, or that could not be compared.' },
  missing: { ...count, description: 'Events that are missing, as far as they were counted.' },
  reasons: { type: 'array', items: text, description: 'Why, for the first of these tenants.' },
});

const schemas = {
  Cell: {
    ...cell,
    required: [...cell.required, 'homes', 'standbys'],
    properties: { ...cell.properties, homes: count, standbys: count },
  },
  Tenant: tenant,
  TenantNow: {
    ...tenant,
    required: [...tenant.required, 'epoch', 'resolution'],
    properties: {
      ...tenant.properties,
      epoch: { type: ['integer', 'null'] },
      resolution: {
        oneOf: [
          object(['status', 'cell', 'endpoint', 'epoch', 'tier'], {
            status: { const: 'served' },
            cell: name,
            endpoint: text,
            epoch: count,
            tier: { type: 'string', enum: TIERS },
          }),
          object(['status', 'reason'], { status: { const: 'unserved' }, reason: text }),
        ],
      },
    },
  },
  Change: object(['kind', 'id', 'before', 'after'], {
    kind: { type: 'string', enum: ['cell', 'tenant'] },
    id: name,
    before: { type: ['object', 'null'], description: 'null if the command added it.' },
    after: { type: ['object', 'null'], description: 'null if the command removed it.' },
  }),
  Proposal: object(['id', 'actor', 'reason', 'command', 'expiresAt'], {
    id: count,
    actor: text,
    reason: text,
    command: { type: 'object' },
    expiresAt: time,
  }),
  Outcome: object(['status', 'revision', 'changes', 'movedTenants', 'notes'], {
    status: { type: 'string', enum: ['applied', 'unchanged', 'previewed', 'proposed'] },
    revision: count,
    changes: { type: 'array', items: ref('Change') },
    movedTenants: { ...count, description: 'Tenants whose requests go to another cell, or to none.' },
    notes: { type: 'array', items: text },
    proposal: ref('Proposal'),
  }),
  AuditEntry: object(['revision', 'at', 'actor', 'reason', 'command', 'outcome', 'changes'], {
    revision: count,
    at: time,
    actor: text,
    reason: text,
    command: { type: 'object' },
    outcome: { type: 'string', enum: ['applied', 'refused', 'proposed'] },
    approves: count,
    refusal: object(['code', 'detail'], { code: text, detail: text }),
    changes: { type: 'array', items: ref('Change') },
  }),
  Move,
  Drill,
  Erasure,
  CellErasures,
  Failback: object(['cell', 'state', 'running', 'latest'], {
    cell: name,
    state: {
      type: 'string',
      enum: FAILBACK_STATES,
      description: 'caught-up: it can be failed back now. unknown: no comparison still says something.',
    },
    running: { oneOf: [comparison, { type: 'null' }], description: 'The comparison that is under way.' },
    latest: { oneOf: [comparison, { type: 'null' }], description: 'The latest that has ended.' },
  }),
  IndexProgress,
  PushProgress,
  ReplicaNote,
  Monitor: object(['at', 'settings', 'roundAt', 'trouble', 'cells', 'fencing'], {
    at: time,
    settings: { type: 'object', additionalProperties: whole },
    roundAt: { type: ['string', 'null'], description: 'When the latest round began that reached the directory.' },
    trouble: { type: ['string', 'null'], description: 'What keeps the monitor from working.' },
    cells: {
      type: 'array',
      items: object(['id', 'state', 'policy', 'verdict', 'since', 'probes', 'detail', 'stay', 'refusal', 'seenBy'], {
        id: name,
        state: { type: 'string', enum: CELL_STATES },
        policy: { type: 'string', enum: FAILOVER_POLICIES },
        verdict: { type: 'string', enum: ['unknown', 'up', 'failing'] },
        since: time,
        probes: { ...text, description: 'Oldest first: . an answer, s a late one, x a failure, ? inconclusive.' },
        detail: text,
        stay: { type: ['string', 'null'], description: 'Why it is not failed over although it is failing.' },
        refusal: { type: ['string', 'null'] },
        seenBy: { type: 'object', additionalProperties: { type: 'boolean' } },
      }),
    },
    fencing: FENCING,
    catchingUp: object(['waiting', 'problem'], {
      waiting: { ...count, description: 'Tenants whose cells are to be compared, each way for itself.' },
      problem: { type: ['string', 'null'] },
      deriving: object(['waiting', 'problem'], {
        waiting: { ...count, description: 'Tenants whose cells derive what they have left underived.' },
        problem: { type: ['string', 'null'] },
      }),
    }),
    signers: {
      type: 'array',
      items: ref('SeenSigner'),
      description: 'The keys that monitor and routers sign with, and when each was last seen.',
    },
  }),
  Overview: OVERVIEW,
  PublicKey: PUBLIC_KEY,
  Keys: object(['signing', 'cells'], {
    signing: { type: 'array', items: ref('SeenSigner'), description: 'The key of the isolate that answers first.' },
    cells: {
      type: 'array',
      items: object(['id', 'state', 'declared', 'proves', 'accepts', 'problem'], {
        id: name,
        state: { type: 'string', enum: CELL_STATES },
        declared: keyList,
        proves: {
          type: ['string', 'null'],
          description: 'The id of the key that it has just proved its identity with.',
        },
        accepts: { ...keyList, type: ['array', 'null'], description: 'By which it verifies what the edge has signed.' },
        problem: { type: ['string', 'null'], description: 'Why it does not say.' },
      }),
    },
  }),
  SeenSigner: object(['key', 'at'], { key: ref('PublicKey'), at: time }),
  Problem: problemSchema(OPERATOR_CODES),
};

/** What the overview is answered with, besides. */
const OVERVIEW_HEADERS = {
  etag: { description: 'Changes with the content.', schema: text },
  [AGE_HEADER]: { description: 'Milliseconds since the content was last confirmed.', schema: text },
} as const;

/** What a dry run of draining a cell answers. */
const PREVIEW = {
  status: 'previewed',
  revision: 41,
  changes: [{ kind: 'cell', id: 'aws-alpha', before: { state: 'active' }, after: { state: 'draining' } }],
  movedTenants: 0,
  notes: [],
};

const bodyOf = (shape: Shape) => ({
  required: true,
  description: `At most ${CONTROL_BODY_BYTES} bytes.`,
  content: content({ ...object(Object.keys(shape.required), fieldsOf(shape)), additionalProperties: false }),
});

const changing = (command: ControlCommandName): Specifics => {
  const shape = bodyShape(controlCommands[command]);
  return {
    requestBody: bodyOf(shape),
    responses: {
      200: {
        description: 'The change was applied, was not needed, would be applied, or waits for another operator.',
        content: { 'application/json': { schema: ref('Outcome'), example: PREVIEW } },
      },
    },
  };
};

const commands = Object.fromEntries(
  (Object.keys(controlCommands) as ControlCommandName[]).map((command) => [command, changing(command)]),
) as Record<ControlCommandName, Specifics>;

const moveActions = Object.fromEntries(
  Object.keys(MOVE_ROUTES).map((name) => [
    name,
    { requestBody: bodyOf(MOVE_ACTION_SHAPE), responses: { 200: answer('The move afterwards.', ref('Move')) } },
  ]),
) as unknown as Record<keyof typeof MOVE_ROUTES, Specifics>;

/** An order, and what is shown of it. */
const ordered = (fields: Shape, what: string, of: string): Specifics => ({
  requestBody: bodyOf(fields),
  responses: { 200: answer(what, ref(of)) },
});

const specifics: Readonly<Record<ControlRouteName, Specifics>> = {
  ...commands,
  failBack: {
    ...commands.failBack,
    responses: {
      ...commands.failBack.responses,
      409: problemAnswer({
        description: 'It is not failed back: see Retry-After.',
        headers: ['retry-after'],
        examples: {
          not_caught_up: 'aws-alpha would serve without events: acme: 2 events of azure-beta are not in aws-alpha.',
        },
      }),
    },
  },
  comparison: { responses: { 200: answer('What is known.', ref('Failback')) } },
  cells: { responses: { 200: answer('All of them.', page(ref('Cell'))) } },
  tenants: { responses: { 200: answer('A page.', page(ref('Tenant'))) } },
  tenant: { responses: { 200: answer('The tenant.', ref('TenantNow')) } },
  failovers: { responses: { 200: answer('All of them.', page(ref('Cell'))) } },
  monitor: { responses: { 200: answer('The status of the monitor.', ref('Monitor')) } },
  overview: {
    responses: {
      200: { ...answer('The overview.', ref('Overview')), headers: OVERVIEW_HEADERS },
      304: { ...answer('Nothing has changed since the one with this entity tag.'), headers: OVERVIEW_HEADERS },
    },
  },
  keys: { responses: { 200: answer('The keys.', ref('Keys')) } },
  metrics: {
    responses: { 200: { description: 'The metrics.', content: content({ type: 'string' }, 'text/plain') } },
  },
  approvals: { responses: { 200: answer('All of them.', page(ref('Proposal'))) } },
  audit: { responses: { 200: answer('A page.', page(ref('AuditEntry'))) } },
  pushEvents: { responses: { 200: answer('How far it has come.', ref('PushProgress')) } },
  replicas: { responses: { 200: answer('A page.', page(ref('ReplicaNote'))) } },
  moves: { responses: { 200: answer('All that are kept.', page(ref('Move'))) } },
  move: { responses: { 200: answer('The move.', ref('Move')) } },
  moveTenant: ordered(MOVE_SHAPE, 'The move, or what it would be.', 'Move'),
  ...moveActions,
  eraseData: ordered(ERASE_SHAPE, 'The erasure, or what it would be.', 'Erasure'),
  erasures: { responses: { 200: answer('A page.', page(ref('Erasure'))) } },
  erasure: { responses: { 200: answer('The erasure.', ref('Erasure')) } },
  cellErasures: { responses: { 200: answer('How many there are.', ref('CellErasures')) } },
  replayErasures: ordered(REPLAY_SHAPE, 'How many there are.', 'CellErasures'),
  indexCell: { responses: { 200: answer('How far the index has come.', ref('IndexProgress')) } },
  drills: { responses: { 200: answer('The newest of them.', page(ref('Drill'))) } },
  noteDrill: ordered(DRILL_SHAPE, 'The drill as it is kept.', 'Drill'),
  openapi: { responses: { 200: answer('This document.', { type: 'object' }) } },
};

/** The refusals of every route that takes a token. */
const REFUSALS = {
  ...CREDENTIAL_REFUSALS,
  403: problemAnswer({
    description: 'The token lacks the scope of this route.',
    examples: { missing_scope: 'This needs a token with the scope control.write.' },
  }),
  503: problemAnswer({
    description: 'It cannot be answered now; after unknown_outcome, the change may have been made.',
    headers: ['retry-after'],
    examples: {
      directory_unavailable: 'The directory is unavailable, and nothing has been changed. Retry later.',
      issuer_unavailable: 'What verifying the credential needs cannot be had now.',
      monitor_unavailable: 'Requests are served without it; retry later.',
      unknown_outcome: 'The directory did not confirm the change. Repeat the command: it is idempotent.',
    },
  }),
} as const;

/** The paths, with what every route that takes a token may answer. */
const paths = Object.fromEntries(
  Object.entries(describePaths<ControlRouteName>(controlRoutes, specifics, 'operator')).map(([path, methods]) => [
    path,
    Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, withRefusals(operation)])),
  ]),
);

function withRefusals(operation: unknown): unknown {
  const { security, responses, ...others } = operation as { readonly security?: unknown; readonly responses: object };
  if (security === undefined) return operation;
  return { ...others, security, responses: { ...REFUSALS, ...responses } };
}

/** The document as an object. */
export const controlOpenApiDocument = (): unknown => ({
  openapi: '3.1.0',
  info: {
    title: 'The control plane of Polycell',
    version: '1',
    description:
      'Cells, tenants, failovers, and who changed them. Requests for a tenant go to /control/v1/tenants/{tenant}/api followed by a path of ' +
      'the document /openapi.json, with one of the scopes tenants.ingest, tenants.read and tenants.operate.',
  },
  servers: SERVERS,
  paths,
  components: {
    securitySchemes: {
      operator: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'A token of the operators’ issuer, for the audience of the control API and with its scopes.',
      },
    },
    schemas,
  },
});
