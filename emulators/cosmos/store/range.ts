// One physical partition key range: its LSN counter, its change log and the history of document versions.
import { VERSION_HISTORY_BYTES } from '../limits.ts';
import type { Item } from './item.ts';
import type { LogicalPartition } from './partition.ts';

/** A write in the order it was committed. It stands for the document only while it is the document's last write. */
export interface LogEntry {
  readonly lsn: number;
  readonly item: Item;
}

/** One past or present version of a document, for the all-versions-and-deletes feed. */
export interface VersionEntry {
  readonly lsn: number;
  readonly ts: number;
  readonly kind: 'create' | 'replace' | 'delete';
  readonly id: string;
  readonly partition: LogicalPartition;
  /** The new document; absent for a deletion. */
  readonly current: string | undefined;
  readonly previous: string | undefined;
  readonly previousLsn: number;
  readonly expired: boolean;
}

/** A half-open interval of effective partition keys and the log of the writes to it. */
export class PartitionRange {
  readonly id: string;
  readonly min: string;
  readonly max: string;
  readonly parents: readonly string[];
  /** Position of the newest write; a child of a split goes on from its parent's. */
  lsn: number;
  log: LogEntry[] = [];
  history: VersionEntry[] = [];
  /** All versions up to this LSN have been dropped from the history. */
  historyFrom: number;
  #historyBytes = 0;

  constructor(id: string, min: string, max: string, parents: readonly string[] = [], lsn = 0) {
    this.id = id;
    this.min = min;
    this.max = max;
    this.parents = parents;
    this.lsn = lsn;
    this.historyFrom = 0;
  }

  /** Whether a key belongs to this range. */
  contains(epk: string): boolean {
    return epk >= this.min && epk < this.max;
  }

  /** Appends one committed write. */
  append(entry: LogEntry): void {
    this.log.push(entry);
  }

  /** Drops superseded entries once they outnumber the live ones threefold. */
  compactLog(liveItems: number): void {
    if (this.log.length > 256 && this.log.length > liveItems * 4) this.log = this.log.filter(isCurrent);
  }

  /** Remembers a version, dropping the oldest when the history is over its bound. */
  remember(version: VersionEntry): void {
    this.history.push(version);
    this.#historyBytes += sizeOf(version);
    if (this.#historyBytes <= VERSION_HISTORY_BYTES) return;
    let drop = 0;
    while (drop < this.history.length - 1 && this.#historyBytes > VERSION_HISTORY_BYTES * 0.75) {
      const oldest = this.history[drop];
      if (oldest === undefined) break;
      this.#historyBytes -= sizeOf(oldest);
      this.historyFrom = oldest.lsn;
      drop += 1;
    }
    this.history.splice(0, drop);
  }

  /** Index of the first log entry after an LSN. */
  indexAfter(lsn: number): number {
    return firstAfter(this.log, lsn);
  }
}

/** Whether an entry is its document's last write. */
export function isCurrent(entry: LogEntry): boolean {
  return entry.item.live && entry.item.lsn === entry.lsn;
}

/** Index of the first entry after an LSN, in a list ordered by LSN. */
export function firstAfter(entries: readonly { readonly lsn: number }[], lsn: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = entries[middle];
    if (entry !== undefined && entry.lsn <= lsn) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sizeOf(version: VersionEntry): number {
  return 200 + (version.current?.length ?? 0) + (version.previous?.length ?? 0);
}
