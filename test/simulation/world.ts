// Two routers, a directory, its read cache, a monitor and three cells on memory adapters, on one scheduler, with a network that fails.
import { MemoryDirectoryStorage } from '../../adapters/memory/memory-directory-storage.ts';
import { noTelemetry } from '../../adapters/otlp/no-telemetry.ts';
import { application } from '../../core/application.ts';
import { epochGuard } from '../../core/cell/epoch-guard.ts';
import { cellHealth } from '../../core/cell/health.ts';
import { healthProbe, type Probe } from '../../core/cell/health-probe.ts';
import { peerProbe } from '../../core/cell/peer-probe.ts';
import type { RouteClaims, RouteVerdict } from '../../core/cell/route-token.ts';
import { registryOf } from '../../core/domain/application.ts';
import { createDirectory } from '../../core/edge/directory/directory.ts';
import { createEdge } from '../../core/edge/edge.ts';
import { leaseDesk } from '../../core/edge/lease-desk.ts';
import { fenceRequest } from '../../core/edge/monitor/fence-request.ts';
import { createFencing } from '../../core/edge/monitor/fencing.ts';
import { createMonitor } from '../../core/edge/monitor/monitor.ts';
import { MONITOR_DEFAULTS, type MonitorSettings } from '../../core/edge/monitor/monitor-settings.ts';
import { peerQuestion } from '../../core/edge/monitor/peer-question.ts';
import { createProber } from '../../core/edge/monitor/prober.ts';
import type { Directory } from '../../core/edge/ports/directory.ts';
import type {
  Cell,
  DirectoryCommand,
  DirectoryIntent,
  DirectoryRecord,
  Tenant,
} from '../../core/edge/ports/directory-model.ts';
import type { RouteCache } from '../../core/edge/ports/route-cache.ts';
import { crossOrigin } from '../../core/edge/router/cross-origin.ts';
import { forwarder } from '../../core/edge/router/forward.ts';
import { quota } from '../../core/edge/router/quota.ts';
import { RouteResolver } from '../../core/edge/router/route-resolver.ts';
import { createRouter } from '../../core/edge/router/router.ts';
import { createCellApi } from '../../core/http/cell-api.ts';
import { CELL_HEADER, ROUTE_HEADER } from '../../core/http/headers.ts';
import type { Fetch } from '../../core/lib/timed-fetch.ts';
import document from '../../core/openapi.generated.json' with { type: 'json' };
import type { Consumer } from '../../core/pipeline/consumer.ts';
import { ingest } from '../../core/pipeline/ingest.ts';
import { redrive } from '../../core/pipeline/redrive.ts';
import { subjectIndex } from '../../core/pipeline/subject-index.ts';
import { toEpochSeconds } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import { heldAssignments } from '../../core/replication/held-assignments.ts';
import { replicaNotes } from '../../core/replication/notes.ts';
import { type TestCell, testCell } from '../support/cell.ts';
import { PLENTY, sayso } from '../support/edge.ts';
import { countingIds } from '../support/ids.ts';
import { MemoryMonitorStorage } from '../support/monitor-storage.ts';
import { NO_TOMBSTONES } from '../support/nothing-erased.ts';
import { NOTICES } from '../support/notices.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { issuedCredentials } from './issuer.ts';
import { leaseQuestion } from './lease-question.ts';
import type { Random } from './random.ts';
import { ReadCache } from './read-cache.ts';
import { ComponentClock, type Scheduler } from './scheduler.ts';
import {
  CELL_IDS,
  CELLS,
  type CellId,
  countingDoubts,
  type Effect,
  keyOf,
  type Mutant,
  type Place,
  ROUTERS,
  TENANTS,
  type Way,
} from './setting.ts';
import { Ways } from './ways.ts';

const NONE = () => Promise.reject(new Error('No cell replicates here, and no operator rebuilds anything.'));

export class World {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly ways = new Ways();
  readonly cells = new Map<CellId, TestCell>();
  readonly clocks = new Map<Place, ComponentClock>();
  readonly directory: Directory;
  readonly log = new RecordingLog();
  readonly routers = new Map<string, (request: Request) => Promise<Response>>();
  /** What a cell did under an older epoch than it had done before. */
  readonly relapses: string[] = [];
  readonly cache: ReadCache;
  /** Cells whose platform answers in their place, now and then. */
  readonly failing = new Set<CellId>();
  /** Cell → how long each request to its stores takes, in milliseconds. */
  readonly storeMs = new Map<CellId, number>();
  /** Whether clients send bodies that do not come to an end. */
  hasSlowClients = false;
  /** Whether deliveries come twice, or are not acknowledged. */
  isBusUnsure = false;
  /** Effects that must happen once, as they end; times are the world's. */
  onEffect: (effect: Effect) => void = () => undefined;
  readonly #handlers = new Map<CellId, (request: Request) => Promise<Response>>();
  readonly #mutant: Mutant | undefined;
  /** Cell and tenant → when the cell last served it. */
  readonly #served = new Map<string, number>();

