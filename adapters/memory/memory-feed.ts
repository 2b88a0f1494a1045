// The feed of a store in memory, with shards that split, in either way that the clouds name children.
import { BoundedCache } from '../../core/lib/bounded-cache.ts';
import type { ChangeRecord } from '../../core/ports/change-stream.ts';
import { epochMs } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import { FEED_PORT_LIMITS, type FeedPage, type FeedShard, type FeedSource } from '../../core/ports/feed.ts';

/**
 * `named`: as in DynamoDB Streams, a closed shard keeps its records, and `shards` names its children with it. `handed`: as in Cosmos DB, the
 * records that are left go to the children, and the shard's end hands over where they begin.
 */
export type MemoryFeedKind = 'named' | 'handed';

interface Entry {
  readonly record: ChangeRecord;
  /** In [0, 1), by the record's partition. */
  readonly place: number;
  /** The shard that was open there when it was written. */
  readonly shard: string;
}

interface Range {
  readonly id: string;
  readonly parents: readonly string[];
  readonly from: number;
  readonly to: number;
  split: boolean;
}

/** Both clouds report the time of a commit to the second. */
const COMMIT_PRECISION_MS = 1000;

/** Bits of a place. */
const PLACES = 2 ** 16;

export class MemoryFeed implements FeedSource {
  readonly #kind: MemoryFeedKind;
  readonly #pageRecords: number;
  readonly #ranges = new Map<string, Range>();
  readonly #log: Entry[] = [];
  readonly #places = new BoundedCache<string, number>(10_000);

  constructor({
    kind = 'named',
    shards = 1,
    pageRecords = FEED_PORT_LIMITS.pageRecords,
  }: { kind?: MemoryFeedKind; shards?: number; pageRecords?: number } = {}) {
    this.#kind = kind;
    this.#pageRecords = pageRecords;
    for (let index = 0; index < shards; index += 1)
      this.#add({ id: `s${index}`, parents: [], from: index / shards, to: (index + 1) / shards, split: false });
  }

  /** The callback to pass to the `MemoryStore` of this feed. */
  readonly onChange = (record: ChangeRecord): void => {
    const committedAt = epochMs(Math.floor(record.committedAt / COMMIT_PRECISION_MS) * COMMIT_PRECISION_MS);
    const place = this.#placeOf(record.partition);
    const shard = [...this.#ranges.values()].find((range) => !range.split && range.from <= place && place < range.to);
    if (shard === undefined) throw new RangeError(`No shard takes ${record.partition}.`);
    this.#log.push({ record: { ...record, committedAt }, place, shard: shard.id });
  };

  /** The shards that take new records. */
  get open(): readonly string[] {
    return [...this.#ranges.values()].filter(({ split }) => !split).map(({ id }) => id);
  }

  /** The shards that a shard has come out of, itself included. */
  lineageOf(shard: string): readonly string[] {
    const { parents = [] } = this.#ranges.get(shard) ?? {};
    return [...parents.flatMap((parent) => this.lineageOf(parent)), shard];
  }

  /** Splits an open shard in two. */
  split(shard: string): void {
    const range = this.#range(shard);
    if (range.split) throw new RangeError(`${shard} has been split before.`);
    range.split = true;
    const middle = (range.from + range.to) / 2;
    this.#add({ id: `${shard}.0`, parents: [shard], from: range.from, to: middle, split: false });
    this.#add({ id: `${shard}.1`, parents: [shard], from: middle, to: range.to, split: false });
  }

  async shards(known: readonly string[]): Promise<readonly FeedShard[]> {
    const all = [...this.#ranges.values()];
    if (this.#kind === 'named') return all.map(({ id, parents }) => ({ id, parents }));
    const isCovered = (id: string) =>
      known.some((other) => `${id}.`.startsWith(`${other}.`) || other.startsWith(`${id}.`));
    return all.filter(({ id, split }) => !split && !isCovered(id)).map(({ id }) => ({ id, parents: [] }));
  }

  async read(shard: string, position: string | undefined): Promise<FeedPage> {
    const range = this.#range(shard);
    if (this.#kind === 'handed' && range.split)
      return { records: [], next: { ended: this.#childrenOf(shard).map((id) => ({ id, position })) } };
    const records: ChangeRecord[] = [];
    let at = position === undefined ? 0 : Number(position);
    for (; at < this.#log.length && records.length < this.#pageRecords; at += 1) {
      const entry = this.#log[at];
      if (entry !== undefined && this.#holds(range, entry)) records.push(structuredClone(entry.record));
    }
    const isAtEnd = this.#kind === 'named' && range.split && at === this.#log.length;
    return { records, next: isAtEnd ? { ended: [] } : { position: String(at) } };
  }

  #holds({ id, from, to }: Range, { shard, place }: Entry): boolean {
    return this.#kind === 'named' ? shard === id : from <= place && place < to;
  }

  #add(range: Range): void {
    this.#ranges.set(range.id, range);
  }

  #range(shard: string): Range {
    const range = this.#ranges.get(shard);
    if (range === undefined) throw new PortError('invalid', `The feed has no shard ${shard}.`);
    return range;
  }

  #childrenOf(shard: string): string[] {
    return [...this.#ranges.values()].filter(({ parents }) => parents.includes(shard)).map(({ id }) => id);
  }

  /** FNV-1a, folded: partitions spread over the range alike at each run. */
  #placeOf(partition: string): number {
    const known = this.#places.get(partition);
    if (known !== undefined) return known;
    let hash = 0x811c9dc5;
    for (let index = 0; index < partition.length; index += 1)
      hash = Math.imul(hash ^ partition.charCodeAt(index), 0x01000193) >>> 0;
    const place = ((hash ^ (hash >>> 16)) & (PLACES - 1)) / PLACES;
    this.#places.set(partition, place);
    return place;
  }
}
