// The control API on web-standard requests and responses: operators read and change the directory over HTTP.
import { Refusal } from '../../api/refusal.ts';
import { isName } from '../../cell/identity.ts';
import { readParameters } from '../../http/parameters.ts';
import { routeMatcher } from '../../http/routes.ts';
import type { Clock } from '../../ports/clock.ts';
import { describeError, isPortError } from '../../ports/errors.ts';
import type { Log } from '../../ports/log.ts';
import type { Holdings } from '../cells/holdings-question.ts';
import type { ReplicaPusher } from '../cells/replica-pusher.ts';
import { movesTrust, withKnownKeys } from '../directory/directory-cells.ts';
import { openProposals, PROPOSAL_LIMITS } from '../directory/proposals.ts';
import type { MonitorStatus } from '../monitor/monitor.ts';
import type { Overview, OverviewAnswer } from '../monitor/overview.ts';
import type { Directory } from '../ports/directory.ts';
import {
  type Cell,
  type CellDefinition,
  type DirectoryCommand,
  type DirectoryIntent,
  epochOf,
  MONITOR,
  type Proposal,
  resolveTenant,
} from '../ports/directory-model.ts';
import type { DrillBook } from '../ports/drills.ts';
import type { Erasures } from '../ports/erasures.ts';
import type { FailbackGate } from '../ports/failback-gate.ts';
import type { Mover } from '../ports/mover.ts';
import { AGE_HEADER, ownHeaders, ownRefusal } from '../router/own-answers.ts';
import { commandOf, readFields, readShape } from './command-body.ts';
import { controlOpenApiDocument } from './control-openapi.ts';
import { RETRY_LATER, toRefusal } from './control-refusals.ts';
import { type ControlCommandName, type ControlRouteName, controlCommands, controlRoutes } from './control-routes.ts';
import { drillHandlers } from './drills.ts';
import type { TrustSettings } from './endpoint-guard.ts';
import { erasureHandlers, erasuresFirst, knowsErasures } from './erasures.ts';
import { failbackAnswers } from './failback.ts';
import { type KeysDeps, shownKeys } from './keys.ts';
import { leftBehind, serverIfPlaced } from './left-behind.ts';
import { METRICS_TYPE, metricsText } from './metrics-text.ts';
import { moves, unmoved } from './moves.ts';

/** The operator who calls; authenticated before the request reaches this API. */
export interface Operator {
  /** The subject of the token, for the audit log. */
  readonly subject: string;
  readonly scopes: readonly string[];
}

export interface ControlApiDeps {
  readonly directory: Directory;
  /** The health monitor's status. Rejects with `unavailable` when it does not answer in time. */
  readonly monitor: () => Promise<unknown>;
  /** Its overview, unless the viewer has the one with this entity tag; `null` before its first round. Rejects as `monitor` does. */
  readonly overview: (known: string | null) => Promise<OverviewAnswer | null>;
  /** Asks an endpoint for a proof, and says why there is none; `undefined` if it is the cell. See `endpointProver`. */
  readonly prove: (cell: CellDefinition) => Promise<string | undefined>;
  /** Asks cells what they hold; see `holdingsQuestion`. */
  readonly holdings: Holdings;
  /** Makes a cell push a tenant's events to the other one; see `replicaPusher`. */
  readonly push: ReplicaPusher;
  /** Knows whether a cell that is down may serve again; see `createFailbackGate`. */
  readonly gate: FailbackGate;
  /** Moves tenants; see `createMover`. */
  readonly mover: Mover;
  /** Erases events of tenants; see `createErasures`. */
  readonly erasures: Erasures;
  /** Keeps what drills have shown; see `drillBook`. */
  readonly drills: DrillBook;
  /** See `shownKeys`. */
  readonly keys: KeysDeps;
  readonly trust: TrustSettings;
  readonly clock: Clock;
  readonly log: Log;
}

interface ControlCall {
  readonly request: Request;
  readonly query: URLSearchParams;
  /** The segment of the path that names a cell or a tenant. */
  readonly id: string;
  readonly operator: Operator;
}

