// What the two built-in consumers cost together for each event, in the shapes that devices report in, on either cloud.

import { CosmosClient } from '@azure/cosmos';
import { DynamoDbStore } from '../../adapters/aws/dynamodb-store.ts';
import { cosmosClientOptions } from '../../adapters/azure/cosmos-client.ts';
import { CosmosStore } from '../../adapters/azure/cosmos-store.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { deviceState } from '../../core/domains/telemetry/device-state.ts';
import { rollups } from '../../core/domains/telemetry/rollups.ts';
import { toLogDocument } from '../../core/events/cloud-event.ts';
import type { ConsumerDeps } from '../../core/pipeline/consumer.ts';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { openAccount, startChargeMeter } from '../kit/account.ts';
import type { Context } from '../kit/benchmark.ts';
import { openDatabase } from '../kit/database.ts';
import { reading, TENANT } from '../kit/events.ts';
import { startMeter } from '../kit/meter.ts';
import type { Table, Verdict } from '../kit/report.ts';

/** On-demand, a million write units cost five times what a million read units do (https://aws.amazon.com/dynamodb/pricing/on-demand/). */
const READS_PER_WRITE = 5;

/** A way to report: each minute so many readings of so many metrics, delivered in groups. */
interface Shape {
  readonly name: string;
  readonly minutes: number;
  readonly perMinute: number;
  /** Minutes from one that has readings to the next; 1 unless given. */
  readonly everyMinutes?: number;
  readonly metrics: number;
  readonly delivery: number;
  /** Write units for each event that are not to be exceeded. */
  readonly target?: number;
}

const HOUR = 60;

const shapes = (quick: boolean): readonly Shape[] => {
  const minutes = quick ? 6 : HOUR;
  return [
    { name: '1 a minute', minutes, perMinute: 1, metrics: 1, delivery: 1, target: 3.5 },
    {
      name: '1 an hour',
      minutes: quick ? 6 : 24,
      perMinute: 1,
      everyMinutes: 60,
      metrics: 1,
      delivery: 1,
      target: 3.5,
    },
    { name: '10 a minute, in one delivery', minutes, perMinute: 10, metrics: 1, delivery: 10, target: 0.6 },
    { name: '10 a minute, one by one', minutes: quick ? 2 : 30, perMinute: 10, metrics: 1, delivery: 1, target: 3.5 },
    { name: '600 a minute, one by one', minutes: 1, perMinute: quick ? 300 : 600, metrics: 1, delivery: 1 },
    { name: '600 a minute, ten by ten', minutes: 1, perMinute: 600, metrics: 1, delivery: 10 },
    { name: '1 a minute, of 200 metrics', minutes: quick ? 6 : 30, perMinute: 1, metrics: 200, delivery: 1 },
    { name: '200 metrics a minute, ten by ten', minutes: quick ? 1 : 10, perMinute: 200, metrics: 200, delivery: 10 },
  ];
};

interface Metered {
  readonly deps: ConsumerDeps;
  /** Units since they were last asked for; on AWS in write units. */
  take(): { readonly calls: number; readonly units: number };
}

async function onAws(context: Context): Promise<Metered> {
  const database = await openDatabase(context);
  const meter = await startMeter(database.endpoint, context);
  const client = database.client({ endpoint: meter.endpoint, maxAttempts: 1 });
  const open = async (table: string, stream: boolean) => {
    await database.createTable(table, { stream });
    return checkedStore(new DynamoDbStore({ client, table, clock: systemClock, ids: randomIds }));
  };
  const deps = {
    events: await open('price-events', true),
    state: await open('price-state', false),
    clock: systemClock,
    ids: randomIds,
  };
  return {
    deps,
    take() {
      const { calls, writeUnits, readUnits, refused } = meter.take();
      if (refused > 0) throw new Error(`${refused} calls were refused although nothing else writes.`);
      return { calls, units: writeUnits + readUnits / READS_PER_WRITE };
    },
  };
}

