// Wires the parts of the edge.

import { CertificateCredentials } from '../adapters/cloudflare/certificate-credentials.ts';
import { type DirectoryObjectMethods, directoryObject } from '../adapters/cloudflare/directory-object.ts';
import {
  DIRECTORY_NAME,
  type DirectoryStub,
  DurableObjectDirectory,
} from '../adapters/cloudflare/durable-object-directory.ts';
import { COMMON_KEYS, type KeyKind, refreshingJwks } from '../adapters/cloudflare/jwks.ts';
import { JwtCredentials, operatorCaller, tenantCaller } from '../adapters/cloudflare/jwt-credentials.ts';
import { KvRouteCache } from '../adapters/cloudflare/kv-route-cache.ts';
import {
  MONITOR_NAME,
  type MonitorObjectMethods,
  type MonitorStub,
  monitorObject,
  monitorQuestions,
} from '../adapters/cloudflare/monitor-object.ts';
import {
  MOVER_NAME,
  type MoverObjectMethods,
  type MoverStub,
  moverClient,
  moverObject,
} from '../adapters/cloudflare/mover-object.ts';
import type { KvNamespace, ObjectNamespace, ObjectStorage } from '../adapters/cloudflare/platform.ts';
import { refreshingRevocations } from '../adapters/cloudflare/revocations.ts';
import { SqliteDirectoryStorage } from '../adapters/cloudflare/sqlite-directory-storage.ts';
import { ANSWERING, exporter } from '../adapters/otlp/exporter.ts';
import { fetchPost } from '../adapters/otlp/fetch-post.ts';
import type { OtlpTelemetry } from '../adapters/otlp/otlp-telemetry.ts';
import { systemClock as clock, randomIds as ids, jsonLog } from '../adapters/system/system.ts';
import { assignmentSigner } from '../core/cell/assignment.ts';
import { healthProbe } from '../core/cell/health-probe.ts';
import { jwsSigner } from '../core/cell/jws.ts';
import { routeTokenSigner } from '../core/cell/route-token.ts';
import type { TelemetrySettings } from '../core/cell/telemetry-settings.ts';
import { erasureRequest } from '../core/edge/cells/erasure-request.ts';
import { holdingsQuestion } from '../core/edge/cells/holdings-question.ts';
import { keyQuestion } from '../core/edge/cells/key-question.ts';
import { replicaDeriver, replicaPusher } from '../core/edge/cells/replica-pusher.ts';
import { consoleFiles } from '../core/edge/console.ts';
import { createControlApi } from '../core/edge/control/control-api.ts';
import { endpointProver } from '../core/edge/control/endpoint-guard.ts';
import { assigner } from '../core/edge/directory/assigner.ts';
import { createDirectory } from '../core/edge/directory/directory.ts';
import { publisher } from '../core/edge/directory/publisher.ts';
import { createEdge } from '../core/edge/edge.ts';
import { createErasures } from '../core/edge/erasures/erasures.ts';
import { CERTIFICATE_TYPE } from '../core/edge/erasures/steps.ts';
import { leaseDesk } from '../core/edge/lease-desk.ts';
import { catchingUpAndDeriving } from '../core/edge/monitor/deriving.ts';
import { drillBook } from '../core/edge/monitor/drill-book.ts';
import { createFailbackGate } from '../core/edge/monitor/failback-gate.ts';
import { fenceRequest } from '../core/edge/monitor/fence-request.ts';
import { createFencing } from '../core/edge/monitor/fencing.ts';
import { ingestWindow } from '../core/edge/monitor/ingest-times.ts';
import { measureQuestion } from '../core/edge/monitor/measure-question.ts';
import { measuredMonitor } from '../core/edge/monitor/measured-monitor.ts';
import { createMonitor, type MonitorStatus } from '../core/edge/monitor/monitor.ts';
import { createOverview, type OverviewAnswer } from '../core/edge/monitor/overview.ts';
import { peerQuestion } from '../core/edge/monitor/peer-question.ts';
import { createProber } from '../core/edge/monitor/prober.ts';
import { replicaWatch } from '../core/edge/monitor/replica-watch.ts';
import { signerLedger } from '../core/edge/monitor/signers.ts';
import { measuredMover } from '../core/edge/mover/measured-mover.ts';
import { hinderingMove } from '../core/edge/mover/move.ts';
import { createMover } from '../core/edge/mover/mover.ts';
import type { TrafficReport } from '../core/edge/ports/traffic.ts';
import { crossOrigin } from '../core/edge/router/cross-origin.ts';
import { edgeOpenApi } from '../core/edge/router/edge-openapi.ts';
import { forwarder, type Outgoing } from '../core/edge/router/forward.ts';
import { quota } from '../core/edge/router/quota.ts';
import { hasProved } from '../core/edge/router/route-memory.ts';
import { RouteResolver } from '../core/edge/router/route-resolver.ts';
import { routeSigner } from '../core/edge/router/route-signer.ts';
import { createRouter } from '../core/edge/router/router.ts';
import { trafficCounter } from '../core/edge/router/traffic-counter.ts';
import document from '../core/openapi.generated.json' with { type: 'json' };
import { describeError } from '../core/ports/errors.ts';
import { type PublicKey, publicPart } from '../core/ports/keys.ts';
import { type EdgeConfig, OPERATORS_AUDIENCE, TENANTS_AUDIENCE } from './config.ts';

