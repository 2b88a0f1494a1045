// A group of writes to one container that takes effect together or not at all.
import type { JsonObject } from '../json.ts';
import type { Container } from './container.ts';
import type { Item, ItemState } from './item.ts';
import type { CommittedChange } from './journal-types.ts';
import type { LogicalPartition } from './partition.ts';
import type { PartitionRange, VersionEntry } from './range.ts';

interface Change {
  readonly item: Item;
  readonly kind: VersionEntry['kind'];
  readonly before: ItemState | undefined;
  readonly after: ItemState | undefined;
  readonly beforeLsn: number;
  readonly expired: boolean;
}

/** Positions and numbers to reuse when a commit is replayed from the log instead of being made anew. */
export interface Replay {
  readonly sequence: number;
  readonly ts: number;
  readonly lsns: ReadonlyMap<string, number>;
}

/**
 * Writes are applied at once, so that later operations of a batch see earlier ones, and undone in reverse on failure.
 * Nothing else runs in between: a transaction never awaits.
 */
export class Transaction {
  readonly #container: Container;
  readonly #changes: Change[] = [];
  readonly #undo: (() => void)[] = [];
  readonly #ts: number;

  constructor(container: Container) {
    this.#container = container;
    this.#ts = container.shared.clock.seconds();
  }

  /** Stores a new document. `body` is the client's part, parsed and as text; the id must be free. */
  create(partition: LogicalPartition, id: string, body: JsonObject, text: string): Item {
    const container = this.#container;
    const sequence = container.sequence + 1;
    const rid = container.documentRid(sequence);
    const state = this.#stamp(rid, text, ttlOf(body));
    return this.#insert(partition, id, sequence, rid, state, body);
  }

  /** Replaces a document. */
  replace(item: Item, body: JsonObject, text: string): void {
    this.#exchange(item, this.#stamp(item.rid, text, ttlOf(body)), body);
  }

