// The OpenAPI document of the control API, generated from the routes, shapes and problems that the API itself uses.

import { IndexProgress, PushProgress } from '../../api/progress.ts';
import { OPERATOR_CODES } from '../../api/refusal.ts';
import { count, object, page, text, time } from '../../api/schema.ts';
import { NAME_PATTERN } from '../../cell/identity.ts';
import { answer, content, describePaths, problemSchema, ref, type Specifics } from '../../http/openapi-parts.ts';
import { CELL_SHAPE, type Shape } from '../directory/directory-checks.ts';
import { CELL_STATES, ON_ISOLATION, TIERS } from '../ports/directory-model.ts';
import {
  bodyShape,
  CONTROL_BODY_BYTES,
  type ControlCommandName,
  type ControlRouteName,
  controlCommands,
  controlRoutes,
} from './control-routes.ts';

const whole = { type: 'integer' } as const;
const name = { type: 'string', pattern: NAME_PATTERN } as const;

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
  effectsFrom: { ...count, description: 'Its effects that happen once begin no earlier, in Unix milliseconds.' },
  revision: count,
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
  IndexProgress,
  PushProgress,
  Problem: problemSchema(OPERATOR_CODES),
};

const changing = (command: ControlCommandName): Specifics => {
  const shape = bodyShape(controlCommands[command]);
  return {
    requestBody: {
      required: true,
      description: `At most ${CONTROL_BODY_BYTES} bytes.`,
      content: content({ ...object(Object.keys(shape.required), fieldsOf(shape)), additionalProperties: false }),
    },
    responses: { 200: answer('The change was applied, was not needed, or would be applied.', ref('Outcome')) },
  };
};

const commands = Object.fromEntries(
  (Object.keys(controlCommands) as ControlCommandName[]).map((command) => [command, changing(command)]),
) as Record<ControlCommandName, Specifics>;

const specifics: Readonly<Record<ControlRouteName, Specifics>> = {
  ...commands,
  cells: { responses: { 200: answer('All of them.', page(ref('Cell'))) } },
  tenants: { responses: { 200: answer('A page.', page(ref('Tenant'))) } },
  tenant: { responses: { 200: answer('The tenant.', ref('TenantNow')) } },
  failovers: { responses: { 200: answer('All of them.', page(ref('Cell'))) } },
  monitor: { responses: { 200: answer('The status of the monitor.', { type: 'object' }) } },
  approvals: { responses: { 200: answer('All of them.', page(ref('Proposal'))) } },
  audit: { responses: { 200: answer('A page.', page(ref('AuditEntry'))) } },
  pushEvents: { responses: { 200: answer('How far it has come.', ref('PushProgress')) } },
  indexCell: { responses: { 200: answer('How far the index has come.', ref('IndexProgress')) } },
  openapi: { responses: { 200: answer('This document.', { type: 'object' }) } },
};

/** The document as an object. */
export const controlOpenApiDocument = (): unknown => ({
  openapi: '3.1.0',
  info: {
    title: 'The control plane of Polycell',
    version: '1',
    description: 'Cells, tenants, failovers, and who changed them.',
  },
  paths: describePaths<ControlRouteName>(controlRoutes, specifics, 'operator'),
  components: { securitySchemes: { operator: { type: 'http', scheme: 'bearer' } }, schemas },
});