/** Bindings of the directory's object. */
export interface DirectoryBindings {
  readonly ROUTES: KvNamespace;
}

/** Returns the methods of the object that keeps the directory. */
export function composeDirectory(storage: ObjectStorage, { ROUTES }: DirectoryBindings): DirectoryObjectMethods {
  const records = new SqliteDirectoryStorage(storage);
  const cache = new KvRouteCache({ namespace: ROUTES, clock });
  const publish = publisher({ storage: records, cache, log: jsonLog(console.log) });
  return directoryObject({ directory: createDirectory({ storage: records, clock }), records, publish, storage, clock });
}

/** The telemetry of an isolate or an object. */
const telemetryOf = (
  name: string,
  { telemetry: settings, version }: Pick<EdgeConfig, 'telemetry' | 'version'>,
): OtlpTelemetry => {
  const post = (to: TelemetrySettings) => fetchPost(to, (url, init) => fetch(url, init), clock);
  const resource = { 'service.name': name, 'service.version': version, 'cloud.provider': 'cloudflare' };
  return exporter({ settings, post, resource, clock, ids }, ANSWERING);
};

/** Bindings of the monitor's object. */
export interface MonitorBindings {
  readonly DIRECTORY: ObjectNamespace<DirectoryStub>;
}

/** An answer within this many timeouts still counts as a sign of life. */
const LATE_TIMEOUTS = 5;

/** How long a cell may take to adopt a new epoch: unlike a probe, this writes to its store. */
const FENCE_TIMEOUT_MS = 2000;

/** The monitor's object, as other Workers call it. */
export type Watching = MonitorStub<MonitorStatus, OverviewAnswer | null, TrafficReport, PublicKey>;

/** Returns the methods of the object that monitors the cells. */
export function composeMonitor(
  storage: ObjectStorage,
  config: Pick<EdgeConfig, 'routeKey' | 'monitor' | 'objectives' | 'telemetry' | 'version'>,
  { DIRECTORY }: MonitorBindings,
): MonitorObjectMethods<MonitorStatus, OverviewAnswer | null, TrafficReport, PublicKey> {
  const { routeKey, monitor: settings, objectives } = config;
  const { intervalMs, timeoutMs } = settings;
  const log = jsonLog(console.log);
  const keeper = new DurableObjectDirectory({ stub: () => DIRECTORY.getByName(DIRECTORY_NAME), clock, ids });
  const asking = { fetch: (request: Request) => fetch(request), clock };
  const sign = routeTokenSigner(routeKey);
  const assign = assigner(assignmentSigner(routeKey), clock);
  const fence = fenceRequest({ ...asking, sign, assign }, FENCE_TIMEOUT_MS);
  const probe = healthProbe({ ...asking, ids }, { timeoutMs, lateMs: LATE_TIMEOUTS * timeoutMs });
  const replication = replicaWatch({ directory: keeper, clock });
  const overview = createOverview({
    directory: keeper,
    measure: measureQuestion({ ...asking, sign }),
    replication,
    storage,
    objectives,
    clock,
    log,
    intervalMs,
  });
  const comparing = {
    directory: keeper,
    push: replicaPusher({ ...asking, sign, assign }),
    ...holdingsQuestion({ ...asking, sign }),
    derive: replicaDeriver({ ...asking, sign, assign }),
    clock,
  };
  const signers = signerLedger(publicPart(routeKey), clock);
  const watch = createMonitor({
    directory: keeper,
    prober: createProber({ probe, ask: peerQuestion({ ...asking, sign }), clock }),
    fencing: createFencing({ directory: keeper, storage, fence, signedWith: routeKey.kid, clock }),
    catchingUp: catchingUpAndDeriving({ ...comparing, watch: replication }),
    storage,
    clock,
    log,
    settings,
    overview,
    signers,
  });
  const telemetry = telemetryOf('polycell-monitor', config);
  const monitor = measuredMonitor({ monitor: watch, overview, telemetry, flush: telemetry.flush });
  const gate = createFailbackGate(comparing);
  const ingests = ingestWindow(clock);
  const report = (traffic: TrafficReport, signer: PublicKey | undefined): void => {
    overview.report(traffic);
    ingests.report(traffic);
    if (signer !== undefined) signers.seen(signer);
  };
  return monitorObject({
    monitor,
    report,
    ingestTimes: ingests.times,
    gate,
    book: drillBook(storage, clock),
    storage,
    clock,
    intervalMs,
  });
}

