// One logical partition: the documents that share a partition key, and the indexes over them.
import { uniqueConflict } from '../errors.ts';
import type { KeyComponent } from '../hash/epk.ts';
import { canonicalText, compareText, type JsonObject } from '../json.ts';
import { valueAt } from '../partition-key.ts';
import type { Item } from './item.ts';
import type { PartitionRange } from './range.ts';
import { SortedItems } from './sorted-items.ts';

/** The documents of one partition key value. */
export class LogicalPartition {
  readonly key: readonly KeyComponent[];
  readonly keyText: string;
  readonly epk: string;
  /** The physical range; a split moves the partition to a child. */
  range: PartitionRange;
  readonly items = new Map<string, Item>();
  /** Documents in insertion order, with gaps of dead ones that are squeezed out now and then. */
  bySequence: Item[] = [];
  #dead = 0;
  #byId: SortedItems | undefined;
  /** One map per unique key of the container: tuple of values to document. */
  readonly #unique: Map<string, Item>[];

  constructor(key: readonly KeyComponent[], keyText: string, epk: string, range: PartitionRange, uniqueKeys: number) {
    this.key = key;
    this.keyText = keyText;
    this.epk = epk;
    this.range = range;
    this.#unique = Array.from({ length: uniqueKeys }, () => new Map<string, Item>());
  }

  /** Documents sorted by id; built on first use and kept up from then on. */
  get byId(): SortedItems {
    if (this.#byId === undefined) {
      this.#byId = new SortedItems();
      const sorted = [...this.items.values()].sort((a, b) => compareText(a.id, b.id));
      for (const item of sorted) this.#byId.add(item);
    }
    return this.#byId;
  }

  /** Enters a committed new document into the indexes. */
  indexCreated(item: Item): void {
    this.bySequence.push(item);
    this.#byId?.add(item);
  }

  /** Takes a committed deletion out of the indexes. */
  indexRemoved(item: Item): void {
    this.#byId?.remove(item.id);
    this.#dead += 1;
    if (this.#dead > 32 && this.#dead * 2 > this.bySequence.length) {
      this.bySequence = this.bySequence.filter((entry) => entry.live);
      this.#dead = 0;
    }
  }

  /**
   * Claims a document's unique keys, or throws the service's 409.
   * @returns an undo that restores the former claims.
   */
  claimUnique(
    item: Item,
    paths: readonly (readonly (readonly string[])[])[],
    after: JsonObject | undefined,
    before: JsonObject | undefined,
  ): () => void {
    const undo: (() => void)[] = [];
    const rollBack = (): void => {
      for (const step of undo.reverse()) step();
    };
    paths.forEach((tuple, index) => {
      const claims = this.#unique[index];
      if (claims === undefined) return;
      // A missing value counts as null: two documents without it collide, as in the service.
      const text = (document: JsonObject): string =>
        canonicalText(tuple.map((path) => valueAt(document, path) ?? null));
      const former = before === undefined ? undefined : text(before);
      const next = after === undefined ? undefined : text(after);
      if (former === next) return;
      if (former !== undefined && claims.get(former) === item) {
        claims.delete(former);
        undo.push(() => claims.set(former, item));
      }
      if (next !== undefined) {
        const holder = claims.get(next);
        if (holder !== undefined && holder !== item) {
          rollBack();
          throw uniqueConflict();
        }
        claims.set(next, item);
        undo.push(() => claims.delete(next));
      }
    });
    return rollBack;
  }
}
