// How long requests that bring events took, as counts by time: small enough to be reported every few seconds, and added up over isolates.

/** Counts by the index of a time's bucket. The field of `CellTraffic` has them as they are. */
export type IngestTimes = Readonly<Record<number, number>>;

/** What bounds the counts. */
export const INGEST_TIME_LIMITS = {
  /** Each bucket ends at so many times the end of the one before: a rise by a tenth is some buckets. */
  ratio: 1.02,
  /** The last bucket, of a minute and more: no request takes longer. */
  buckets: 560,
} as const;

/** Of no requests. */
export const NO_TIMES: IngestTimes = {};

/** The count of one request. */
export const timeOf = (milliseconds: number): IngestTimes => ({ [bucketOf(milliseconds)]: 1 });

const bucketOf = (milliseconds: number): number =>
  Math.min(
    INGEST_TIME_LIMITS.buckets - 1,
    Math.ceil(Math.log(Math.max(1, milliseconds)) / Math.log(INGEST_TIME_LIMITS.ratio)),
  );

/** The longest time of a bucket, in milliseconds. */
const endOf = (bucket: number): number => INGEST_TIME_LIMITS.ratio ** bucket;

/** The sum of two. */
export function addTimes(one: IngestTimes, other: IngestTimes): IngestTimes {
  const sum: Record<number, number> = { ...one };
  for (const [bucket, count] of entriesOf(other)) sum[bucket] = (sum[bucket] ?? 0) + count;
  return sum;
}

/** Counts of buckets that there are, the shortest times first; others say nothing. */
const entriesOf = (times: IngestTimes): readonly (readonly [number, number])[] =>
  Object.entries(times)
    .map(([bucket, count]) => [Number(bucket), Number(count)] as const)
    .filter(([bucket, count]) => bucket >= 0 && bucket < INGEST_TIME_LIMITS.buckets && count > 0)
    .sort(([one], [other]) => one - other);

/** Requests in all. */
export const countOf = (times: IngestTimes): number => entriesOf(times).reduce((sum, [, count]) => sum + count, 0);

/** The time within which this share of the requests was answered, in milliseconds; `undefined` without requests. */
export function withinWhich(times: IngestTimes, share: number): number | undefined {
  let left = Math.ceil(share * countOf(times));
  for (const [bucket, count] of entriesOf(times)) {
    left -= count;
    if (left <= 0) return endOf(bucket);
  }
  return undefined;
}

/** Requests that took longer than this, in milliseconds. */
export const longerThan = (times: IngestTimes, milliseconds: number): number =>
  entriesOf(times).reduce((sum, [bucket, count]) => sum + (endOf(bucket) > milliseconds ? count : 0), 0);