/** Bindings of the mover's object. */
export interface MoverBindings extends MonitorBindings {
  readonly MONITOR: ObjectNamespace<Watching>;
}

/** Returns the methods of the object that moves tenants. */
export function composeMover(
  storage: ObjectStorage,
  config: Pick<EdgeConfig, 'routeKey' | 'telemetry' | 'version'>,
  { DIRECTORY, MONITOR }: MoverBindings,
): MoverObjectMethods {
  const { routeKey } = config;
  const log = jsonLog(console.log);
  const askMonitor = monitorQuestions(MONITOR, clock);
  const telemetry = telemetryOf('polycell-mover', config);
  const directory = new DurableObjectDirectory({ stub: () => DIRECTORY.getByName(DIRECTORY_NAME), clock, ids });
  const sign = routeTokenSigner(routeKey);
  const assign = assigner(assignmentSigner(routeKey), clock);
  const asking = { fetch: (request: Request) => fetch(request), clock, sign, assign };
  const erasures = createErasures({
    directory,
    request: erasureRequest(asking),
    holdings: holdingsQuestion(asking),
    moving: async (tenant) => hinderingMove(await mover.show(tenant)),
    sign: jwsSigner(routeKey, CERTIFICATE_TYPE),
    ...{ storage, clock, ids, log },
  });
  const mover = createMover({
    isErasing: async (tenant) => (await erasures.underWay(tenant)) !== undefined,
    bring: async (tenant, cell) => {
      const answer = await erasures.bringErasures(tenant, [cell]);
      return 'refused' in answer ? answer.detail : null;
    },
    // Routers count what clients notice of all processes of a cell, of which one that pushes may take no requests.
    ingestTimes: (cell, agoMs) =>
      askMonitor((monitor) => monitor.ingestTimes(cell, agoMs)).catch((error: unknown) => {
        log.warn('moves go on without being throttled by waiting clients', describeError(error));
        return null;
      }),
    directory,
    push: replicaPusher(asking),
    derive: replicaDeriver(asking),
    fence: fenceRequest(asking, FENCE_TIMEOUT_MS),
    storage,
    clock,
    log,
  });
  const measured = measuredMover({ mover, telemetry, flush: telemetry.flush });
  return moverObject({ mover: measured, erasures, storage, clock });
}

/** A body is buffered while it arrives, and during two attempts and the time between them; an older one belongs to an ended request. */
const BODY_LIVES = 4;

/** Bindings of the Worker. */
export interface EdgeBindings extends DirectoryBindings, MonitorBindings {
  readonly MONITOR: ObjectNamespace<Watching>;
  /** https://developers.cloudflare.com/workers/static-assets/binding/ */
  readonly ASSETS: { fetch(request: Request): Promise<Response> };
  readonly MOVER: ObjectNamespace<MoverStub>;
}

/** A failure is not urgent: the next isolate tries again. */
const awake = (what: string, work: Promise<unknown>): Promise<unknown> =>
  work.catch((error: unknown) => jsonLog(console.log).warn(`the ${what} cannot be woken`, describeError(error)));

/** Ensures that the monitor runs. */
export const wakeMonitor = ({ MONITOR }: Pick<EdgeBindings, 'MONITOR'>): Promise<unknown> =>
  awake('monitor', MONITOR.getByName(MONITOR_NAME).wake());

/** Ensures that moves under way go on. */
export const wakeMover = ({ MOVER }: Pick<EdgeBindings, 'MOVER'>): Promise<unknown> =>
  awake('mover', MOVER.getByName(MOVER_NAME).list());

/** Redirects are left to the client, because the route token is only for this cell. */
const AS_IT_IS = { redirect: 'manual' } as const;

/** A cell's answer belongs to one tenant, whatever its URL: the platform must not cache it. */
const UNCACHED = { ...AS_IT_IS, cache: 'no-store' } as const;

/** Cacheable methods (https://developers.cloudflare.com/workers/reference/how-the-cache-works/); the option costs time. */
const isCacheable = (method: string): boolean => method === 'GET' || method === 'HEAD';

/** Throws before anything is sent if the request is invalid. */
const send = (url: string, outgoing: Outgoing): Promise<Response> =>
  fetch(new Request(url, { ...outgoing, ...(isCacheable(outgoing.method) ? UNCACHED : AS_IT_IS) }));

/** https://developers.cloudflare.com/workers/runtime-apis/streams/transformstream/#fixedlengthstream */
declare const FixedLengthStream: new (length: number) => TransformStream<Uint8Array, Uint8Array>;

const withLength = (stream: ReadableStream<Uint8Array>, length: number): ReadableStream<Uint8Array> =>
  stream.pipeThrough(new FixedLengthStream(length));

