// The consumer `device-state`: last value per metric, last seen, and the number of distinct readings of a device.
import type { Latest } from '../../pipeline/derivation.ts';
import { derived } from '../../pipeline/derived-consumer.ts';
import { readHead } from '../../pipeline/derived-reads.ts';
import { readLatest } from '../../pipeline/latest-values.ts';
import type { Json } from '../../ports/json.ts';
import type { Store } from '../../ports/store.ts';
import { partitions } from './partitions.ts';
import { type Fact, type LastValue, lastValueOf, readingOf } from './reading.ts';
import { reading } from './schemas.ts';

/** Metrics that a device's state keeps: the ones reported last. */
export const DEVICE_METRICS = 200;

/** The total of a device. An earlier release had a document of this id, with the latest values in it. */
export const DEVICE_STATE_ID = 'state';

/** All of a device's leaves are one series. */
const SERIES = 'minute!';

/** What a minute of readings, and all of them together, count. */
export interface DeviceSummary {
  readings: number;
}

/** What is known of a device. */
export interface DeviceState extends DeviceSummary {
  readonly metrics: ReadonlyMap<string, LastValue>;
}

/** The consumer `device-state`. */
export const deviceState = derived<Fact, DeviceSummary>({
  name: 'device-state',
  // A device sends a few readings a second at most, so a window of a second would collect few that share a derivation.
  delivery: 'latency',
  types: [reading.type],
  partition: partitions.device.of,
  project: readingOf,
  leafOf: (_reading, minute) => SERIES + minute,
  totalsOf: () => [DEVICE_STATE_ID],
  empty: () => ({ readings: 0 }),
  add(summary) {
    summary.readings += 1;
  },
  revise: (total, before, after) => ({
    readings: (total?.readings ?? 0) + after.readings - (before?.readings ?? 0),
  }),
  pack: ({ readings }) => readings,
  unpack: (packed) => ({ readings: Number(packed) }),
  latest: {
    keep: DEVICE_METRICS,
    of: (fact) => ({ key: fact.metric, position: fact.position, value: packValue(lastValueOf(fact)) }),
    inTotal: (total) =>
      Object.entries((total as unknown as EarlierState).metrics ?? {}).map(([metric, value]) => [
        metric,
        toLatest(value),
      ]),
  },
  announce: async (state, tenant, device) => {
    await state.put({ partition: partitions.devices.of(tenant), id: device, body: null }, 'any');
  },
});

/** Reads a device; `undefined` before its first reading is processed. Rejects with the store's error. */
export async function readDeviceState(state: Store, tenant: string, device: string): Promise<DeviceState | undefined> {
  const partition = partitions.device.of(tenant, device);
  const head = await readHead(state, partition, SERIES);
  if (head === undefined) {
    const found = await state.get({ partition, id: DEVICE_STATE_ID });
    if (found === undefined) return undefined;
    const { readings, metrics = {} } = found.body as unknown as EarlierState;
    return { readings, metrics: new Map(Object.entries(metrics)) };
  }
  const total = head.totals?.[DEVICE_STATE_ID];
  if (total === undefined) return undefined;
  const latest = await readLatest(state, partition, SERIES, head, DEVICE_METRICS);
  return {
    readings: (total as unknown as DeviceSummary).readings,
    metrics: new Map([...latest].map(([metric, value]) => [metric, fromLatest(value)])),
  };
}

/** The state of a device as an earlier release kept it. */
interface EarlierState extends DeviceSummary {
  readonly metrics?: { readonly [metric: string]: LastValue };
}

/** A value alone if that is all; else value, unit, and the time where its position does not say how it was written. */
const packValue = ({ value, unit, time, position }: LastValue): Json => {
  const isPlain = time === timeAt(position);
  if (isPlain && unit === undefined) return value;
  return isPlain ? [value, unit ?? null] : [value, unit ?? null, time];
};

const toLatest = (value: LastValue): Latest => ({ position: value.position, value: packValue(value) });

const fromLatest = ({ position, value: packed }: Latest): LastValue => {
  const [value, unit, time] = (Array.isArray(packed) ? packed : [packed]) as [number, (string | null)?, string?];
  return {
    value,
    ...(typeof unit === 'string' && { unit }),
    time: time ?? timeAt(position),
    position,
  };
};

/** The time of a position as JavaScript writes it, if it has three fractional digits, else in its shortest form. */
const timeAt = (position: string): string => `${position.slice(0, Math.max(0, position.indexOf('!')))}Z`;