  constructor(scheduler: Scheduler, random: Random, mutant?: Mutant) {
    this.scheduler = scheduler;
    this.random = random;
    this.#mutant = mutant;
    for (const place of [...CELL_IDS, ...ROUTERS, 'monitor', 'directory'] as const)
      this.clocks.set(place, new ComponentClock(scheduler));
    const storage = new MemoryDirectoryStorage();
    const directory = createDirectory({ storage, clock: this.clock('directory') });
    this.cache = new ReadCache({ scheduler, clock: this.clock('directory'), random, storage, log: this.log, mutant });
    this.directory = {
      ...directory,
      change: async (command, intent) => {
        const outcome = await directory.change(command, intent);
        if (outcome.status === 'applied')
          this.cache.changed(outcome.changes.map(({ kind, after }) => ({ kind, value: after }) as DirectoryRecord));
        return outcome;
      },
    };
    for (const id of CELL_IDS) this.#addCell(id);
    for (const router of ROUTERS) this.#addRouter(router);
  }

  clock(place: Place): ComponentClock {
    const clock = this.clocks.get(place);
    if (clock === undefined) throw new TypeError(`${place} has no clock.`);
    return clock;
  }

  /** The way between two places now. */
  way(from: Place, to: Place): Way | undefined {
    return this.ways.of(`${from} ${to}`) ?? this.ways.of(`* ${to}`);
  }

  command(command: DirectoryCommand, more: Partial<DirectoryIntent> = {}) {
    return this.directory.change(command, { actor: 'operator', reason: 'the simulation', ...more });
  }

  async setUp(): Promise<void> {
    for (const id of CELL_IDS) {
      const endpoint = `https://${id}.example`;
      const keys = [keyOf(id)];
      const cell = {
        ...{ id, cloud: CELLS[id], region: `region-of-${id}`, jurisdiction: 'eu', endpoint, keys },
        ...{ capacity: 10, price: 1, failover: 'automatic' as const },
      };
      await this.command({ kind: 'add-cell', cell }, { proof: { cell: id, endpoint, keys } });
    }
    for (const [tenant, { home, standby }] of Object.entries(TENANTS))
      await this.command({ kind: 'add-tenant', tenant, residency: 'any', tier: 'standard', cell: home, standby });
  }

  /** Starts a monitor, with rounds as alarms do them. */
  startMonitor(): void {
    const clock = this.clock('monitor');
    const fetch = this.fetchFrom('monitor');
    const settings: MonitorSettings =
      this.#mutant === 'slow-detection'
        ? { ...MONITOR_DEFAULTS, intervalMs: 5000, urgentMs: 5000, timeoutMs: 2000, silenceMs: 0, failures: 3 }
        : MONITOR_DEFAULTS;
    const begin = healthProbe({ fetch, clock }, { timeoutMs: settings.timeoutMs, lateMs: 5 * settings.timeoutMs });
    const deaf = (probe: Probe): Probe => ({ ...probe, late: Promise.resolve(null) });
    const sign = async (claims: RouteClaims) => JSON.stringify(claims);
    const storage = new MemoryMonitorStorage();
    const fence = fenceRequest({ fetch, clock, sign, assign: async () => undefined }, 2000);
    const directory = this.#seenFrom('monitor', {
      ...this.directory,
      change: (command, intent) => {
        if (this.#mutant !== 'state-alone') return this.directory.change(command, intent);
        if (command.kind === 'fail-back') return this.directory.change(command, { ...intent, dryRun: true });
        if (command.kind !== 'fail-over') return this.directory.change(command, intent);
        const { answering: _, ...rest } = command;
        return this.directory.change(rest, intent);
      },
    });
    const monitor = createMonitor({
      directory,
      prober: createProber({
        probe: this.#mutant === 'slow-is-dead' ? (target) => deaf(begin(target)) : begin,
        ask: peerQuestion({ fetch, clock, sign }),
        clock,
      }),
      fencing: createFencing({ directory, storage, fence, signedWith: 'edge-1', clock }),
      catchingUp: { round: async () => undefined, progress: () => ({ waiting: 0, problem: null }) },
      storage,
      clock,
      log: this.log,
      settings,
      ...(this.#mutant === 'count-cells' && { rules: { doubts: countingDoubts } }),
    });
    const round = () => {
      const startedAt = this.scheduler.now;
      void monitor.round().then(() => {
        const jitter = this.random.exponential(50);
        clock.wake(Math.max(0, startedAt + settings.intervalMs - this.scheduler.now) + jitter, round);
      });
    };
    clock.wake(0, round);
  }