const SECONDS_A_MINUTE = 60;

/** Keeps the platform from ending a request before some work for it is done, which its answer does not wait for. */
type WaitUntil = (work: Promise<unknown>) => void;

/** Returns the edge's HTTP API; created once per isolate. */
export function composeEdge(
  config: EdgeConfig,
  bindings: EdgeBindings,
): (request: Request, waitUntil: WaitUntil) => Promise<Response> {
  const log = jsonLog(console.log);
  const telemetry = telemetryOf('polycell-edge', config);
  const askMonitor = monitorQuestions(bindings.MONITOR, clock);
  const { issuer, jwksUrl, forwardMs } = config;
  const keysAt = (url: string, kinds?: readonly KeyKind[]) =>
    refreshingJwks({ url, fetch: (address, init) => fetch(address, init), clock, ...(kinds && { kinds }) });
  const own = { issuer, keys: keysAt(jwksUrl), clock };
  const { operators } = config;
  const directoryClient = new DurableObjectDirectory({
    stub: () => bindings.DIRECTORY.getByName(DIRECTORY_NAME),
    clock,
    ids,
  });
  const resolver = new RouteResolver({
    cache: new KvRouteCache({ namespace: bindings.ROUTES, clock }),
    directory: directoryClient,
    clock,
    log,
    ...(config.trust.proofs === 'required' && { isTrusted: hasProved }),
  });
  const ordered = moverClient(() => bindings.MOVER.getByName(MOVER_NAME), clock);
  const signer = publicPart(config.routeKey);
  const traffic = trafficCounter({
    send: (report) => askMonitor((monitor) => monitor.report(report, signer)),
    clock,
    log,
  });
  const edge = createEdge({
    version: config.version,
    document: edgeOpenApi(document),
    tenants: createRouter({
      credentials: [
        new JwtCredentials({ ...own, audience: TENANTS_AUDIENCE, caller: tenantCaller }),
        new CertificateCredentials({
          authorities: config.deviceCa,
          revoked: refreshingRevocations(bindings.ROUTES, clock),
          clock,
        }),
      ],
      resolver,
      quota: quota({ rules: config.quotas, clock }),
      sign: routeSigner({ sign: routeTokenSigner(config.routeKey), clock }),
      forward: traffic.counting(forwarder({ send, clock, forwardMs })),
      telemetry,
      clock,
      log,
      // The same time as for a streamed body.
      bodyReadMs: forwardMs,
      bodyLifeMs: BODY_LIVES * forwardMs,
      withLength,
    }),
    operators:
      operators === undefined
        ? new JwtCredentials({ ...own, audience: OPERATORS_AUDIENCE, caller: operatorCaller() })
        : new JwtCredentials({
            issuer: operators.issuer,
            audience: operators.audience,
            keys: keysAt(operators.jwksUrl, COMMON_KEYS),
            kinds: COMMON_KEYS,
            caller: operatorCaller(operators.subject),
            clock,
          }),
    control: createControlApi({
      directory: directoryClient,
      monitor: () => askMonitor((monitor) => monitor.status()),
      overview: (known) => askMonitor((monitor) => monitor.overview(known)),
      gate: { caughtUp: (...question) => askMonitor((monitor) => monitor.caughtUp(...question)) },
      prove: endpointProver({ fetch: (request) => fetch(request), clock, ids }),
      push: replicaPusher({
        fetch: (request) => fetch(request),
        sign: routeTokenSigner(config.routeKey),
        assign: assigner(assignmentSigner(config.routeKey), clock),
        clock,
      }),
      mover: ordered,
      erasures: ordered,
      drills: {
        noteDrill: (...call) => askMonitor((monitor) => monitor.noteDrill(...call)),
        drills: () => askMonitor((monitor) => monitor.drills()),
      },
      holdings: holdingsQuestion({
        fetch: (request) => fetch(request),
        sign: routeTokenSigner(config.routeKey),
        clock,
      }),
      keys: { ask: keyQuestion({ fetch: (request) => fetch(request), clock, ids }), signer },
      trust: config.trust,
      clock,
      log,
    }),
    console: config.console && consoleFiles({ settings: config.console, files: bindings.ASSETS }),
    leases: leaseDesk({ directory: directoryClient, clock, log }),
    crossOrigin: crossOrigin({
      ...config.crossOrigin,
      webhookRate: Math.floor(config.quotas.standard.perSecond * SECONDS_A_MINUTE),
    }),
    failedAt: () => resolver.failedAt,
    clock,
    telemetry,
    log,
  });
  return async (request, waitUntil) => {
    const response = await edge(request);
    waitUntil(telemetry.flush());
    const report = traffic.afterwards();
    if (report !== undefined) waitUntil(report);
    return response;
  };
}
