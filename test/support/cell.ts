// A whole cell in memory: the API, the log, the bus and both consumers, moved on by hand.
import { MemoryStore } from '../../adapters/memory/memory-store.ts';
import { MemoryTelemetry } from '../../adapters/memory/memory-telemetry.ts';
import { delayNotes } from '../../core/cell/delays.ts';
import { LEASE_PATH, readUnsigned } from '../../core/cell/lease.ts';
import { type AskForLeases, edgeQuestion, leaseKeeper, permitBy } from '../../core/cell/lease-keeper.ts';
import { REPLICATE } from '../../core/cell/topology.ts';
import { type Application, topologyOf } from '../../core/domain/application.ts';
import { applicationApi } from '../../core/http/application-api.ts';
import { openApiDocument } from '../../core/http/openapi.ts';
import type { Fetch } from '../../core/lib/timed-fetch.ts';
import { consume } from '../../core/pipeline/consume.ts';
import type { Consumer } from '../../core/pipeline/consumer.ts';
import { crashMarkers } from '../../core/pipeline/crash-markers.ts';
import { leavingCopies } from '../../core/pipeline/leave-copies.ts';
import { parking } from '../../core/pipeline/parking.ts';
import { notedBus } from '../../core/pipeline/progress.ts';
import { relay } from '../../core/pipeline/relay.ts';
import { timedDelivery } from '../../core/pipeline/timed-delivery.ts';
import { tombstones, withoutErased } from '../../core/pipeline/tombstones.ts';
import { tracedConsumer, tracedParking, tracedRelay } from '../../core/pipeline/traced.ts';
import { underivedNotes } from '../../core/pipeline/underived.ts';
import type { DeliveryHandler } from '../../core/ports/bus.ts';
import type { ChangeRecord } from '../../core/ports/change-stream.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Json } from '../../core/ports/json.ts';
import type { PrivateKey } from '../../core/ports/keys.ts';
import type { Store, StoreCursor, StoredDocument } from '../../core/ports/store.ts';
import { receiptsOf } from '../../core/replication/peer-receipts.ts';
import { replicator } from '../../core/replication/replicator.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { type AnswerCheck, answerCheck } from './conformity.ts';
import { EagerClock, type FakeClock } from './fake-clock.ts';
import { type FaultPlan, faultyStore } from './faulty-store.ts';
import { countingIds } from './ids.ts';
import { LoopbackBus } from './loopback-bus.ts';
import { METERS } from './meters.ts';
import { RecordingLog } from './recording-log.ts';
import { CELL_KEY, EDGE_KEY, type Forgery, mint, publicPart } from './route-tokens.ts';

export interface CellOptions {
  /** The small domain of `meters.ts` unless given. */
  readonly application?: Application;
  /** `cell-1` unless given. */
  readonly id?: string;
  /** The clock that it shares with others; one of its own without it. */
  readonly clock?: FakeClock;
  /** Faults of the log as the API sees it. */
  readonly events?: FaultPlan;
  /** Faults of the state as the API sees it. */
  readonly state?: FaultPlan;
  /** Changes the consumers, as a faulty release would. */
  readonly consumer?: (consumer: Consumer) => Consumer;
  /** Where it asks for its leases; it needs none without it. */
  readonly edge?: string;
  /** By which it proves its identity. */
  readonly identityKey?: PrivateKey;
  /** How long each request to its stores takes now, in milliseconds. */
  readonly storeMs?: () => number;
  /** How its consumers ask for leases, without signing anything; by default they ask the edge. */
  readonly ask?: AskForLeases;
  /** Reaches other cells and the edge; without it there is no network. */
  readonly fetch?: Fetch;
  /** The share of traces that are sampled; all unless given. */
  readonly share?: number;
}

export interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, unless it is a text or bytes. */
  readonly body?: unknown;
  readonly token?: Forgery | string | null;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Loose;
}

/** A JSON value whose shape is what a test asserts: it may be looked into, step by step. */
export interface Loose {
  readonly [member: string]: Loose | undefined;
}

const ORIGIN = 'https://cell-1.example';

/** An application's document, and the check of answers against it, made once. */
const documents = new WeakMap<Application, { document: unknown; check: AnswerCheck }>();

