// What replication bills for each event, and what it sends, beside a tenant without a standby: in this process, with both clouds' stores metered.
import { noTelemetry } from '../../adapters/otlp/no-telemetry.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { deviceState } from '../../core/domains/telemetry/device-state.ts';
import { rollups } from '../../core/domains/telemetry/rollups.ts';
import { toLogDocument } from '../../core/events/cloud-event.ts';
import { deriveLeft } from '../../core/pipeline/derive-left.ts';
import { leavingCopies } from '../../core/pipeline/leave-copies.ts';
import type { RebuiltConsumer } from '../../core/pipeline/rebuild.ts';
import { subjectIndex } from '../../core/pipeline/subject-index.ts';
import { UNDERIVED_LIMITS, underivedNotes } from '../../core/pipeline/underived.ts';
import type { DeliveryHandler } from '../../core/ports/bus.ts';
import { epochMs } from '../../core/ports/clock.ts';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import { heldAssignments } from '../../core/replication/held-assignments.ts';
import { replicaNotes } from '../../core/replication/notes.ts';
import { replicator } from '../../core/replication/replicator.ts';
import type { Context } from '../kit/benchmark.ts';
import { reading, recentMinute, sizeOf } from '../kit/events.ts';
import type { Cell, Table, Verdict } from '../kit/report.ts';
import { type BenchCell, type Ground, openGround, type Used } from './ground.ts';

/** The most writes that replication may add to an event, derivation at the standby apart. */
const TARGET_WRITES = 2;

/** On-demand, a million write units cost five times what a million read units do (https://aws.amazon.com/dynamodb/pricing/on-demand/). */
const READS_PER_WRITE = 5;

interface Shape {
  readonly name: string;
  /** Events that the bus delivers together. */
  readonly delivery: number;
  /** Bytes of an event's JSON. */
  readonly bytes: number;
}

const SHAPES: readonly Shape[] = [
  { name: '1 of 300 bytes', delivery: 1, bytes: 300 },
  { name: '10 of 300 bytes', delivery: 10, bytes: 300 },
  { name: '100 of 300 bytes', delivery: 100, bytes: 300 },
  { name: '100 of 1,000 bytes', delivery: 100, bytes: 1000 },
];

const DEVICES = 20;

/** What has passed between the cells: bytes of compressed bodies, and of the headers that the cell sets. */
interface Wire {
  body: number;
  headers: number;
}

