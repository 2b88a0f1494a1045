// The consumer `device-state`: last value per metric, last seen, and the number of distinct readings of a device.
import { derived } from '../../pipeline/derived-consumer.ts';
import { partitions } from './partitions.ts';
import { type Fact, type LastValue, lastValueOf, later, readingOf } from './reading.ts';
import { reading } from './schemas.ts';

/** Metrics that a device's state keeps: the ones reported last. With `READING_LIMITS` a device fits into one document. */
export const DEVICE_METRICS = 200;

/** The id of a device's state in its partition. */
export const DEVICE_STATE_ID = 'state';

/** What a minute of readings, and all of them together, say of a device. */
export interface DeviceSummary {
  readings: number;
  lastSeen?: { readonly time: string; readonly position: string };
  metrics: { readonly [metric: string]: LastValue };
}

/** The consumer `device-state`. */
export const deviceState = derived<Fact, DeviceSummary>({
  name: 'device-state',
  // A device sends a few readings a second at most, so a window of a second would collect few that share a derivation.
  delivery: 'latency',
  types: [reading.type],
  partition: partitions.device.of,
  project: readingOf,
  leafOf: (_reading, minute) => `minute!${minute}`,
  totalsOf: () => [DEVICE_STATE_ID],
  empty: () => ({ readings: 0, metrics: {} }),
  add(summary, fact) {
    summary.readings += 1;
    summary.lastSeen = later(summary.lastSeen, { time: fact.time, position: fact.position });
    summary.metrics = mergeMetrics(summary.metrics, { [fact.metric]: lastValueOf(fact) });
  },
  revise: reviseDevice,
  announce: async (state, tenant, device) => {
    await state.put({ partition: partitions.devices.of(tenant), id: device, body: null }, 'any');
  },
});

/** A device after one of its minutes went from `before` to `after`: counts by difference, values by who is later. */
export function reviseDevice(
  total: DeviceSummary | undefined,
  before: DeviceSummary | undefined,
  after: DeviceSummary,
): DeviceSummary {
  const lastSeen = after.lastSeen && later(total?.lastSeen, after.lastSeen);
  return {
    readings: (total?.readings ?? 0) + after.readings - (before?.readings ?? 0),
    ...(lastSeen && { lastSeen }),
    metrics: mergeMetrics(total?.metrics ?? {}, after.metrics),
  };
}

/** Values by metric, the later one each; of more than `DEVICE_METRICS` metrics those reported last. */
function mergeMetrics(a: DeviceSummary['metrics'], b: DeviceSummary['metrics']): DeviceSummary['metrics'] {
  const merged = new Map(Object.entries(a));
  for (const [metric, value] of Object.entries(b)) merged.set(metric, later(merged.get(metric), value));
  if (merged.size <= DEVICE_METRICS) return Object.fromEntries(merged);
  const latest = [...merged].sort(([, x], [, y]) => (x.position < y.position ? 1 : -1));
  return Object.fromEntries(latest.slice(0, DEVICE_METRICS));
}
