// The compact form of a minute's rollup: thirty of them with one reading each fit into the KiB that a write unit pays for.
import type { Json, JsonObject } from '../../ports/json.ts';
import type { ExactSum } from './exact-sum.ts';
import type { RollupPart, RollupSummary } from './rollups.ts';

/** No readings. */
export const NOTHING: RollupPart = { count: 0, min: Number.MAX_VALUE, max: -Number.MAX_VALUE, sum: [], last: null };

/** One reading is its value; several are count, minimum, maximum, sum and last value. A sum of one part is a number. */
type PackedPart = number | readonly [number, number, number, Json, number | null];

/** The readings without a unit, or an object of those, the ones of each unit, and the metric where the id does not name it. */
type PackedRollup =
  | PackedPart
  | { readonly b?: PackedPart; readonly u?: { readonly [unit: string]: PackedPart }; readonly m?: string };

function packPart({ count, min, max, sum, last }: RollupPart): PackedPart {
  const single = Array.isArray(sum) && sum.length === 1 ? Number(sum[0]) : undefined;
  if (count === 1 && last !== null && min === last.value && max === last.value && single === last.value)
    return last.value;
  return [count, min, max, single ?? (sum as unknown as Json), last === null ? null : last.value];
}

function unpackPart(packed: PackedPart, minute: string): RollupPart {
  if (typeof packed === 'number')
    return { count: 1, min: packed, max: packed, sum: [packed], last: { value: packed, position: minute } };
  const [count, min, max, sum, last] = packed;
  return {
    count,
    min,
    max,
    sum: typeof sum === 'number' ? [sum] : (sum as unknown as ExactSum),
    last: last === null ? null : { value: last, position: minute },
  };
}

export function packRollup(summary: RollupSummary): Json {
  const { metric, units = {}, ...part } = summary;
  const byUnit = Object.entries(units).map(([unit, each]): [string, PackedPart] => [unit, packPart(each)]);
  const bare = part.count === 0 ? undefined : packPart(part);
  const isNamed = isInId(metric);
  if (byUnit.length === 0 && isNamed && bare !== undefined) return bare as Json;
  return {
    ...(bare !== undefined && { b: bare as Json }),
    ...(byUnit.length > 0 && { u: Object.fromEntries(byUnit) as unknown as JsonObject }),
    ...(!isNamed && { m: metric }),
  };
}

export function unpackRollup(json: Json, leafId: string): RollupSummary {
  const [, segment = '', minute = ''] = leafId.split('!');
  const packed = json as unknown as PackedRollup;
  const { b, u, m = segment } = typeof packed === 'number' || isPart(packed) ? { b: packed } : packed;
  const units = Object.entries(u ?? {}).map(([unit, part]): [string, RollupPart] => [unit, unpackPart(part, minute)]);
  return {
    metric: m,
    ...(b === undefined ? NOTHING : unpackPart(b, minute)),
    ...(units.length > 0 && { units: Object.fromEntries(units) }),
  };
}

const isPart = (packed: PackedRollup): packed is PackedPart => Array.isArray(packed);

/** Whether the id of a rollup names its metric, and not a fingerprint of it. */
const isInId = (metric: string): boolean => SAFE_METRIC.test(metric);

/** Metrics that can be part of an id. */
export const SAFE_METRIC = /^[A-Za-z0-9._:~@+ -]{1,128}$/;
