// The routes of the control API, and the body of each command.
import { choice, type Parameter, paging, text } from '../../api/parameters.ts';
import type { Route } from '../../api/route.ts';
import { CELL_SHAPE, COMMAND_SHAPES, reasonField, type Shape } from '../directory/directory-checks.ts';
import type { ControlScope } from '../ports/credentials.ts';
import type { DirectoryCommand } from '../ports/directory-model.ts';

/** Maximum bytes of a body; a command has a few hundred. */
export const CONTROL_BODY_BYTES = 64 * 1024;

const revision: Parameter<number | undefined> = {
  description: 'Refuse with changed_meanwhile unless the directory is at this revision.',
  schema: { type: 'integer', minimum: 0 },
  read: (value) => (/^\d{1,15}$/.test(value) ? Number(value) : undefined),
  fallback: undefined,
};

const changing = {
  dryRun: choice('1: preview the change without making it.', ['0', '1'], '0'),
  ifRevision: revision,
};

const change = (method: 'PUT' | 'POST' | 'DELETE', path: string, summary: string) =>
  ({ method, path: `/control/v1/${path}`, scope: 'control.write', summary, parameters: changing }) as const;

const read = <P extends Route['parameters']>(path: string, summary: string, parameters: P) =>
  ({ method: 'GET', path: `/control/v1/${path}`, scope: 'control.read', summary, parameters }) as const;

const ofMove = (action: string, summary: string) =>
  ({
    method: 'POST',
    path: `/control/v1/moves/{id}/${action}`,
    scope: 'control.write',
    summary,
    parameters: {},
  }) as const;

export const controlRoutes = {
  cells: read('cells', 'All cells with the tenants that depend on them.', {}),
  addCell: change(
    'PUT',
    'cells/{id}',
    'Add a cell, or change its endpoint, keys, capacity, price or failover policy. A new cell, endpoint or key also needs the scope control.endpoints, and the endpoint must prove that it is the cell.',
  ),
  drainCell: change('POST', 'cells/{id}/drain', 'Stop the cell from taking new tenants.'),
  resumeCell: change('POST', 'cells/{id}/resume', 'Let a draining cell take tenants again.'),
  retireCell: change(
    'POST',
    'cells/{id}/retire',
    'Retire an empty cell for good. Refused with cell_has_data while it holds events, unless leaveData says that they may go out of reach.',
  ),
  indexCell: {
    method: 'POST',
    path: '/control/v1/cells/{id}/index',
    scope: 'control.write',
    summary:
      'Make the cell index some more of the events that an earlier release has stored; to be repeated until it is done.',
    parameters: {},
  },
  replicas: read(
    'cells/{id}/replicas',
    'What the cell has noted of its tenants’ other cells: since when events are left unsent, and when they were last known to be there.',
    { cursor: paging.cursor },
  ),
  tenants: read('tenants', 'Tenants by id, of one home or of all.', {
    cell: text('The home; all homes by default.'),
    ...paging,
  }),
  tenant: read('tenants/{id}', 'One tenant, its epoch, and the cell that serves it now.', {}),
  addTenant: change('PUT', 'tenants/{id}', 'Add a tenant; its home and its standby are chosen unless they are given.'),
  placeTenant: change(
    'POST',
    'tenants/{id}/place',
    'Give a tenant another home, another standby, or both. Refused with tenant_has_data if it would leave events behind, unless leaveData says that it may.',
  ),
  pushEvents: {
    method: 'POST',
    path: '/control/v1/tenants/{id}/push',
    scope: 'control.write',
    summary:
      'Make one of the tenant’s two cells send its events to the other one: one bounded step, to be repeated until it is done.',
    parameters: {
      from: text('The cell that sends; the home by default.'),
      restart: choice('1: begin again, even if a push is under way.', ['0', '1'], '0'),
      verify: choice('1: only compare the events of both cells as they are stored, and send none.', ['0', '1'], '0'),
    },
  },
  moveTenant: {
    method: 'POST',
    path: '/control/v1/tenants/{id}/move',
    scope: 'control.write',
    summary:
      'Move a tenant with its events to another cell, which becomes its home; the present home is its standby then.',
    parameters: { dryRun: changing.dryRun },
  },
  moves: read('moves', 'The moves of tenants, the latest first.', {}),
  move: read('moves/{id}', 'The latest move of a tenant: how far it is, and what it waits for.', {}),
  pauseMove: ofMove('pause', 'Let a move rest where it is.'),
  resumeMove: ofMove('resume', 'Let a move go on.'),
  abortMove: ofMove('abort', 'End a move before the switch: the directory is as it was.'),
  reverseMove: ofMove('reverse', 'Move the tenant back, in the same steps, after the switch.'),
  sealMove: ofMove('seal', 'End a move that is verified: it can no longer be reversed.'),
  eraseData: {
    method: 'POST',
    path: '/control/v1/tenants/{id}/erase',
    scope: 'control.erase',
    summary:
      'Erase the events of a tenant, or of one of its subjects, up to a time, in all cells; a certificate follows. The tenant stays.',
    parameters: { dryRun: changing.dryRun },
  },
  erasures: read('erasures', 'Erasures, the latest first.', { tenant: text('Of this tenant alone.'), ...paging }),
  erasure: read('erasures/{id}', 'An erasure: how far it is in each cell, and its certificate.', {}),
  cellErasures: read(
    'cells/{id}/erasures',
    'How many erasures concern the cell, and how many of these it does not know (yet, or any more).',
    {},
  ),
  replayErasures: {
    method: 'POST',
    path: '/control/v1/cells/{id}/erasures',
    scope: 'control.erase',
    summary:
      'Erase again in a cell whose store was restored what was erased there before. It must not serve before it knows all of it.',
    parameters: {},
  },
  pinTenant: change('POST', 'tenants/{id}/pin', 'Pin a tenant to its home, or unpin it.'),
  isolateTenant: change(
    'POST',
    'tenants/{id}/on-isolation',
    'Whether routers that are cut off from the directory serve the tenant.',
  ),
  setStandbyMode: change(
    'POST',
    'tenants/{id}/standby-mode',
    'Whether the tenant’s standby derives state from events as they come (warm), or only once it takes over (log-only).',
  ),
  removeTenant: change(
    'DELETE',
    'tenants/{id}',
    'Remove a tenant: its requests are refused from then on. Its data are not erased by this; keepData confirms that.',
  ),
  failovers: read('failovers', 'The cells that are down.', {}),
  monitor: read('monitor', 'What the health monitor sees, what it proposes, and the fencing under way.', {}),
  overview: read(
    'overview',
    'Cells, tenants, failovers and fencing, as of the monitor’s latest round. With If-None-Match, 304 if nothing has changed.',
    {},
  ),
  keys: read(
    'keys',
    'The keys that the edge signs with, those by which each cell verifies what it has signed, and the cells’ own keys.',
    {},
  ),
  metrics: read('metrics', 'The numbers of the overview as text, for Prometheus to fetch.', {}),
  drills: read('drills', 'What drills have shown, the latest handed over first; the newest 100 are kept.', {
    limit: paging.limit,
  }),
  noteDrill: {
    method: 'POST',
    path: '/control/v1/drills',
    scope: 'control.write',
    summary: 'Keep what a drill has shown. The same record again is the one that is kept.',
    parameters: {},
  },
  failOver: change('POST', 'failovers', 'Mark a cell down: its tenants are served by their standbys.'),
  failBack: change(
    'POST',
    'failovers/{id}/back',
    'Let a cell that is down serve its tenants again. Refused with not_caught_up and Retry-After while its tenants’ cells are being compared in the background, which this begins, and where that has found events missing, unless force says that they may come later.',
  ),
  comparison: read(
    'failovers/{id}/comparison',
    'What is known of whether the cell may be failed back, and how far a comparison of its tenants’ cells is. It begins none.',
    {},
  ),
  approvals: read('approvals', 'The changes that wait for another operator, newest first.', {}),
  approve: {
    method: 'POST',
    path: '/control/v1/approvals/{id}',
    scope: 'control.endpoints',
    summary: 'Apply a change that another operator has proposed.',
    parameters: changing,
  },
  audit: read('audit', 'The audit log: changes with actor, time and reason; newest first.', paging),
  openapi: {
    method: 'GET',
    path: '/control/v1/openapi.json',
    scope: null,
    summary: 'This document.',
    parameters: {},
  },
} as const satisfies Record<string, Route<ControlScope>>;

