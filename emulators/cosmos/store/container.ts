// One container: its logical partitions, physical ranges, insertion order, expiry and splits.
import { badRequest, rangeGone } from '../errors.ts';
import { evenBoundaries, type KeyComponent, middleOf } from '../hash/epk.ts';
import { isObject, type JsonObject } from '../json.ts';
import { epkOf, keyText, type PartitionKeyDefinition, parseDefinition, splitPath } from '../partition-key.ts';
import { documentRid, ridBytes } from '../rid.ts';
import type { Clock } from './clock.ts';
import { ExpiryQueue } from './expiry.ts';
import type { DocumentCache, Item, ItemState } from './item.ts';
import type { CommitSink } from './journal-types.ts';
import { LogicalPartition } from './partition.ts';
import { isCurrent, PartitionRange } from './range.ts';
import { Transaction } from './transaction.ts';

/** What a container shares with its account. */
export interface Shared {
  readonly clock: Clock;
  readonly cache: DocumentCache;
  readonly sink: CommitSink;
  /** Number of the next etag; unique over the account and over restarts. */
  nextEtag(): number;
}

/** A container and all its data. */
export class Container {
  readonly rid: string;
  readonly self: string;
  readonly definition: PartitionKeyDefinition;
  readonly uniquePaths: readonly (readonly (readonly string[])[])[];
  /** Exchanged once, when data read back from disk is handed to the account that writes there. */
  shared: Shared;
  /** As the client gave them, with the service's defaults. */
  properties: JsonObject;
  etag: string;
  ts: number;
  /** Current ranges in key order. */
  ranges: PartitionRange[];
  /** Ids of ranges that were split. */
  readonly gone = new Map<string, PartitionRange>();
  readonly partitions = new Map<string, LogicalPartition>();
  /** All documents in insertion order, with gaps of dead ones that are squeezed out now and then. */
  bySequence: Item[] = [];
  sequence = 0;
  #dead = 0;
  #nextRange: number;
  readonly #expiry = new ExpiryQueue();
  readonly #ridBytes: Buffer;

  constructor(
    shared: Shared,
    rid: string,
    databaseRid: string,
    properties: JsonObject,
    etag: string,
    ts: number,
    ranges: number,
  ) {
    this.shared = shared;
    this.rid = rid;
    this.self = `dbs/${databaseRid}/colls/${rid}/`;
    this.properties = properties;
    this.etag = etag;
    this.ts = ts;
    this.definition = parseDefinition(properties.partitionKey);
    this.uniquePaths = parseUniqueKeys(properties);
    this.#ridBytes = ridBytes(rid);
    const bounds = evenBoundaries(ranges, this.definition.kind);
    this.ranges = Array.from({ length: ranges }, (_, index) => {
      return new PartitionRange(String(index), bounds[index] ?? '', bounds[index + 1] ?? 'FF');
    });
    this.#nextRange = ranges;
  }

  get id(): string {
    return String(this.properties.id);
  }

  get documentCount(): number {
    return this.bySequence.length - this.#dead;
  }

  /** The container's default time to live: undefined = off, -1 = on without a default. */
  get defaultTtl(): number | undefined {
    const value = this.properties.defaultTtl;
    return typeof value === 'number' ? value : undefined;
  }

  /** Starts a group of writes that commits, or is rolled back, as one. */
  begin(): Transaction {
    return new Transaction(this);
  }

  /** The partition of a key, if any document has been stored under it. */
  findPartition(key: readonly KeyComponent[]): LogicalPartition | undefined {
    return this.partitions.get(keyText(key));
  }

  /** The partition of a key, made when missing. */
  partitionFor(key: readonly KeyComponent[]): LogicalPartition {
    const text = keyText(key);
    const known = this.partitions.get(text);
    if (known !== undefined) return known;
    const epk = epkOf(key, this.definition);
    const made = new LogicalPartition([...key], text, epk, this.rangeOf(epk), this.uniquePaths.length);
    this.partitions.set(text, made);
    return made;
  }

  /** Forgets a partition that has become empty. */
  dropIfEmpty(partition: LogicalPartition): void {
    if (partition.items.size === 0 && partition.bySequence.every((item) => !item.live)) {
      this.partitions.delete(partition.keyText);
    }
  }

  /** The current range of an effective partition key. */
  rangeOf(epk: string): PartitionRange {
    const range = this.ranges.find((candidate) => candidate.contains(epk));
    if (range === undefined) throw new Error(`No range holds ${epk}.`);
    return range;
  }

  /** The range with an id; a split or unknown one is 410/1002. */
  rangeById(id: string): PartitionRange {
    const range = this.ranges.find((candidate) => candidate.id === id);
    if (range === undefined) throw rangeGone();
    return range;
  }