/** Returns the API. Rejects for a name that is not an operator's, or for an internal error; the caller turns that into an answer. */
export function createControlApi({
  directory,
  monitor,
  overview,
  prove,
  holdings,
  push,
  gate,
  mover,
  erasures,
  drills,
  keys,
  trust,
  clock,
  log,
}: ControlApiDeps): (request: Request, operator: Operator, traceparent: string) => Promise<Response> {
  const match = routeMatcher(controlRoutes);
  const leftIfPlaced = leftBehind({ holdings, push, clock });
  const failbacks = failbackAnswers({ gate, now: () => clock.now(), log });
  const requireUnmoved = unmoved(mover, log);
  const bringErasures = erasuresFirst(erasures, directory, log);
  const requireErasures = knowsErasures(erasures, log);

  const proposals = async (): Promise<readonly Proposal[]> => {
    const { items } = await directory.audit({ limit: PROPOSAL_LIMITS.entries });
    return openProposals(items, clock.now());
  };

  const knownCell = async (id: string): Promise<Cell | undefined> =>
    (await directory.cells()).find(({ cell }) => cell.id === id)?.cell;

  const cellNamed = async (id: string): Promise<Cell> => {
    const cell = isName(id) ? await knownCell(id) : undefined;
    if (cell !== undefined) return cell;
    throw new Refusal('unknown_cell', `There is no cell ${JSON.stringify(id.slice(0, 63))}.`);
  };

  const completed = async (cell: CellDefinition): Promise<CellDefinition> =>
    withKnownKeys(cell, await knownCell(cell.id));

  /** The proof that the endpoint is the cell's; refused without it. */
  const proofOf = async (cell: CellDefinition, operator: Operator): Promise<Pick<DirectoryIntent, 'proof'>> => {
    const { id, endpoint, keys } = cell;
    if (keys === undefined && trust.proofs === 'optional') return {};
    const fault = keys === undefined ? 'the cell is declared without keys' : await prove(cell);
    if (keys !== undefined && fault === undefined) return { proof: { cell: id, endpoint, keys } };
    log.warn('an endpoint has not proved that it is the cell', {
      cell: id,
      endpoint,
      actor: operator.subject,
      fault: fault ?? '',
    });
    throw new Refusal('endpoint_unproved', `${endpoint} has not proved that it is ${id}: ${fault}.`);
  };

  /** A change of where requests go, or of a cell's keys, needs its own scope, a proof, and with approvals a second operator. */
  const guarded = async (
    command: DirectoryCommand,
    operator: Operator,
  ): Promise<Pick<DirectoryIntent, 'proof' | 'propose'>> => {
    if (command.kind === 'approve-change') {
      const proposal = (await proposals()).find(({ id }) => id === command.proposal);
      return proposal?.command.kind === 'add-cell' ? proofOf(await completed(proposal.command.cell), operator) : {};
    }
    if (command.kind !== 'add-cell' || !isName(command.cell.id)) return {};
    const known = await knownCell(command.cell.id);
    const definition = withKnownKeys(command.cell, known);
    if (!movesTrust(known, definition)) return {};
    if (!operator.scopes.includes('control.endpoints'))
      throw new Refusal('missing_scope', 'A new cell, endpoint or key needs a token with the scope control.endpoints.');
    const proof = await proofOf(definition, operator);
    return { ...proof, ...(trust.approvals === 'endpoints' && { propose: true }) };
  };

  /** What the cells hold that a tenant may leave, or a cell that is to be retired; what a cell lacks that is to be failed back. */
  const heard = async (command: DirectoryCommand): Promise<Pick<DirectoryIntent, 'holdings' | 'behind'>> => {
    if (command.kind === 'fail-back') {
      const cell = isName(command.cell) ? await knownCell(command.cell) : undefined;
      if (cell?.state === 'down') await requireErasures(cell.id);
      return cell?.state === 'down' ? { behind: await failbacks.behind(cell, command.force === true) } : {};
    }
    if (command.kind === 'place-tenant' && isName(command.tenant))
      await requireUnmoved(command.tenant, command.leaveData === true);
    if ('leaveData' in command) return {};
    if (command.kind === 'place-tenant') {
      const { tenant, cells } = await directory.lookup(command.tenant);
      if (tenant === null) return {};
      return { holdings: await leftIfPlaced(tenant, cells, serverIfPlaced(command, tenant, cells)) };
    }
    if (command.kind !== 'retire-cell') return {};
    const cell = await knownCell(command.cell);
    if (cell === undefined || cell.state === 'retired') return {};
    return { holdings: { [cell.id]: await holdings.heldBy(cell) } };
  };

  const change =
    (name: ControlCommandName) =>
    async ({ request, query, id, operator }: ControlCall): Promise<unknown> => {
      const { dryRun, ifRevision } = readParameters(controlRoutes[name].parameters, query);
      const { reason, command } = commandOf(
        controlCommands[name],
        id,
        await readFields(request, controlCommands[name]),
      );
      const intent = {
        actor: operator.subject,
        reason,
        ...(await guarded(command, operator)),
        ...(await heard(command)),
        ...(dryRun === '1' && { dryRun: true }),
        ...(ifRevision !== undefined && { ifRevision }),
      };
      const outcome = await directory.change(command, { ...intent, ...(await bringErasures(command, intent)) });
      if (outcome.status !== 'refused') return outcome;
      const { code, detail } = outcome;
      throw new Refusal(code, detail, code === 'not_caught_up' ? failbacks.retry : {});
    };

  /** A tenant with both of its cells, each of which can prove who it is. */
  const pairOf = async (id: string) => {
    const { tenant, cells } = await directory.lookup(id);
    if (tenant === null) throw new Refusal('unknown_tenant', `There is no tenant ${JSON.stringify(id.slice(0, 63))}.`);
    const home = cells.find((cell) => cell.id === tenant.cell);
    const standby = cells.find((cell) => cell.id === tenant.standby);
    if (home === undefined || standby === undefined)
      throw new Refusal('standby_unavailable', `${id} has no standby; give it one first.`);
    for (const cell of [home, standby])
      if (cell.keys === undefined)
        throw new Refusal('endpoint_unproved', `${cell.id} is declared without keys, so no cell would believe it.`);
    return { tenant, home, standby };
  };

  const monitorAway = (error: unknown): never => {
    if (!isPortError(error)) throw error;
    log.warn('the monitor does not answer', describeError(error));
    throw new Refusal('monitor_unavailable', 'Requests are served without it; retry later.', RETRY_LATER);
  };

  const overviewNow = async (known: string | null): Promise<OverviewAnswer> => {
    const answer = await overview(known).catch(monitorAway);
    if (answer !== null) return answer;
    throw new Refusal('monitor_unavailable', 'The monitor has not made a round yet; retry later.', RETRY_LATER);
  };

  const overviews = async () =>
    (await directory.cells()).map(({ cell, homes, standbys }) => ({ ...cell, homes, standbys }));

  const handed = {
    ...{ ...moves(mover, log), ...erasureHandlers(erasures, cellNamed, log) },
    ...drillHandlers(drills, clock, log),
  };
  const moved = Object.fromEntries(
    Object.entries(handed).map(([name, handle]) => [
      name,
      (call: ControlCall) => handle({ ...call, fields: (shape) => readShape(call.request, shape) }),
    ]),
  ) as Record<keyof typeof handed, (call: ControlCall) => Promise<unknown>>;

  const handlers: Readonly<Record<ControlRouteName, (call: ControlCall) => Promise<unknown>>> = {
    cells: async ({ query }) => {
      readParameters(controlRoutes.cells.parameters, query);
      return { items: await overviews(), next: null };
    },
    tenants: async ({ query }) => {
      const { cell, limit, cursor } = readParameters(controlRoutes.tenants.parameters, query);
      return directory.tenants({
        limit,
        ...(cell !== undefined && { cell }),
        ...(cursor !== undefined && { cursor }),
      });
    },
    tenant: async ({ query, id }) => {
      readParameters(controlRoutes.tenant.parameters, query);
      const { tenant, cells } = await directory.lookup(id);
      if (tenant === null)
        throw new Refusal('unknown_tenant', `There is no tenant ${JSON.stringify(id.slice(0, 63))}.`);
      const cellOf = (name: string) => cells.find((cell) => cell.id === name);
      const home = cellOf(tenant.cell);
      return {
        ...tenant,
        epoch: home === undefined ? null : epochOf(tenant, home),
        resolution: resolveTenant(tenant, cellOf),
      };
    },
    failovers: async ({ query }) => {
      readParameters(controlRoutes.failovers.parameters, query);
      return { items: (await overviews()).filter(({ state }) => state === 'down'), next: null };
    },
    monitor: async ({ query }) => {
      readParameters(controlRoutes.monitor.parameters, query);
      return monitor().catch(monitorAway);
    },
    overview: async ({ request, query }) => {
      readParameters(controlRoutes.overview.parameters, query);
      const { etag, ageMs, body } = await overviewNow(request.headers.get('if-none-match'));
      const headers = { 'content-type': 'application/json', etag, [AGE_HEADER]: String(ageMs) };
      return new Response(body, { status: body === null ? 304 : 200, headers });
    },
    keys: async ({ query }) => {
      readParameters(controlRoutes.keys.parameters, query);
      const status = (await monitor().catch(monitorAway)) as MonitorStatus;
      const cells = (await directory.cells()).map(({ cell }) => cell);
      return shownKeys(keys, cells, status, clock);
    },
    metrics: async ({ query }) => {
      readParameters(controlRoutes.metrics.parameters, query);
      const { body, ageMs } = await overviewNow(null);
      const text = metricsText(JSON.parse(body ?? '') as Overview, ageMs);
      return new Response(text, { headers: { 'content-type': METRICS_TYPE } });
    },
    approvals: async ({ query }) => {
      readParameters(controlRoutes.approvals.parameters, query);
      return { items: await proposals(), next: null };
    },
    audit: async ({ query }) => {
      const { limit, cursor } = readParameters(controlRoutes.audit.parameters, query);
      return directory.audit({ limit, ...(cursor !== undefined && { cursor }) });
    },
    openapi: async ({ query }) => {
      readParameters(controlRoutes.openapi.parameters, query);
      return controlOpenApiDocument();
    },
    addCell: change('addCell'),
    drainCell: change('drainCell'),
    resumeCell: change('resumeCell'),
    retireCell: change('retireCell'),
    indexCell: async ({ query, id }) => {
      readParameters(controlRoutes.indexCell.parameters, query);
      const cell = await cellNamed(id);
      const progress = await holdings.index(cell);
      if (typeof progress !== 'string') return progress;
      throw new Refusal('cell_unavailable', `${cell.id}: ${progress}.`, RETRY_LATER);
    },
    replicas: async ({ query, id }) => {
      const { cursor } = readParameters(controlRoutes.replicas.parameters, query);
      const cell = await cellNamed(id);
      const found = await holdings.replicas(cell, cursor);
      if (typeof found !== 'string') return found;
      throw new Refusal('cell_unavailable', `${cell.id}: ${found}.`, RETRY_LATER);
    },
    addTenant: change('addTenant'),
    placeTenant: change('placeTenant'),
    pushEvents: async ({ query, id }) => {
      const { from, restart, verify } = readParameters(controlRoutes.pushEvents.parameters, query);
      const { tenant, home, standby } = await pairOf(id);
      if (from !== undefined && from !== home.id && from !== standby.id)
        throw new Refusal('invalid_parameter', `${id} is in ${home.id} and ${standby.id}, and not in that cell.`);
      const progress = await push({
        tenant,
        home,
        standby,
        from: from ?? home.id,
        restart: restart === '1',
        verify: verify === '1',
        // What an operator compares is to find also what was changed in a store itself.
        contents: verify === '1',
      });
      if (typeof progress !== 'string') return progress;
      throw new Refusal('cell_unavailable', `${progress}.`, RETRY_LATER);
    },
    ...moved,
    pinTenant: change('pinTenant'),
    isolateTenant: change('isolateTenant'),
    setStandbyMode: change('setStandbyMode'),
    removeTenant: change('removeTenant'),
    failOver: change('failOver'),
    failBack: change('failBack'),
    comparison: async ({ query, id }) => {
      readParameters(controlRoutes.comparison.parameters, query);
      return failbacks.shown(await cellNamed(id));
    },
    approve: change('approve'),
  };

  const dispatch = async (request: Request, operator: Operator): Promise<unknown> => {
    const { pathname, searchParams: query } = new URL(request.url);
    const found = match(request.method, pathname);
    if ('allowed' in found) {
      if (found.allowed.length === 0)
        throw new Refusal('not_found', 'Unknown path; GET /control/v1/openapi.json lists all of them.');
      const allow = found.allowed.join(', ');
      throw new Refusal('method_not_allowed', `This path takes ${allow}.`, { headers: { allow } });
    }
    const { scope } = controlRoutes[found.name];
    if (scope !== null && !operator.scopes.includes(scope))
      throw new Refusal('missing_scope', `This needs a token with the scope ${scope}.`);
    return handlers[found.name]({ request, query, id: found.id, operator });
  };

  return async (request, operator, traceparent) => {
    // In the audit log, this name stands for changes that no operator has made.
    if (operator.subject === MONITOR) throw new Refusal('invalid_credential', `No operator is called ${MONITOR}.`);
    try {
      const answer = await dispatch(request, operator);
      const type = answer instanceof Response ? answer.headers.get('content-type') : null;
      const headers = ownHeaders(traceparent, type ?? 'application/json');
      if (!(answer instanceof Response)) return new Response(JSON.stringify(answer), { headers });
      for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
      return answer;
    } catch (error) {
      return ownRefusal(traceparent, toRefusal(error, log, traceparent));
    }
  };
}
