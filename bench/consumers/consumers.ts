// `consumers`: the consumer kit's two ways at the same jobs: derived from the log, or with a claim on every event.
import { DynamoDbStore } from '../../adapters/aws/dynamodb-store.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { deviceState } from '../../core/domains/telemetry/device-state.ts';
import { rollups } from '../../core/domains/telemetry/rollups.ts';
import { toLogDocument } from '../../core/events/cloud-event.ts';
import { mapConcurrently } from '../../core/lib/concurrently.ts';
import type { Consumer, ConsumerDeps } from '../../core/pipeline/consumer.ts';
import { SHARE_LIMITS } from '../../core/pipeline/fair-share.ts';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import type { Benchmark, Context } from '../kit/benchmark.ts';
import { type Database, openDatabase } from '../kit/database.ts';
import { reading, recentMinute, TENANT } from '../kit/events.ts';
import { startMeter } from '../kit/meter.ts';
import type { Table } from '../kit/report.ts';
import { median, ratios, spread } from '../kit/statistics.ts';
import { claimingDeviceState, claimingRollups } from './claiming.ts';
import { measurePrice } from './price.ts';

/** On-demand, a million write units cost five times what a million read units do, in every region (https://aws.amazon.com/dynamodb/pricing/on-demand/). */
const READS_PER_WRITE = 5;

const jobs = [
  { job: 'device-state', derived: deviceState.create, claiming: claimingDeviceState },
  { job: 'rollups', derived: rollups.create, claiming: claimingRollups },
] as const;

interface Load {
  readonly name: string;
  readonly readings: number;
  readonly devices: number;
}

const loads: readonly Load[] = [
  { name: '1 of one device', readings: 1, devices: 1 },
  { name: '10 of one device and minute', readings: 10, devices: 1 },
  { name: '100 of one device and minute', readings: 100, devices: 1 },
  { name: '100 of 50 devices', readings: 100, devices: 50 },
];

export const consumersBenchmark: Benchmark = {
  name: 'consumers',
  summary: 'what derived documents cost, and what a claim on every event would: calls, units and time',
  clouds: ['aws', 'azure'],
  async run(context) {
    const price = await measurePrice(context);
    if (context.cloud === 'azure') return { benchmark: 'consumers', tables: [price.table], verdicts: price.verdicts };
    const database = await openDatabase(context);
    const tables: Table[] = [];
    for (const job of jobs) tables.push(await measure(database, job, context));
    return { benchmark: 'consumers', tables: [price.table, ...tables], verdicts: price.verdicts };
  },
};

interface Bench {
  /** Stores the events in the log, as ingest would have. */
  fill(events: readonly CloudEvent[]): Promise<void>;
  consume(events: readonly CloudEvent[]): Promise<void>;
}

async function prepare(
  database: Database,
  endpoint: string,
  name: string,
  make: (deps: ConsumerDeps) => Consumer,
): Promise<Bench> {
  const client = database.client({ endpoint, maxAttempts: 1 });
  const open = async (table: string, stream: boolean) => {
    await database.createTable(table, { stream });
    return checkedStore(new DynamoDbStore({ client, table, clock: systemClock, ids: randomIds }));
  };
  const events = await open(`${name}-events`, true);
  const state = await open(`${name}-state`, false);
  const consumer = make({ events, state, clock: systemClock, ids: randomIds });
  return {
    async fill(some) {
      await events.append(some.map((event) => toLogDocument(TENANT, event)));
    },
    /** By subject and so many at a time, as the worker does it. */
    async consume(some) {
      const groups = new Map<string, { tenant: string; event: CloudEvent }[]>();
      for (const event of some) {
        const group = groups.get(event.subject) ?? [];
        group.push({ tenant: TENANT, event });
        groups.set(event.subject, group);
      }
      await mapConcurrently([...groups.values()], SHARE_LIMITS.concurrent, (group) => consumer.apply(group));
    },
  };
}

/** Readings of one minute of devices that no other load has; `step` distinguishes the minutes of a device. */
function readingsOf({ name, readings, devices }: Load, step: number): CloudEvent[] {
  const minute = recentMinute() - 3_600_000 + step * 60_000;
  return Array.from({ length: readings }, (_, index) =>
    reading({
      id: `${name}-${step}-${index}`,
      device: `${name.replaceAll(' ', '-')}-${(index % devices) + 1}`,
      time: minute + index * 500 + 1,
      value: 20 + (index % 40) / 4,
    }),
  );
}

async function measure(
  database: Database,
  { job, derived, claiming }: (typeof jobs)[number],
  context: Context,
): Promise<Table> {
  const { quick, rounds = quick ? 3 : 15 } = context;
  const meter = await startMeter(database.endpoint, context);
  const both = [
    { way: 'derived', make: derived },
    { way: 'claiming', make: claiming },
  ];
  const timed = await Promise.all(
    both.map(({ way, make }) => prepare(database, database.endpoint, `${job}-${way}`, make)),
  );
  const metered = await Promise.all(
    both.map(({ way, make }) => prepare(database, meter.endpoint, `${job}-${way}-metered`, make)),
  );
  const rows = [];
  for (const load of loads) {
    context.progress(`consumers ${job}: ${load.name}`);
    const times = both.map((): number[] => []);
    for (let round = 0; round < rounds + 2; round += 1) {
      const events = readingsOf(load, round);
      for (const place of both.keys()) {
        const which = (place + round) % both.length;
        await timed[which]?.fill(events);
        const began = performance.now();
        await timed[which]?.consume(events);
        // The first two rounds warm up; in the first the devices are new as well.
        if (round >= 2) times[which]?.push((performance.now() - began) / load.readings);
      }
    }
    for (const [which, { way }] of both.entries()) {
      const bench = metered[which];
      // A device that is known already, in a minute that is not: what most batches meet.
      await bench?.fill(readingsOf(load, 0));
      await bench?.consume(readingsOf(load, 0));
      await bench?.fill(readingsOf(load, 1));
      meter.take();
      await bench?.consume(readingsOf(load, 1));
      const { calls, writeUnits, readUnits, refused } = meter.take();
      if (refused > 0) throw new Error(`${refused} calls were refused although nothing else writes.`);
      rows.push({
        load: load.name,
        way,
        calls: calls / load.readings,
        writes: writeUnits / load.readings,
        reads: readUnits / load.readings,
        weight: (writeUnits + readUnits / READS_PER_WRITE) / load.readings,
        ms: spread(times[which] ?? []),
        ratio: median(ratios(times[which] ?? [], times[1] ?? [])),
      });
    }
  }
  return {
    title: `${job}: a batch of readings, figures for each reading`,
    columns: [
      { key: 'load', title: 'readings' },
      { key: 'way', title: '' },
      { key: 'calls', title: 'calls', digits: 2 },
      { key: 'writes', title: 'write units', digits: 2 },
      { key: 'reads', title: 'read units', digits: 2 },
      { key: 'weight', title: 'cost in write units', digits: 2 },
      { key: 'ms', title: 'ms', digits: 2 },
      { key: 'ratio', title: 'time of claiming’s', digits: 2 },
    ],
    rows,
    notes: [
      'cost: a write unit on demand costs five read units (https://aws.amazon.com/dynamodb/pricing/on-demand/).',
      'Claims stay in the table for good, one item a reading and consumer; derived documents are one a minute and metric.',
    ],
  };
}