  /** Makes the resource id of a new document. */
  documentRid(sequence: number): string {
    return documentRid(this.#ridBytes, sequence);
  }

  /** The parsed form of a document, by default its current one; callers must not modify it. */
  parsed(item: Item, state = item.state): JsonObject {
    return this.shared.cache.get(state);
  }

  /** Enters a committed new document into the insertion order and the expiry queue. */
  indexCreated(item: Item): void {
    this.bySequence.push(item);
    item.partition.indexCreated(item);
  }

  /** Takes a committed deletion out of the indexes. */
  indexRemoved(item: Item): void {
    item.partition.indexRemoved(item);
    this.#dead += 1;
    if (this.#dead > 64 && this.#dead * 2 > this.bySequence.length) {
      this.bySequence = this.bySequence.filter((entry) => entry.live);
      this.#dead = 0;
    }
  }

  /** Enters a written document into the expiry queue when it will expire. */
  trackExpiry(item: Item): void {
    const second = this.#expiresAt(item.state);
    if (second !== undefined) this.#expiry.add(item, second);
  }

  /** Recomputes all expiries; needed when the default time to live changes. */
  retrackExpiry(): void {
    this.#expiry.clear();
    for (const item of this.bySequence) if (item.live) this.trackExpiry(item);
  }

  /** Deletes what has expired by now. Called before anything reads or writes the container. */
  expire(): void {
    const now = this.shared.clock.seconds();
    if (this.#expiry.next > now) return;
    const transaction = this.begin();
    for (let item = this.#expiry.take(now); item !== undefined; item = this.#expiry.take(now)) {
      const second = item.live ? this.#expiresAt(item.state) : undefined;
      if (second === undefined) continue;
      if (second <= now) transaction.remove(item, true);
      else this.#expiry.add(item, second);
    }
    transaction.commit();
  }

  /** Replaces one range by two that continue its log; returns the children. */
  split(rangeId: string, at?: string): readonly PartitionRange[] {
    const parent = this.ranges.find((candidate) => candidate.id === rangeId);
    if (parent === undefined) throw badRequest(`There is no partition key range '${rangeId}' to split.`);
    const middle = at ?? this.#middleKey(parent) ?? middleOf(parent.min, parent.max, this.definition.kind);
    if (middle === undefined || middle <= parent.min || middle >= parent.max) {
      throw badRequest(`Partition key range '${rangeId}' cannot be split.`);
    }
    const parents = [...parent.parents, parent.id];
    const left = new PartitionRange(String(this.#nextRange), parent.min, middle, parents, parent.lsn);
    const right = new PartitionRange(String(this.#nextRange + 1), middle, parent.max, parents, parent.lsn);
    this.#nextRange += 2;
    for (const child of [left, right]) {
      child.historyFrom = parent.historyFrom;
      child.log = parent.log.filter((entry) => isCurrent(entry) && child.contains(entry.item.partition.epk));
      for (const version of parent.history) if (child.contains(version.partition.epk)) child.remember(version);
    }
    for (const partition of this.partitions.values()) {
      if (partition.range === parent) partition.range = left.contains(partition.epk) ? left : right;
    }
    this.ranges.splice(this.ranges.indexOf(parent), 1, left, right);
    this.gone.set(parent.id, parent);
    parent.log = [];
    parent.history = [];
    return [left, right];
  }

  /** Puts back a document of a snapshot, without making it a new change. */
  restoreItem(key: readonly KeyComponent[], sequence: number, lsn: number, document: JsonObject, text: string): void {
    const partition = this.partitionFor(key);
    const ttl = typeof document.ttl === 'number' ? document.ttl : undefined;
    const state = { text, etag: String(document._etag), ts: Number(document._ts), ttl };
    const item: Item = {
      id: String(document.id),
      partition,
      sequence,
      rid: String(document._rid),
      state,
      lsn,
      live: true,
    };
    partition.claimUnique(item, this.uniquePaths, document, undefined);
    partition.items.set(item.id, item);
    this.indexCreated(item);
    partition.range.append({ lsn, item });
    this.trackExpiry(item);
  }

  /** Puts back the ranges of a snapshot. */
  restoreRanges(ranges: PartitionRange[], gone: PartitionRange[], nextRange: number): void {
    this.ranges = ranges;
    for (const range of gone) this.gone.set(range.id, range);
    this.#nextRange = nextRange;
  }

  get nextRange(): number {
    return this.#nextRange;
  }

  /** The key that halves a range's partitions, so that a split moves data. */
  #middleKey(range: PartitionRange): string | undefined {
    const keys = [...this.partitions.values()].filter((partition) => partition.range === range).map(({ epk }) => epk);
    const middle = [...new Set(keys)].sort()[Math.floor(new Set(keys).size / 2)];
    return middle !== undefined && middle > range.min ? middle : undefined;
  }

  #expiresAt(state: ItemState): number | undefined {
    const fallback = this.defaultTtl;
    if (fallback === undefined) return undefined;
    const ttl = state.ttl ?? fallback;
    return ttl < 0 ? undefined : state.ts + ttl;
  }
}

function parseUniqueKeys(properties: JsonObject): string[][][] {
  const policy = properties.uniqueKeyPolicy;
  if (!isObject(policy) || !Array.isArray(policy.uniqueKeys)) return [];
  return policy.uniqueKeys.map((key) => {
    if (!isObject(key) || !Array.isArray(key.paths) || key.paths.length === 0) {
      throw badRequest('A unique key must name at least one path.');
    }
    return key.paths.map((path) => splitPath(String(path)));
  });
}
