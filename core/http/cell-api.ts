// The HTTP API of a cell on web-standard requests and responses: authorizes, dispatches to the handler, and maps errors to problems.

import type { ReadStores } from '../api/read.ts';
import { internalError, Refusal, refusalResponse } from '../api/refusal.ts';
import type { Route } from '../api/route.ts';
import { backlogsIn } from '../cell/backlogs.ts';
import { delaysIn, readDelayNotes } from '../cell/delays.ts';
import type { EpochVerdict } from '../cell/epoch-guard.ts';
import type { Health } from '../cell/health.ts';
import type { ProbeTarget } from '../cell/health-probe.ts';
import type { CellIdentity } from '../cell/identity.ts';
import type { Leases } from '../cell/lease-keeper.ts';
import { type CellMeasures, MEASURE_LIMITS } from '../cell/measures.ts';
import { type PeerFinding, readPeer } from '../cell/peer-probe.ts';
import type { RouteClaims, RouteVerdict, Scope } from '../cell/route-token.ts';
import { type Application, missingCodes, topologyOf, waitingRoutes } from '../domain/application.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { EraseCommand, EraseProgress } from '../pipeline/erase.ts';
import type { IngestCommand, IngestResult } from '../pipeline/ingest.ts';
import { type ParkedEvent, type Parking, RELAY } from '../pipeline/parking.ts';
import type { RebuildCommand, RebuildProgress } from '../pipeline/rebuild.ts';
import type { RedriveCommand, RedriveSummary } from '../pipeline/redrive.ts';
import type { SubjectIndex } from '../pipeline/subject-index.ts';
import type { WriteCommand, WriteResult } from '../pipeline/write-once.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError, isPortError, stackOf } from '../ports/errors.ts';
import type { JsonObject } from '../ports/json.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';
import type { Span, Telemetry } from '../ports/telemetry.ts';
import { type Candidates, readCandidates } from './body.ts';
import { type ApiRequest, type Call, json, type RouteHandler } from './call.ts';
import { erasures } from './erasures.ts';
import { CELL_HEADER, ROUTE_HEADER, RPO_HEADER } from './headers.ts';
import { holdings } from './holdings.ts';
import { logReads } from './log.ts';
import { operations } from './operations.ts';
import { queryOf, readParameters } from './parameters.ts';
import { readHandler, readRoutes, type StoresOf } from './reads.ts';
import { type ReplicaDeps, replica } from './replica.ts';
import { plainPath, routeMatcher, routes } from './routes.ts';
import { noteEvents, servedRequest } from './served-request.ts';
import { writeHandlers, writeRoutes } from './writes.ts';

/** Whose request it is, for log lines, as soon as its token has been verified. */
type Known = { tenant?: string; epoch?: number };

type Match = ReturnType<ReturnType<typeof routeMatcher>>;

/** Consumers whose parked events are counted at the same time. */
const COUNTED_AT_ONCE = 4;

/** Retry-After when the store gives no time of its own, in seconds. */
const RETRY_AFTER_SECONDS = 2;

export interface CellApiDeps {
  readonly cell: CellIdentity;
  readonly application: Application;
  /** The OpenAPI document of the application. */
  readonly document: unknown;
  readonly verifyRouteToken: (token: string | null) => Promise<RouteVerdict>;
  readonly guardEpoch: (tenant: string, epoch: number) => Promise<EpochVerdict>;
  readonly ingest: (command: IngestCommand) => Promise<IngestResult>;
  /** Accepts the events of the domains' writes. */
  readonly once: (command: WriteCommand) => Promise<WriteResult>;
  /** The stores that the domains' reads and writes use. */
  readonly stores: ReadStores;
  readonly subjects: SubjectIndex;
  readonly parking: Parking;
  readonly redrive: (command: RedriveCommand) => Promise<RedriveSummary>;
  readonly rebuild: (command: RebuildCommand) => Promise<RebuildProgress>;
  readonly erase: (command: EraseCommand) => Promise<EraseProgress>;
  /** Without them, operations are carried out wherever they arrive, as in earlier versions. */
  readonly leases?: Leases | undefined;
  /** What has to be noted before a parked event is dropped. */
  readonly dropping: (parked: ParkedEvent) => Promise<void>;
  readonly replica: ReplicaDeps;
  /** See `standingIn`. */
  readonly behindHome: (tenant: string, epoch: number) => Promise<string | undefined>;
  /** See `derivedState`. */
  readonly derivedState: (tenant: string, epoch: number) => Store;
  readonly health: Health;
  /** Signs a nonce as this cell; see `identityProver`. */
  readonly prove: (nonce: string) => Promise<string>;
  /** Probes another cell, for the monitor. */
  readonly probePeer: (target: ProbeTarget) => Promise<PeerFinding>;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly log: Log;
}