  /** Requests from one place over the network. */
  fetchFrom(from: Place): Fetch {
    return (request) => {
      const to = new URL(request.url).hostname.replace('.example', '') as CellId;
      const handler = this.#handlers.get(to);
      return this.#travel(from, to, async () => {
        if (handler === undefined) throw new TypeError('There is no such host.');
        return handler(request);
      });
    };
  }

  /** Does something elsewhere: there and back over the network, which may swallow, refuse or delay it. */
  #travel<T>(from: Place, to: Place, work: () => Promise<T>): Promise<T> {
    const way = this.way(from, to);
    const delay = 2 + this.random.exponential(15) + (way?.how === 'slow' ? (way.extraMs ?? 0) : 0);
    if (way?.how === 'silent') return new Promise(() => undefined);
    return new Promise((resolve, reject) => {
      const back = (settleIt: () => void) => {
        // What was cut meanwhile swallows the answer.
        if (this.way(from, to)?.how === 'silent') return;
        this.clocks.get(from)?.wake(delay / 2, settleIt);
      };
      this.scheduler.after(delay / 2, () => {
        if (this.way(from, to)?.how === 'refused') {
          back(() => reject(new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } })));
          return;
        }
        work().then(
          (value) => back(() => resolve(value)),
          (error: unknown) => back(() => reject(error)),
        );
      });
    });
  }

  /** The directory as one place can ask it: within two seconds, or not at all. */
  #seenFrom(from: Place, directory: Directory): Directory {
    return new Proxy(directory, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return (...call: unknown[]) => {
          const late = this.clock(from)
            .sleep(2000)
            .then(() => {
              throw new PortError('unavailable', 'The directory has not answered.');
            });
          const asked = this.#travel(from, 'directory', async () => Reflect.apply(method, target, call)).catch(
            (error: unknown) => {
              throw error instanceof PortError ? error : new PortError('unavailable', 'The directory refuses.');
            },
          );
          return Promise.race([asked, late]);
        };
      },
    });
  }

  #addRouter(router: (typeof ROUTERS)[number]): void {
    const clock = this.clock(router);
    const read = <T>(key: string) =>
      this.#travel(router, 'cache', async () => {
        const text = this.cache.see(key);
        return text === undefined ? undefined : (JSON.parse(text) as T);
      }).catch(() => {
        throw new PortError('unavailable', 'The cache does not answer.');
      });
    const cache: Pick<RouteCache, 'tenant' | 'cell'> = {
      tenant: (id) => Promise.race([read<Tenant>(`tenant/${id}`), this.#late(router)]),
      cell: (id) => Promise.race([read<Cell>(`cell/${id}`), this.#late(router)]),
    };
    const log = new RecordingLog();
    const fetch = this.fetchFrom(router);
    const resolver = new RouteResolver({ cache, directory: this.#seenFrom(router, this.directory), clock, log });
    const never = async () => Response.json({}, { status: 404 });
    const forward = forwarder({
      send: (url, { method, headers, body }) => fetch(new Request(url, { method, headers, body, duplex: 'half' })),
      clock,
      forwardMs: 3000,
    });
    const common = { telemetry: noTelemetry(countingIds()), clock, log };
    const handle = createEdge({
      crossOrigin: crossOrigin({ browsers: [], webhooks: [], webhookRate: 600 }),
      version: '1',
      document,
      tenants: createRouter({
        credentials: [issuedCredentials(clock, () => this.way(router, 'issuer'), this.#mutant)],
        resolver,
        quota: quota({ rules: PLENTY, clock }),
        sign: (grant) => {
          const issuedAt = toEpochSeconds(clock.now());
          return JSON.stringify({ ...grant, issuedAt, expiresAt: issuedAt + 60 });
        },
        forward:
          this.#mutant === 'blamed-cell'
            ? (request, to) => forward({ ...request, bodyFault: () => undefined }, to)
            : forward,
        ...common,
        bodyReadMs: 3000,
        bodyLifeMs: 12_000,
      }),
      operators: sayso('operator'),
      control: never,
      leases: leaseDesk({ directory: this.#seenFrom(router, this.directory), clock, log }),
      failedAt: () => resolver.failedAt,
      ...common,
    });
    this.routers.set(router, handle);
  }

  #late(from: Place): Promise<never> {
    return this.clock(from)
      .sleep(500)
      .then(() => {
        throw new PortError('unavailable', 'The cache has not answered.');
      });
  }

  #addCell(id: CellId): void {
    const clock = this.clock(id);
    const effects = (consumer: Consumer): Consumer => ({
      name: consumer.name,
      apply: async (events) => {
        const begun = this.scheduler.now;
        await consumer.apply(events);
        const tenant = events[0]?.tenant;
        if (consumer.name === 'notices' && tenant !== undefined) this.onEffect({ tenant, cell: id, begun });
      },
    });
    const ask =
      this.#mutant === 'no-lease'
        ? {}
        : { ask: leaseQuestion(id, this.#seenFrom(id, this.directory), this.#served, this.scheduler, this.#mutant) };
    const storeMs = () => this.storeMs.get(id) ?? 0;
    const cell = testCell({ id, clock, application: NOTICES, consumer: effects, storeMs, ...ask });
    cell.bus.delivery = () =>
      this.isBusUnsure ? this.random.pick(['once', 'twice', 'unacknowledged'] as const) : 'once';
    const { events, state, parking, log } = cell;
    const guard = epochGuard(state);
    const subjects = subjectIndex({ events, state });
    const notes = replicaNotes(state, clock);
    const own = { events, clock, tombstones: NO_TOMBSTONES };
    const stored = ingest({ ...own, cell: id, registry: registryOf(application), subjects });
    this.cells.set(id, cell);
    const highest = new Map<string, number>();
    const handle = createCellApi({
      cell: { id, cloud: 'memory', region: 'here', version: '1' },
      application,
      document,
      // Signatures are tried elsewhere; here a token is what it says.
      verifyRouteToken: async (token): Promise<RouteVerdict> => {
        if (token === null) return { status: 'invalid', reason: 'there is none' };
        const claims = JSON.parse(token) as RouteClaims;
        const now = toEpochSeconds(clock.now());
        if (claims.expiresAt <= now - 5 || claims.issuedAt > now + 5) return { status: 'invalid', reason: 'its time' };
        return claims.cell === id ? { status: 'valid', claims } : { status: 'misdirected', detail: claims.cell };
      },
      guardEpoch: this.#mutant === 'no-fence' ? async () => ({ status: 'current' }) : guard,
      ingest: async (command) => {
        if (this.#mutant !== 'forgetful-log' || !this.random.chance(0.01)) return stored(command);
        const ids = command.candidates.map(() => ({ status: 'accepted' as const }));
        return { status: 'ingested', summary: { accepted: ids.length, duplicates: 0, rejected: 0, results: [] } };
      },
      stores: { events, state },
      ...{ subjects, parking, once: NONE, redrive: redrive({ ...own, state, cell: id }), dropping: NONE },
      replica: {
        ...{ ...own, cell: id, endpoints: [], notes, receive: NONE, push: NONE, derive: NONE, copies: NONE },
        ...{ receipts: NONE, claim: NONE, hear: NONE },
        assignments: heldAssignments({ cell: id, state, keys: [], notes }),
      },
      ...{ behindHome: async () => undefined, derivedState: () => state, rebuild: NONE, erase: NONE },
      health: cellHealth({ state, clock, cell: id }),
      prove: async () => '',
      probePeer: peerProbe({ fetch: this.fetchFrom(id), clock }),
      telemetry: noTelemetry(countingIds()),
      clock,
      log,
    });
    this.#handlers.set(id, async (request) => {
      const token = request.headers.get(ROUTE_HEADER);
      if (this.failing.has(id) && this.random.chance(0.5))
        return new Response('<html>', {
          status: 500,
          headers: this.#mutant === 'raw-answers' ? { [CELL_HEADER]: id } : {},
        });
      // What was checked before a newer epoch came may end after it: a slow store takes its time.
      const atArrival = new Map(highest);
      const response = await handle(request);
      if (token === null || !response.ok) return response;
      const { tenant, epoch, scopes } = JSON.parse(token) as RouteClaims;
      this.#served.set(`${id} ${tenant}`, this.scheduler.now);
      if (scopes.includes('observe')) return response;
      const before = atArrival.get(tenant) ?? 0;
      if (epoch < before) this.relapses.push(`${id} served ${tenant} under ${epoch} after ${before}`);
      highest.set(tenant, Math.max(highest.get(tenant) ?? 0, epoch));
      return response;
    });
  }
}