export async function measurePrice(context: Context): Promise<{ table: Table; verdicts: Verdict[] }> {
  const ground = await openGround(context);
  const { home, standby } = ground;
  let wire: Wire = { body: 0, headers: 0 };
  const deliver = replicator({
    ...{ cell: home.id, identityKey: home.key, routeKeys: ground.keys.publicKeys },
    ...{ events: home.events, state: home.state, clock: systemClock, telemetry: noTelemetry(randomIds) },
    // One write in 30 s and process, whatever comes: not what an event costs.
    delays: { record: async () => undefined, passed: async () => undefined },
    log: { info: () => undefined, warn: failed, error: failed },
    async fetch(request) {
      const body = (await request.clone().arrayBuffer()).byteLength;
      const headers = [...request.headers].reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
      wire = { body: wire.body + body, headers: wire.headers + headers };
      return standby.api(request);
    },
  });
  const rows: Record<string, Cell>[] = [];
  const verdicts: Verdict[] = [];
  for (const shape of SHAPES) {
    context.progress(`replication price, home on ${home.cloud}: ${shape.name}`);
    const deliveries = Math.max(1, Math.round((context.quick ? 40 : 400) / shape.delivery));
    const count = deliveries * shape.delivery;
    const both = shape.name.replaceAll(/\W+/g, '-');
    const taken = () => {
      const passed = wire;
      wire = { body: 0, headers: 0 };
      return passed;
    };
    const alone = await run(ground, deliver, taken, { ...shape, tenant: `alone-${both}`, deliveries });
    for (const tenant of [`with-${both}`, `log-only-${both}`]) {
      const adopted = await heldAssignments({
        cell: home.id,
        state: home.state,
        keys: ground.keys.publicKeys,
        notes: replicaNotes(home.state, systemClock),
      }).adopt(await ground.assignment(tenant));
      if (typeof adopted === 'string') throw new Error(`The assignment is refused: ${adopted}.`);
    }
    const replicated = await run(ground, deliver, taken, { ...shape, tenant: `with-${both}`, deliveries });
    const derived = await derive(standby, `with-${both}`, replicated.events, shape.delivery);
    const bare = await bareWrite(home.cloud === 'azure' ? home : standby, `bare-${both}`, replicated.events);
    const part = (what: string, { cloud }: BenchCell, used: Used, more: Record<string, Cell> = {}) =>
      rows.push({
        ...{ shape: shape.name, part: what, calls: used.calls / count },
        ...(cloud === 'aws'
          ? { writes: used.writeUnits / count, reads: used.readUnits / count, units: null }
          : { writes: null, reads: null, units: used.requestUnits / count }),
        ...more,
      });
    const { body: sent, headers } = replicated.wire;
    const plain = replicated.events.reduce((sum, event) => sum + sizeOf(event), 0);
    part('ingest, no standby', home, alone.ingest);
    part('ingest, with a standby', home, replicated.ingest);
    part('replicate, no standby', home, alone.atHome);
    part('replicate, at the home', home, replicated.atHome, {
      bytes: sent / count,
      all: (sent + headers) / count,
      share: (100 * sent) / plain,
    });
    part('its copy, at the standby', standby, replicated.atStandby);
    part('derivation at a warm standby', standby, derived);
    const copied = await run(ground, deliver, taken, { ...shape, tenant: `log-only-${both}`, deliveries });
    const left = await leave(standby, `log-only-${both}`, copied.events, shape.delivery);
    part('its copies left, at a log-only standby', standby, left);
    const late = await deriveLate(standby, `log-only-${both}`);
    part('derivation at a takeover, log-only', standby, late);
    const [warm, logOnly] = [plus(replicated.atStandby, derived), plus(copied.atStandby, left)];
    part('a warm standby in all', standby, warm);
    part('a log-only standby in all', standby, logOnly);
    const priceOf = ({ writeUnits, readUnits, requestUnits }: Used) =>
      writeUnits + readUnits / READS_PER_WRITE + requestUnits;
    const ratio = priceOf(logOnly) / priceOf(warm);
    verdicts.push({
      target: `${shape.name}: a log-only standby on ${standby.cloud} uses less than a warm one, what is read at its price`,
      found: `${Math.round(100 * ratio)} %`,
      met: ratio < 1,
    });
    const more = (of: typeof writesOf) =>
      (of(replicated.atHome, alone.atHome, bare) + of(replicated.atStandby, NOTHING, bare)) / count;
    const written = more(writesOf);
    verdicts.push({
      target: `${shape.name} from ${home.cloud} to ${standby.cloud}: at most ${TARGET_WRITES} billed writes an event more`,
      found: `${written.toFixed(2)}, with what is read ${more(worthOf).toFixed(2)}`,
      met: written <= TARGET_WRITES,
    });
  }
  return {
    table: {
      title: `From ${home.cloud} to a warm and to a log-only standby on ${standby.cloud}: figures for each event`,
      columns: [
        { key: 'shape', title: 'a delivery' },
        { key: 'part', title: '' },
        { key: 'calls', title: 'calls', digits: 2 },
        { key: 'writes', title: 'write units', digits: 2 },
        { key: 'reads', title: 'read units', digits: 2 },
        { key: 'units', title: 'request units', digits: 2 },
        { key: 'bytes', title: 'bytes sent' },
        { key: 'all', title: 'with headers' },
        { key: 'share', title: '% of its JSON' },
      ],
      rows,
      notes: [
        'Write and read units are DynamoDB’s, request units Cosmos DB’s by the emulator’s model; a cell has those of its cloud.',
        'Billed writes: write units, and request units of writes as a multiple of those for storing the same events and nothing else. What is read counts at its price.',
        'What fills events up to 1,000 bytes compresses to almost nothing; real data does not.',
        'Messages are billed apart: an event has one delivery more at the home’s bus, and is published at the standby’s.',
      ],
    },
    verdicts,
  };
}

