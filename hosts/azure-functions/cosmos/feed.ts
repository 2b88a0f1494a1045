// Reads the change feed of one lease's range, page by page, and notices when the range was split.
import {
  ChangeFeedMode,
  type ChangeFeedPullModelIterator,
  ChangeFeedStartFrom,
  type Container,
  type FeedRange,
} from '@azure/cosmos';
import type { KeyRange } from './leases.ts';
import type { CosmosOptions } from './options.ts';

/** Where a part of the range stands. */
export interface Position extends KeyRange {
  /** undefined if it was never read. */
  readonly continuation: string | undefined;
}

/** A page of changes; an empty one means that there is nothing new. */
export interface Page {
  readonly documents: readonly unknown[];
  /** Where to go on: one position, or several if the range was split. */
  readonly positions: readonly Position[];
}

/** What a reader needs. */
export interface FeedReaderOptions {
  readonly container: Container;
  /** The container's resource id, without which the SDK takes no continuation. */
  readonly rid: string;
  readonly start: Position;
  readonly options: Pick<CosmosOptions, 'startFrom' | 'maxItems' | 'allVersions'>;
  /** When the listener was started, in ms since the epoch. */
  readonly startedAt: number;
}

/** Azure begins a little before the listener started, as clocks differ. */
const NOW_MARGIN_MS = 1000;

/** Reads on from a position. After an error, make a new reader from the last known position. */
export class FeedReader {
  readonly #options: FeedReaderOptions;
  #iterator: ChangeFeedPullModelIterator<unknown> | undefined;

  constructor(options: FeedReaderOptions) {
    this.#options = options;
  }

  /** The next page. Rejects with the SDK's error. */
  async next(): Promise<Page> {
    const { start } = this.#options;
    const opened = this.#iterator ?? (await this.#open());
    if (Array.isArray(opened)) return { documents: [], positions: opened };
    this.#iterator = opened;
    const response = await opened.readNext();
    const positions = parsePositions(response.continuationToken);
    return { documents: response.result ?? [], positions: positions.length === 0 ? [start] : positions };
  }

  /** Instead of an iterator, the parts of a range that was split before it was ever read. */
  async #open(): Promise<ChangeFeedPullModelIterator<unknown> | Position[]> {
    const { container, rid, start, options } = this.#options;
    let from: ChangeFeedStartFrom;
    if (start.continuation !== undefined) {
      from = ChangeFeedStartFrom.Continuation(formatPosition(rid, { ...start, continuation: start.continuation }));
    } else {
      const ranges = (await container.getFeedRanges()).filter((range) => within(range, start));
      const exact = ranges.find((range) => range.minInclusive === start.min && range.maxExclusive === start.max);
      if (exact === undefined) {
        if (ranges.length === 0) throw new Error(`No partition holds the range ${start.min}-${start.max} any more.`);
        return ranges.map((range) => ({ min: range.minInclusive, max: range.maxExclusive, continuation: undefined }));
      }
      from = this.#startFrom(exact);
    }
    return container.items.getChangeFeedIterator<unknown>({
      changeFeedStartFrom: from,
      changeFeedMode: options.allVersions ? ChangeFeedMode.AllVersionsAndDeletes : ChangeFeedMode.LatestVersion,
      ...(options.maxItems === undefined ? {} : { maxItemCount: options.maxItems }),
    });
  }

  #startFrom(range: FeedRange): ChangeFeedStartFrom {
    const { options, startedAt } = this.#options;
    // All versions can be had from this moment on only, so the margin cannot apply.
    if (options.allVersions) return ChangeFeedStartFrom.Now(range);
    if (options.startFrom.from === 'beginning') return ChangeFeedStartFrom.Beginning(range);
    const at = options.startFrom.from === 'time' ? options.startFrom.at : startedAt - NOW_MARGIN_MS;
    return ChangeFeedStartFrom.Time(new Date(at), range);
  }
}

function within(range: FeedRange, { min, max }: KeyRange): boolean {
  return range.minInclusive >= min && range.maxExclusive <= max;
}

/** The SDK's token for one range. */
export function formatPosition(rid: string, position: KeyRange & { continuation: string }): string {
  const { min, max, continuation } = position;
  return JSON.stringify({
    rid,
    Continuation: [{ minInclusive: min, maxExclusive: max, continuationToken: continuation }],
  });
}

/** The ranges in one of the SDK's tokens, in order. */
export function parsePositions(token: string | undefined): Position[] {
  if (token === undefined || token === '') return [];
  const parsed: { Continuation?: { minInclusive: string; maxExclusive: string; continuationToken?: string }[] } =
    JSON.parse(token);
  return (parsed.Continuation ?? [])
    .map(({ minInclusive, maxExclusive, continuationToken }) => ({
      min: minInclusive,
      max: maxExclusive,
      continuation: continuationToken === undefined || continuationToken === '' ? undefined : continuationToken,
    }))
    .sort((left, right) => (left.min < right.min ? -1 : 1));
}
