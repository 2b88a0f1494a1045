// Made-up readings, readings in short form, and how drills count what has been applied.
import type { Sample, ShortEvent, Tally } from '../../domain/domain.ts';
import { fingerprint } from '../../events/cloud-event.ts';
import type { JsonObject } from '../../ports/json.ts';
import { reading } from './schemas.ts';

/**
 * A reading of temperature. Values are multiples of a quarter, which floating-point numbers hold exactly, so that their sum is the
 * same in any order.
 */
export const sample = (subject: number, round: number): Sample => ({
  type: reading.type,
  subject: `device-${subject + 1}`,
  data: { metric: 'temperature', value: 20 + ((round * 7 + subject * 3) % 40) / 4, unit: 'Cel' },
});

/** A bare reading: `device` or `subject`, `time` or `timestamp`, `metric`, `value`, perhaps `unit`, `id` and `source`. */
export function shortReading(line: JsonObject): ShortEvent | string {
  const { device, subject = device, timestamp, time = timestamp, id, source, metric, value, unit, ...rest } = line;
  const missing = Object.entries({ 'device (or subject)': subject, 'time (or timestamp)': time, metric, value }).filter(
    ([, given]) => given === undefined,
  );
  if (missing.length > 0)
    return `it is neither a CloudEvent nor a reading: ${missing.map(([name]) => name).join(', ')} missing`;
  return {
    type: reading.type,
    // A subject or an identity that is no text is refused by the cell, by name.
    subject: subject as string,
    time: time as string,
    data: { metric: metric ?? null, value: value ?? null, ...(unit !== undefined && { unit }), ...rest },
    // Its content, so that a file can be sent again; `send` has made identities of it in this way from the beginning.
    id: (id ?? fingerprint(JSON.stringify([subject, time, metric, value, unit, rest]))) as string,
    ...(source !== undefined && { source: source as string }),
  };
}

/** A device's state counts each distinct reading, and so do its rollups. */
export const tally: Tally = {
  log: (device) => `/v1/devices/${device}/readings?order=asc`,
  counts: (device) => [
    { path: `/v1/devices/${device}?`, count: ({ readings }) => Number(readings ?? 0) },
    {
      path: `/v1/devices/${device}/rollups?metric=temperature&window=1d&limit=1000`,
      count: ({ items }) => (items as { count: number }[]).reduce((sum, rollup) => sum + rollup.count, 0),
    },
  ],
};