/** Returns the API. It never rejects: every error becomes an answer. */
export function createCellApi(deps: CellApiDeps): (request: ApiRequest) => Promise<Response> {
  const { cell, log } = deps;
  const documentText = JSON.stringify(deps.document);
  const missing = missingCodes(deps.application);
  const { consumers } = topologyOf(deps.application);
  const reads = readRoutes(deps.application);
  const table: Readonly<Record<string, Route>> = { ...routes, ...reads, ...writeRoutes(deps.application) };
  const waiting = waitingRoutes(deps.application);
  const matchRoute = routeMatcher(table);
  const served = servedRequest(deps);

  /** The stores of a domain's route: one that needs all of the state gets none while it is not derived. */
  const storesOf =
    (name: string): StoresOf =>
    ({ tenant, epoch }) =>
      waiting.has(name) ? { ...deps.stores, state: deps.derivedState(tenant, epoch) } : deps.stores;

  const readEvents = async ({ query, request }: Call): Promise<Candidates> => {
    readParameters(routes.ingest.parameters, query);
    return readCandidates(request);
  };

  /** Events are read and parsed while the epoch is read from the store. A stale token is reported before any other fault. */
  const ingest = async (call: Call, fenced: Promise<void>): Promise<Response> => {
    const { tenant, epoch, span } = call;
    fenced.catch(() => undefined);
    const candidates = await readEvents(call).catch(async (error: unknown) => {
      await fenced;
      throw error;
    });
    const { traceparent } = span;
    const result = await deps.ingest({ tenant, epoch, ...candidates, traceparent, permitted: fenced });
    if (result.status === 'unavailable') throw result.error;
    const { accepted, duplicates, rejected } = result.summary;
    noteEvents(deps.telemetry, span, result.summary);
    return json(rejected === 0 ? 202 : accepted + duplicates > 0 ? 207 : 400, result.summary);
  };

  const health = async (query: URLSearchParams, request: ApiRequest): Promise<Response> => {
    const { deep: depth, peer: text, nonce, measures: asked } = readParameters(routes.health.parameters, query);
    const deep = depth === '1';
    if (deep) await fence(await authorize(request, 'operate'));
    const peer = text === undefined ? undefined : await observe(request, text);
    const measures = asked === '1' ? await measure(request) : undefined;
    const proof = nonce === undefined ? undefined : await deps.prove(nonce);
    const status = await deps.health.check(deep);
    const { id, cloud, region, version } = cell;
    return json(
      status === 'down' ? 503 : 200,
      {
        status,
        cell: id,
        cloud,
        region,
        version,
        ...(peer !== undefined && { peer }),
        ...(measures !== undefined && { measures }),
        ...(proof !== undefined && { proof }),
      },
      { 'cache-control': 'no-store' },
    );
  };

  /** Probes another cell; only the edge's monitor may request it, as it makes the cell send a request. */
  const observe = async (request: ApiRequest, text: string): Promise<PeerFinding> => {
    await authorize(request, 'observe');
    const target = readPeer(text);
    if (target === undefined)
      throw new Refusal('invalid_parameter', 'The parameter peer must be the id and the origin of a cell.');
    return deps.probePeer(target);
  };

  /** Counts what is parked; only the edge's monitor may request it, as it reads the store. */
  const measure = async (request: ApiRequest): Promise<CellMeasures> => {
    await authorize(request, 'observe');
    const noted = readDelayNotes(deps.stores.state, deps.clock);
    noted.catch(() => undefined);
    const names = consumers.map(({ name }) => name);
    const parked = await mapConcurrently([...names, RELAY], COUNTED_AT_ONCE, async (consumer) => ({
      consumer,
      ...(await deps.parking.count(consumer, MEASURE_LIMITS.parked)),
    }));
    const notes = await noted;
    return { parked, delays: delaysIn(notes), backlogs: backlogsIn(notes, consumers, deps.clock.now()) };
  };

  /** The handlers of all routes except ingest, whose body is read earlier. */
  const handlers: Readonly<Record<string, RouteHandler>> = {
    health: ({ query, request }) => health(query, request),
    openapi: async ({ query }) => {
      readParameters(routes.openapi.parameters, query);
      return new Response(documentText, { headers: { 'content-type': 'application/json' } });
    },
    ...operations(deps),
    ...holdings(deps.subjects),
    ...erasures(deps.erase),
    ...replica(deps.replica, deps.stores.state),
    ...logReads({ ...deps.replica, subjects: deps.subjects }),
    ...Object.fromEntries(Object.values(reads).map((read) => [read.name, readHandler(read, storesOf(read.name))])),
    ...writeHandlers(deps.application, {
      ...{ storesOf, cell: cell.id, clock: deps.clock, once: deps.once },
      noted: (span, summary) => noteEvents(deps.telemetry, span, summary),
    }),
  };

  /** Checks token, cell and scope, in this order. */
  const authorize = async (request: ApiRequest, scope: Scope): Promise<RouteClaims> => {
    const verdict = await deps.verifyRouteToken(request.headers.get(ROUTE_HEADER));
    if (verdict.status === 'invalid')
      throw new Refusal('invalid_route_token', `The route token is refused: ${verdict.reason}.`);
    if (verdict.status === 'misdirected') throw new Refusal('misdirected', verdict.detail);
    const { scopes } = verdict.claims;
    if (!scopes.includes(scope))
      throw new Refusal('missing_scope', `This needs a route token with the scope ${scope}.`);
    return verdict.claims;
  };

  /** Checks the epoch last: only an authorized token may raise it. */
  const fence = async ({ tenant, epoch }: RouteClaims): Promise<void> => {
    const known = await deps.guardEpoch(tenant, epoch);
    if (known.status === 'stale')
      throw new Refusal('stale_epoch', `The route token has epoch ${epoch}; the tenant is at ${known.known}.`);
  };

  const dispatch = async (request: ApiRequest, url: URL, match: Match, span: Span, known: Known): Promise<Response> => {
    if ('allowed' in match) {
      if (match.allowed.length === 0)
        throw new Refusal('not_found', 'Unknown path. GET /openapi.json lists all paths.');
      const allow = match.allowed.join(', ');
      throw new Refusal('method_not_allowed', `This path takes ${allow}.`, { headers: { allow } });
    }
    const { name, id } = match;
    const scope = table[name]?.scope ?? null;
    const claims = scope === null ? undefined : await authorize(request, scope);
    if (claims !== undefined) {
      Object.assign(known, { tenant: claims.tenant, epoch: claims.epoch });
      span.set({ 'polycell.tenant': claims.tenant, 'polycell.epoch': claims.epoch });
    }
    const call = {
      request,
      query: queryOf(url),
      id,
      span,
      tenant: claims?.tenant ?? '',
      epoch: claims?.epoch ?? 0,
      scopes: claims?.scopes ?? [],
    };
    const fenced = claims === undefined || table[name]?.ofCell === true ? Promise.resolve() : fence(claims);
    if (name === 'ingest') return ingest(call, fenced);
    await fenced;
    const handler = handlers[name];
    if (handler === undefined) throw new TypeError(`The route ${name} has no handler.`);
    const response = await handler(call);
    if (scope === 'read') {
      const behind = await deps.behindHome(call.tenant, call.epoch);
      if (behind !== undefined) response.headers.set(RPO_HEADER, behind);
    }
    return response;
  };

  return async (request) => {
    const url = new URL(request.url);
    const match = matchRoute(request.method, plainPath(url.pathname));
    const route = 'allowed' in match ? undefined : table[match.name];
    const { span, answered } = served(request, route);
    const known: Known = {};
    let response: Response;
    try {
      response = await dispatch(request, url, match, span, known);
    } catch (error) {
      response = refusalResponse(toRefusal(error, log, { ...known, traceparent: span.traceparent }), missing);
    }
    response.headers.set('traceparent', span.traceparent);
    response.headers.set(CELL_HEADER, cell.id);
    answered(response.status);
    return response;
  };
}

/** The only mapping from errors to refusals shown to clients. */
function toRefusal(error: unknown, log: Log, about: JsonObject): Refusal<string> {
  if (error instanceof Refusal) return error;
  if (isPortError(error)) {
    log.warn('a request failed because of the store or the bus', { ...describeError(error), ...about });
    const seconds = Math.max(RETRY_AFTER_SECONDS, Math.ceil((error.retryAfterMs ?? 0) / 1000));
    return new Refusal(
      'store_unavailable',
      'The store cannot take the request now. Repeat it: what was stored already comes back as a duplicate.',
      { retryAfterSeconds: seconds },
    );
  }
  log.error('a request failed', {
    ...describeError(error),
    ...stackOf(error),
    ...about,
  });
  return internalError();
}