  /** Deletes a document. */
  remove(item: Item, expired = false): void {
    const { partition, state, lsn } = item;
    const release = partition.claimUnique(item, this.#container.uniquePaths, undefined, this.#parsedForUnique(item));
    partition.items.delete(item.id);
    item.live = false;
    this.#undo.push(() => {
      item.live = true;
      partition.items.set(item.id, item);
      release();
    });
    this.#changes.push({ item, kind: 'delete', before: state, after: undefined, beforeLsn: lsn, expired });
  }

  /** Applies a version read back from the log, system properties included. */
  restore(partition: LogicalPartition, sequence: number, document: JsonObject, text: string): void {
    const id = String(document.id);
    const state: ItemState = { text, etag: String(document._etag), ts: Number(document._ts), ttl: ttlOf(document) };
    const existing = partition.items.get(id);
    if (existing === undefined) {
      this.#insert(partition, id, sequence, String(document._rid), state, document);
    } else {
      this.#exchange(existing, state, document);
    }
  }

  /** Takes every write of this transaction back. */
  rollback(): void {
    for (const step of this.#undo.reverse()) step();
    const touched = new Set(this.#changes.map(({ item }) => item.partition));
    this.#changes.length = 0;
    this.#undo.length = 0;
    for (const partition of touched) this.#container.dropIfEmpty(partition);
  }

  /** Makes the writes visible to feeds and durable: one LSN for all of them in a range. */
  commit(replay?: Replay): void {
    if (this.#changes.length === 0) return;
    const container = this.#container;
    const lsns = new Map<PartitionRange, number>();
    const created = new Set<Item>();
    const logged = new Set<Item>();
    const records: CommittedChange[] = [];
    for (const change of this.#changes) {
      const { item } = change;
      const { range } = item.partition;
      let lsn = lsns.get(range);
      if (lsn === undefined) {
        lsn = replay?.lsns.get(range.id) ?? range.lsn + 1;
        range.lsn = lsn;
        lsns.set(range, lsn);
      }
      this.#settle(change, lsn, created, logged, replay?.ts ?? this.#ts);
      if (container.shared.sink.active) records.push(recordOf(change));
    }
    for (const item of logged) {
      if (!item.live) continue;
      item.partition.range.append({ lsn: item.lsn, item });
      container.trackExpiry(item);
    }
    for (const range of lsns.keys()) range.compactLog(container.documentCount);
    for (const { item, kind } of this.#changes) if (kind === 'delete') container.dropIfEmpty(item.partition);
    if (replay !== undefined) container.sequence = Math.max(container.sequence, replay.sequence);
    if (container.shared.sink.active) {
      container.shared.sink.committed({
        container: container.rid,
        sequence: container.sequence,
        ts: this.#ts,
        lsns: [...lsns].map(([range, lsn]) => [range.id, lsn] as const),
        changes: records,
      });
    }
  }

  #settle(change: Change, lsn: number, created: Set<Item>, logged: Set<Item>, ts: number): void {
    const { item, kind, before, after } = change;
    const container = this.#container;
    if (kind === 'create') created.add(item);
    if (kind === 'delete') {
      if (created.has(item)) created.delete(item);
      else container.indexRemoved(item);
    } else if (kind === 'create' && item.live) {
      container.indexCreated(item);
    }
    if (before !== undefined) container.shared.cache.forget(before);
    item.lsn = lsn;
    logged.add(item);
    item.partition.range.remember({
      lsn,
      ts,
      kind,
      id: item.id,
      partition: item.partition,
      current: after?.text,
      previous: before?.text,
      previousLsn: change.beforeLsn,
      expired: change.expired,
    });
  }

  #insert(
    partition: LogicalPartition,
    id: string,
    sequence: number,
    rid: string,
    state: ItemState,
    body: JsonObject,
  ): Item {
    const container = this.#container;
    const item: Item = { id, partition, sequence, rid, state, lsn: 0, live: true };
    const release = partition.claimUnique(item, container.uniquePaths, body, undefined);
    const former = container.sequence;
    container.sequence = Math.max(former, sequence);
    partition.items.set(id, item);
    this.#undo.push(() => {
      partition.items.delete(id);
      item.live = false;
      release();
    });
    this.#changes.push({ item, kind: 'create', before: undefined, after: state, beforeLsn: 0, expired: false });
    return item;
  }

  #exchange(item: Item, state: ItemState, body: JsonObject): void {
    const { state: before, lsn } = item;
    const release = item.partition.claimUnique(item, this.#container.uniquePaths, body, this.#parsedForUnique(item));
    item.state = state;
    this.#undo.push(() => {
      item.state = before;
      release();
    });
    this.#changes.push({ item, kind: 'replace', before, after: state, beforeLsn: lsn, expired: false });
  }

  /** Parsing the former version is only worth it when there are unique keys to release. */
  #parsedForUnique(item: Item): JsonObject | undefined {
    return this.#container.uniquePaths.length === 0 ? undefined : this.#container.parsed(item);
  }

  #stamp(rid: string, text: string, ttl: number | undefined): ItemState {
    const ts = this.#ts;
    const etag = etagOf(this.#container.shared.nextEtag(), ts);
    const system = `"_rid":"${rid}","_self":"${this.#container.self}docs/${rid}/","_etag":${JSON.stringify(etag)},"_attachments":"attachments/","_ts":${ts}`;
    return { text: `${text.slice(0, -1)}${text === '{}' ? '' : ','}${system}}`, etag, ts, ttl };
  }
}

/** An etag in the service's shape; the quotes belong to it. */
export function etagOf(serial: number, ts: number): string {
  const low = (serial >>> 0).toString(16).padStart(8, '0');
  const high = Math.floor(serial / 0x100000000)
    .toString(16)
    .padStart(4, '0');
  return `"${low}-${high}-0500-0000-${ts.toString(16).padStart(8, '0')}0000"`;
}

function ttlOf(body: JsonObject): number | undefined {
  return typeof body.ttl === 'number' ? body.ttl : undefined;
}

function recordOf({ item, after, expired }: Change): CommittedChange {
  const { key } = item.partition;
  return after === undefined
    ? { kind: 'remove', key, id: item.id, expired }
    : { kind: 'put', key, sequence: item.sequence, text: after.text };
}