async function onAzure(context: Context): Promise<Metered> {
  const account = await openAccount(context);
  const meter = await startChargeMeter(account.connectionString, context);
  const name = await account.createDatabase('price');
  const client = new CosmosClient({
    ...cosmosClientOptions({ requestTimeoutMs: 5000 }),
    connectionString: meter.connectionString,
  });
  context.atEnd(async () => client.dispose());
  const open = (container: string) =>
    checkedStore(
      new CosmosStore({ container: client.database(name).container(container), clock: systemClock, ids: randomIds }),
    );
  const deps = { events: open('events'), state: open('state'), clock: systemClock, ids: randomIds };
  return { deps, take: () => meter.take() };
}

/** The readings of a minute that has some, counted from the full hour before the hour that is measured. */
function minuteOf(shape: Shape, minute: number, begin: number): CloudEvent[] {
  return Array.from({ length: shape.perMinute }, (_, index) => {
    const event = reading({
      id: `${minute}-${index}`,
      device: shape.name.replaceAll(' ', '-'),
      time: begin + minute * 60_000 * (shape.everyMinutes ?? 1) + Math.floor((index * 59_000) / shape.perMinute) + 1,
      value: 20 + (index % 40) / 4,
    });
    const metric = `metric-${(minute * shape.perMinute + index) % shape.metrics}`;
    return shape.metrics === 1 ? event : { ...event, data: { ...(event.data as object), metric } };
  });
}

export async function measurePrice(context: Context): Promise<{ table: Table; verdicts: Verdict[] }> {
  const isAws = context.cloud === 'aws';
  const { deps, take } = isAws ? await onAws(context) : await onAzure(context);
  const consumers = [deviceState, rollups].map(({ create }) => create(deps));
  const begin = Math.floor(Date.now() / 3_600_000 - 3) * 3_600_000;
  const store = async (events: readonly CloudEvent[]) => {
    const documents = events.map((event) => toLogDocument(TENANT, event));
    for (let from = 0; from < documents.length; from += 100)
      await deps.events.append(documents.slice(from, from + 100));
  };
  const apply = async (events: readonly CloudEvent[]) => {
    for (const consumer of consumers) await consumer.apply(events.map((event) => ({ tenant: TENANT, event })));
  };

  const rows: Record<string, string | number | null>[] = [];
  const verdicts: Verdict[] = [];
  for (const shape of shapes(context.quick)) {
    context.progress(`consumers price on ${context.cloud}: ${shape.name}`);
    // The device and its metrics are known from the hour before.
    const earlier = Array.from({ length: shape.metrics }, (_, index) =>
      minuteOf({ ...shape, perMinute: 1 }, index, begin - 3_600_000 * Math.ceil(shape.metrics / HOUR)),
    ).flat();
    await store(earlier);
    await apply(earlier);
    let calls = 0;
    let units = 0;
    for (let minute = 0; minute < shape.minutes; minute += 1) {
      const events = minuteOf(shape, minute, begin);
      for (let from = 0; from < events.length; from += shape.delivery) {
        const delivery = events.slice(from, from + shape.delivery);
        await store(delivery);
        take();
        await apply(delivery);
        const used = take();
        calls += used.calls;
        units += used.units;
      }
    }
    const count = shape.minutes * shape.perMinute;
    rows.push({
      shape: shape.name,
      calls: calls / count,
      units: units / count,
      target: isAws ? (shape.target ?? null) : null,
    });
    if (isAws && shape.target !== undefined && !context.quick)
      verdicts.push({
        target: `${shape.name}: at most ${shape.target} write units an event`,
        found: (units / count).toFixed(2),
        met: units / count <= shape.target,
      });
  }
  const unit = isAws ? 'write units' : 'request units';
  return {
    table: {
      title: `device-state and rollups together, on ${context.cloud}: figures for each event`,
      columns: [
        { key: 'shape', title: 'readings of a device' },
        { key: 'calls', title: 'calls', digits: 2 },
        { key: 'units', title: unit, digits: 2 },
        ...(isAws ? [{ key: 'target', title: 'target', digits: 1 }] : []),
      ],
      rows,
      notes: isAws
        ? ['A read unit counts as a fifth of a write unit, as on demand.']
        : ['The emulator charges by a model of the service’s prices.'],
    },
    verdicts,
  };
}