function documentOf(application: Application) {
  const known = documents.get(application);
  if (known !== undefined) return known;
  const document = openApiDocument(application);
  const made = { document, check: answerCheck(document) };
  documents.set(application, made);
  return made;
}

/** A network in which the edge gives leases, whichever key signs the question. */
const besideLeases =
  (network: Fetch, ask: AskForLeases, clock: Clock): Fetch =>
  async (request) => {
    if (!request.url.endsWith(LEASE_PATH)) return network(request);
    const { question } = (await request.json()) as { question: string };
    const read = readUnsigned(question, clock.now());
    if ('fault' in read) throw new Error(read.fault);
    const reply = await ask(read.tenants, read.askedAt);
    if ('problem' in reply) return Response.json({}, { status: 503 });
    return Response.json({ tenants: reply.answers, epochs: reply.epochs });
  };

/** A store whose requests take their time. */
const slowed = <S extends Store>(store: S, clock: FakeClock, storeMs: () => number): S =>
  new Proxy(store, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return async (...call: unknown[]) => {
        const tookMs = storeMs();
        if (tookMs > 0) await clock.sleep(tookMs);
        return Reflect.apply(method, target, call);
      };
    },
  });

/** A cell named cell-1 that knows the edge's first key, at 2026-11-21T07:41:03Z. */
export function testCell({
  application = METERS,
  id = 'cell-1',
  clock = new EagerClock(),
  events: eventFaults,
  state: stateFaults,
  consumer = (each) => each,
  edge,
  identityKey = CELL_KEY,
  ask,
  storeMs = () => 0,
  share = 1,
  fetch: network = () => Promise.reject(new TypeError('A test opens no socket.')),
}: CellOptions = {}) {
  const ids = countingIds();
  const log = new RecordingLog();
  const telemetry = new MemoryTelemetry({ clock, ids: countingIds(), share });
  const traced = { telemetry, clock, system: 'memory' };
  const changes: ChangeRecord[] = [];
  const eventsMemory = slowed(new MemoryStore({ clock, onChange: (record) => changes.push(record) }), clock, storeMs);
  const statePartitions = new Set<string>();
  const stateMemory = slowed(
    new MemoryStore({ clock, onChange: ({ partition }) => statePartitions.add(partition) }),
    clock,
    storeMs,
  );
  const { document, check } = documentOf(application);
  const events = faultyStore(checkedStore(eventsMemory), eventFaults);
  const state = faultyStore(checkedStore(stateMemory), stateFaults);
  const bus = new LoopbackBus(topologyOf(application).consumers);
  const reach = ask === undefined ? network : besideLeases(network, ask, clock);
  const handle = applicationApi({
    application,
    document,
    cell: { id, cloud: 'memory', region: 'here', version: '1.2.3' },
    routeKeys: [publicPart(EDGE_KEY)],
    audience: { endpoints: [`https://${id}.example`], required: true },
    identityKey,
    edge: ask === undefined ? edge : 'https://leases.example',
    fetch: reach,
    events,
    state,
    clock,
    ids,
    log,
    telemetry,
  });

  const inner = { events: checkedStore(eventsMemory), state: checkedStore(stateMemory) };
  const tombs = tombstones({ state: inner.state, clock });
  const innerParking = tracedParking(telemetry, parking({ state: inner.state, clock }));
  const delays = delayNotes({ state: inner.state, telemetry, clock, ids, log });
  const noting = notedBus({ cell: id, delays }, bus);
  const relayed = tracedRelay(traced, relay({ tombstones: tombs, bus: noting, parking: innerParking, clock, log }));
  const question = ask ?? (edge && edgeQuestion({ cell: id, edge, identityKey: identityKey, fetch: network, clock }));
  const keeper = question ? leaseKeeper({ ask: question, state: inner.state, clock }) : undefined;
  const heardBy =
    keeper &&
    receiptsOf({
      ...{ cell: id, identityKey, routeKeys: [publicPart(EDGE_KEY)], state: inner.state, fetch: network },
      ...{ clock, telemetry },
    });
  const leaving = (canWait: true | undefined, handler: DeliveryHandler): DeliveryHandler =>
    canWait ? leavingCopies({ cell: id, notes: underivedNotes(id, inner.state, clock), clock, log }, handler) : handler;
  const workers = application
    .flatMap(({ consumers }) => consumers)
    .map(({ declaration, create, canWait }) => {
      const leases = declaration.effects === 'home-only' ? keeper : undefined;
      const made = create({ ...inner, clock, ids, permit: leases && permitBy(leases) });
      return {
        name: declaration.name,
        handler: tracedConsumer(
          traced,
          declaration.name,
          leaving(
            canWait,
            timedDelivery(
              { cell: id, delays, clock },
              declaration.name,
              withoutErased(
                tombs,
                consume({
                  cell: id,
                  consumer: consumer(made),
                  declaration,
                  parking: innerParking,
                  trials: crashMarkers(inner.state, clock),
                  clock,
                  log,
                  leases,
                  receipts: leases && heardBy?.(made),
                }),
              ),
            ),
          ),
        ),
      };
    });

  /** Relays and consumes until nothing moves any more, 20 rounds at most unless it says otherwise. */
  const pump = async (rounds = 20): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      const batch = changes.splice(0);
      const outcome = await relayed(batch);
      if (outcome.status === 'retry') changes.unshift(...batch.slice(outcome.failedAt));
      for (const { name, handler } of workers) await bus.deliver(name, handler, clock.now() + 60_000);
      if (changes.length === 0 && workers.every(({ name }) => bus.waiting(name) === 0)) return;
    }
  };

  const copies = replicator({
    ...{ cell: id, identityKey, routeKeys: [publicPart(EDGE_KEY)], fetch: network },
    ...{ ...inner, delays, clock, log, telemetry },
  });

  /** Delivers once what waits to be sent to the tenants' other cells. */
  const replicate = (): Promise<void> => bus.deliver(REPLICATE, copies, clock.now() + 60_000);

  /** Sends a request and reads the answer, which must be as the document says. With a token of all scopes, unless it says otherwise. */
  const call = async (path: string, { method = 'GET', headers = {}, body, token = {} }: Call = {}): Promise<Answer> => {
    const route = typeof token === 'string' || token === null ? token : mint(token);
    const sent =
      body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    const response = await handle(
      new Request(ORIGIN + path, {
        method,
        headers: { ...(route !== null && { 'x-polycell-route': route }), ...headers },
        ...(sent !== undefined && { body: sent }),
      }),
    );
    const text = await response.text();
    const { pathname } = new URL(ORIGIN + path);
    const contentType = response.headers.get('content-type');
    const faults = check({ method, path: pathname, status: response.status, contentType, body: text });
    // Without `expect`: the simulation runs outside of tests.
    if (faults.length > 0)
      throw new Error(`${method} ${path} is answered otherwise than documented: ${faults.join('; ')}`);
    return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as Loose };
  };

  /** Posts a batch of events. */
  const post = (batch: readonly Json[], more: Call = {}): Promise<Answer> =>
    call('/v1/events', {
      method: 'POST',
      body: batch,
      ...more,
      headers: { 'content-type': 'application/cloudevents-batch+json', ...more.headers },
    });

  /** Everything in the state: partition → id → document. */
  const stored = async (): Promise<Record<string, Record<string, StoredDocument>>> => {
    const found: Record<string, Record<string, StoredDocument>> = {};
    for (const partition of [...statePartitions].sort()) {
      const documents: Record<string, StoredDocument> = {};
      let cursor: StoreCursor | undefined;
      do {
        const page = await stateMemory.query(partition, { limit: 1000, ...(cursor && { cursor }) });
        for (const each of page.items) documents[each.id] = each;
        cursor = page.next;
      } while (cursor !== undefined);
      found[partition] = documents;
    }
    return found;
  };

  return {
    clock,
    ids,
    log,
    telemetry,
    bus,
    handle,
    call,
    post,
    pump,
    replicate,
    stored,
    events,
    state,
    eventsMemory,
    stateMemory,
    parking: innerParking,
    delays,
  };
}

export type TestCell = ReturnType<typeof testCell>;

/** The items of a page. */
export const items = ({ body }: Answer): Loose[] => body.items as unknown as Loose[];

/** Status and code of a refusal. */
export const refusal = ({ status, body }: Answer): string => `${status} ${String(body.code)}`;