export type ControlRouteName = keyof typeof controlRoutes;

/** The command behind a route that changes something. */
export interface ControlCommand {
  readonly kind: DirectoryCommand['kind'];
  /** The field of the command given in the path; the others are in the body. */
  readonly inPath?: 'cell' | 'tenant' | 'proposal';
}

export const controlCommands = {
  addCell: { kind: 'add-cell', inPath: 'cell' },
  drainCell: { kind: 'drain-cell', inPath: 'cell' },
  resumeCell: { kind: 'resume-cell', inPath: 'cell' },
  retireCell: { kind: 'retire-cell', inPath: 'cell' },
  addTenant: { kind: 'add-tenant', inPath: 'tenant' },
  placeTenant: { kind: 'place-tenant', inPath: 'tenant' },
  pinTenant: { kind: 'pin-tenant', inPath: 'tenant' },
  isolateTenant: { kind: 'isolate-tenant', inPath: 'tenant' },
  setStandbyMode: { kind: 'set-standby-mode', inPath: 'tenant' },
  removeTenant: { kind: 'remove-tenant', inPath: 'tenant' },
  failOver: { kind: 'fail-over' },
  failBack: { kind: 'fail-back', inPath: 'cell' },
  approve: { kind: 'approve-change', inPath: 'proposal' },
} as const satisfies Partial<Record<ControlRouteName, ControlCommand>>;

export type ControlCommandName = keyof typeof controlCommands;

/** The fields of a command's body. */
export function bodyShape({ kind, inPath }: ControlCommand): Shape {
  const { required, optional } = kind === 'add-cell' ? CELL_SHAPE : COMMAND_SHAPES[kind];
  const named = kind === 'add-cell' ? 'id' : inPath;
  const inBody = Object.entries(required).filter(([field]) => field !== named);
  return { required: { reason: reasonField, ...Object.fromEntries(inBody) }, optional };
}