/** Nothing may go wrong here, or the figures are those of something else. */
const failed = (message: string, fields?: object): never => {
  throw new Error(`${message}: ${JSON.stringify(fields)}`);
};

const NOTHING: Used = { calls: 0, writeUnits: 0, readUnits: 0, requestUnits: 0, written: 0 };

/** The writes that are billed more than before; `bare`: request units for the write of an event. */
const writesOf = (used: Used, before: Used, bare: number): number =>
  used.writeUnits - before.writeUnits + (used.written - before.written) / bare;

/** The same with reads, at their price. */
const worthOf = (used: Used, before: Used, bare: number): number =>
  used.writeUnits -
  before.writeUnits +
  (used.readUnits - before.readUnits) / READS_PER_WRITE +
  (used.requestUnits - before.requestUnits) / bare;

interface Order extends Shape {
  readonly tenant: string;
  readonly deliveries: number;
}

interface Ran {
  readonly events: readonly CloudEvent[];
  readonly ingest: Used;
  readonly atHome: Used;
  readonly atStandby: Used;
  readonly wire: Wire;
}

/** A tenant's events through ingest and `replicate`, delivery by delivery; the first one, which makes all known to the cells, is not counted. */
async function run(
  { keys, home, standby }: Ground,
  deliver: ReturnType<typeof replicator>,
  taken: () => Wire,
  { tenant, deliveries, delivery, bytes }: Order,
): Promise<Ran> {
  const scopes = ['ingest'] as const;
  const token = await keys.mint({ tenant, cell: home.id, endpoint: home.endpoint, scopes });
  const sum = { ingest: NOTHING, atHome: NOTHING, atStandby: NOTHING };
  const counted: CloudEvent[] = [];
  for (let turn = 0; turn <= deliveries; turn += 1) {
    const size = turn === 0 ? Math.max(delivery, DEVICES) : delivery;
    const events = Array.from({ length: size }, (_, index) => eventOf(turn * delivery + index, turn, bytes));
    home.take();
    const response = await home.api(
      new Request(`${home.endpoint}/v1/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents-batch+json', 'x-polycell-route': token },
        body: JSON.stringify(events),
      }),
    );
    if (response.status !== 202) throw new Error(`Events were answered ${response.status}: ${await response.text()}`);
    const ingest = home.take();
    standby.take();
    const messages = events.map((event, index) => ({
      ...{ event, tenant, origin: home.id, deliveryId: String(index), attempt: 1 },
    }));
    const outcomes = await deliver(messages, systemClock.now() + 20_000);
    if (!outcomes.every(({ status }) => status === 'done')) throw new Error('A delivery was not done.');
    const used = { ingest, atHome: home.take(), atStandby: standby.take() };
    if (turn === 0) {
      taken();
      continue;
    }
    counted.push(...events);
    for (const part of ['ingest', 'atHome', 'atStandby'] as const) sum[part] = plus(sum[part], used[part]);
  }
  return { events: counted, ...sum, wire: taken() };
}

const eventOf = (number: number, turn: number, bytes: number): CloudEvent =>
  reading({
    id: `${String(turn).padStart(4, '0')}-${String(number).padStart(6, '0')}`,
    device: `device-${(number % DEVICES) + 1}`,
    time: recentMinute() + (number % 59) * 1000 + (number % 999) + 1,
    value: 20 + (number % 40) / 4,
    bytes,
  });

/** What the standby's own consumers use for the copies. */
async function derive(cell: BenchCell, tenant: string, events: readonly CloudEvent[], delivery: number): Promise<Used> {
  const deps = { events: cell.events, state: cell.state, clock: systemClock, ids: randomIds };
  const consumers = [deviceState, rollups].map(({ create }) => create(deps));
  cell.take();
  for (let from = 0; from < events.length; from += delivery) {
    const some = events.slice(from, from + delivery).map((event) => ({ tenant, event }));
    // By subject, as the worker does it.
    for (const subject of new Set(some.map(({ event }) => event.subject)))
      for (const consumer of consumers) await consumer.apply(some.filter(({ event }) => event.subject === subject));
  }
  return cell.take();
}

/** What the standby's consumers use for copies that they leave. */
async function leave(cell: BenchCell, tenant: string, events: readonly CloudEvent[], delivery: number): Promise<Used> {
  const notes = underivedNotes(cell.id, cell.state, systemClock);
  await notes.follow(tenant, async () => true);
  const workers = [deviceState, rollups].map(() =>
    leavingCopies(
      { cell: cell.id, notes, clock: systemClock, log: { info: () => undefined, warn: failed, error: failed } },
      async () => failed('A copy was not left'),
    ),
  );
  cell.take();
  for (let from = 0; from < events.length; from += delivery) {
    const messages = events.slice(from, from + delivery).map((event, index) => ({
      ...{ event, tenant, origin: 'home', deliveryId: String(index), attempt: 1 },
    }));
    for (const worker of workers) await worker(messages, systemClock.now() + 20_000);
  }
  return cell.take();
}

/** What deriving them at a takeover uses. */
async function deriveLate(cell: BenchCell, tenant: string): Promise<Used> {
  const deps = { events: cell.events, state: cell.state, clock: systemClock, ids: randomIds };
  const notes = underivedNotes(cell.id, cell.state, systemClock);
  await notes.follow(tenant, async () => false);
  // The pause in which processes of the cell may still leave copies is none here.
  const clock = { ...systemClock, now: () => epochMs(systemClock.now() + UNDERIVED_LIMITS.settleMs) };
  const consumers = [deviceState, rollups].map(({ declaration, create }): [string, RebuiltConsumer] => {
    const consumer = create(deps);
    const deliver: DeliveryHandler = async (messages) => {
      await consumer.apply(messages.flatMap((each) => ('event' in each ? [each] : [])));
      return messages.map(() => ({ status: 'done' }));
    };
    return [declaration.name, { types: declaration.types, consumer, deliver }];
  });
  const step = deriveLeft({
    ...{ ...deps, cell: cell.id, clock, notes, subjects: subjectIndex(deps) },
    consumers: () => new Map(consumers),
  });
  cell.take();
  for (;;) {
    const { done, waiting } = await step({ tenant, ahead: false });
    if (done) return cell.take();
    if (waiting !== undefined) throw new Error(waiting);
  }
}

/** The request units that storing an event takes there, and nothing else. */
async function bareWrite(cell: BenchCell, tenant: string, events: readonly CloudEvent[]): Promise<number> {
  const documents = events.map((event) => toLogDocument(tenant, event, { origin: cell.id, epoch: 1 }));
  cell.take();
  for (let from = 0; from < documents.length; from += AT_ONCE) {
    const outcomes = await cell.events.append(documents.slice(from, from + AT_ONCE));
    if (!outcomes.every(({ status }) => status === 'stored')) throw new Error('An event was not stored.');
  }
  return cell.take().requestUnits / events.length;
}

/** Documents of one append. */
const AT_ONCE = 100;

const plus = (one: Used, other: Used): Used => ({
  calls: one.calls + other.calls,
  writeUnits: one.writeUnits + other.writeUnits,
  readUnits: one.readUnits + other.readUnits,
  requestUnits: one.requestUnits + other.requestUnits,
  written: one.written + other.written,
});
