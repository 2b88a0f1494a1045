// The feed on the Cosmos DB change feed: ranges of partition key hashes, which hand over to their parts when the service splits them.
import { type ChangeFeedPullModelIterator, ChangeFeedStartFrom, type Container, type FeedRange } from '@azure/cosmos';
import { PortError } from '../../core/ports/errors.ts';
import {
  FEED_PORT_LIMITS,
  type FeedChild,
  type FeedPage,
  type FeedShard,
  type FeedSource,
} from '../../core/ports/feed.ts';
import { toChangeRecord } from './cosmos-change-feed.ts';
import { failureBehind } from './cosmos-client.ts';
import { toReadError } from './errors.ts';

export interface CosmosFeedOptions {
  /** Of a client that does not retry: readers try again themselves. */
  readonly container: Container;
  /** Records of a page, but for those that one transaction wrote; as many as the port allows unless given. */
  readonly pageRecords?: number;
}

/** A range as a shard: `<resource id of the container>:<lowest hash>-<hash beyond the highest>`. */
interface Range {
  readonly rid: string;
  readonly min: string;
  readonly max: string;
}

/** Where a part of a range stands; the etag of the feed. */
interface Part extends Range {
  readonly position: string | undefined;
}

const idOf = ({ rid, min, max }: Range): string => `${rid}:${min}-${max}`;

function rangeOf(shard: string): Range {
  const [, rid = '', min = '', max = ''] = /^(.*):([0-9A-F]*)-([0-9A-F]*)$/.exec(shard) ?? [];
  if (max === '') throw new PortError('invalid', `${shard} is no range of a change feed.`);
  return { rid, min, max };
}

/** The SDK's continuation for one range. */
const continuationOf = ({ rid, min, max, position }: Part): string =>
  JSON.stringify({ rid, Continuation: [{ minInclusive: min, maxExclusive: max, continuationToken: position }] });

/**
 * A shard is a range of hashes and stays one when the service moves or merges partitions; only a split ends it, which the SDK shows as a
 * continuation of several parts.
 */
export class CosmosFeed implements FeedSource {
  readonly #container: Container;
  readonly #pageRecords: number;
  readonly #iterators = new Map<
    string,
    { readonly position: string | undefined; readonly iterator: ChangeFeedPullModelIterator<unknown> }
  >();

  constructor({ container, pageRecords = FEED_PORT_LIMITS.pageRecords }: CosmosFeedOptions) {
    this.#container = container;
    this.#pageRecords = pageRecords;
  }

  async shards(known: readonly string[]): Promise<readonly FeedShard[]> {
    const rid = await this.#rid();
    const covered = known.map(rangeOf).filter((range) => range.rid === rid);
    const ranges = await this.#ranges();
    if (ranges.length > FEED_PORT_LIMITS.shards)
      throw new PortError('too-large', `The container has more than ${FEED_PORT_LIMITS.shards} ranges.`);
    return ranges
      .map(({ minInclusive: min, maxExclusive: max }) => ({ rid, min, max }))
      .filter(({ min, max }) => !covered.some((range) => range.min < max && min < range.max))
      .map((range) => ({ id: idOf(range), parents: [] }));
  }

  async read(shard: string, position: string | undefined): Promise<FeedPage> {
    const range = rangeOf(shard);
    if (range.rid !== (await this.#rid())) return { records: [], next: { ended: [] } };
    const known = this.#iterators.get(shard);
    this.#iterators.delete(shard);
    const opened =
      known?.position === position && known !== undefined ? known.iterator : await this.#open({ ...range, position });
    if (Array.isArray(opened)) return { records: [], next: { ended: opened } };
    try {
      const { result = [], continuationToken } = await opened.readNext();
      const parts = partsOf(range.rid, continuationToken);
      const records = result.map(toChangeRecord);
      if (parts.length > 1) return { records, next: { ended: parts.map(toChild) } };
      const next = parts[0]?.position ?? position;
      this.#iterators.set(shard, { position: next, iterator: opened });
      return { records, next: { position: next } };
    } catch (error) {
      throw toReadError(failureBehind(error));
    }
  }

  /** The parts of a range that was split before it was ever read, in place of an iterator. */
  async #open(part: Part): Promise<ChangeFeedPullModelIterator<unknown> | FeedChild[]> {
    if (part.position !== undefined) return this.#iterate(ChangeFeedStartFrom.Continuation(continuationOf(part)));
    const { rid, min, max } = part;
    const inside = (await this.#ranges()).filter((range) => range.minInclusive >= min && range.maxExclusive <= max);
    const exact = inside.find((range) => range.minInclusive === min && range.maxExclusive === max);
    if (exact !== undefined) return this.#iterate(ChangeFeedStartFrom.Beginning(exact));
    if (inside.length === 0)
      throw new PortError('unavailable', `No partition holds the range ${min}-${max} as a whole.`);
    return inside.map((range) =>
      toChild({ rid, min: range.minInclusive, max: range.maxExclusive, position: undefined }),
    );
  }

  #iterate(changeFeedStartFrom: ChangeFeedStartFrom): ChangeFeedPullModelIterator<unknown> {
    return this.#container.items.getChangeFeedIterator<unknown>({
      changeFeedStartFrom,
      maxItemCount: this.#pageRecords,
    });
  }

  #rids: Promise<string> | undefined;

  /** The container's resource id: a container that was deleted and made again has another one, and another feed. */
  #rid(): Promise<string> {
    this.#rids ??= this.#container.read().then(
      ({ resource }) => {
        if (resource?._rid === undefined) throw new PortError('unknown', 'The container has no resource id.');
        return resource._rid;
      },
      (error: unknown) => {
        throw toReadError(failureBehind(error));
      },
    );
    // What failed is asked again.
    this.#rids.catch(() => {
      this.#rids = undefined;
    });
    return this.#rids;
  }

  async #ranges(): Promise<readonly FeedRange[]> {
    try {
      return await this.#container.getFeedRanges();
    } catch (error) {
      throw toReadError(failureBehind(error));
    }
  }
}

const toChild = (part: Part): FeedChild => ({ id: idOf(part), position: part.position });

/** The parts in one of the SDK's continuations, in order. */
function partsOf(rid: string, continuation: string | undefined): Part[] {
  if (continuation === undefined || continuation === '') return [];
  const { Continuation: parts = [] } = JSON.parse(continuation) as {
    Continuation?: { minInclusive: string; maxExclusive: string; continuationToken?: string }[];
  };
  return parts
    .map(({ minInclusive: min, maxExclusive: max, continuationToken: token }) => ({
      rid,
      min,
      max,
      position: token === undefined || token === '' ? undefined : token,
    }))
    .sort((a, b) => (a.min < b.min ? -1 : 1));
}
