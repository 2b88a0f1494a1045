// The documents a query has to look at: in insertion order, or in the order of ids within bounds.
import { compareText } from '../json.ts';
import type { Item, ItemState } from '../store/item.ts';
import type { LogicalPartition } from '../store/partition.ts';
import type { IdBounds } from './access-path.ts';

/** A document as the query sees it. */
export interface Candidate {
  readonly item: Item;
  readonly state: ItemState;
}

/**
 * The documents of a query, one by one. Before others get a turn in the middle of it, the rest is held as it is then, so that a
 * query sees all documents as of one moment.
 */
export class Candidates implements Iterable<Candidate> {
  readonly #items: Iterator<Item>;
  #held: Candidate[] | undefined;

  constructor(items: Iterable<Item>) {
    this.#items = items[Symbol.iterator]();
  }

  /** Takes hold of everything that is still to come. */
  hold(): void {
    this.#held ??= [...this.#rest()].reverse();
  }

  *[Symbol.iterator](): Iterator<Candidate> {
    for (;;) {
      const next = this.#held === undefined ? this.#next() : this.#held.pop();
      if (next === undefined) return;
      yield next;
    }
  }

  *#rest(): Generator<Candidate> {
    for (let next = this.#next(); next !== undefined; next = this.#next()) yield next;
  }

  #next(): Candidate | undefined {
    const { done, value: item } = this.#items.next();
    return done === true ? undefined : { item, state: item.state };
  }
}

/** Whether anything is known about the ids that can match. */
export const hasBounds = ({ ids, low, high }: IdBounds): boolean =>
  ids !== undefined || low !== undefined || high !== undefined;

/** Live documents of a list in insertion order, from an insertion number on. */
export function* liveFrom(
  items: readonly Item[],
  from: number,
  accepts: (partition: LogicalPartition) => boolean,
): Generator<Item> {
  for (let at = firstAtOrAfter(items, from); at < items.length; at++) {
    const item = items[at];
    if (item?.live === true && accepts(item.partition)) yield item;
  }
}

/** Documents of a partition within id bounds, in the order of ids, resuming at an id. */
export function* idRange(
  partition: LogicalPartition,
  bounds: IdBounds,
  descending: boolean,
  resume: string | undefined,
): Generator<Item> {
  const { ids, low, high } = bounds;
  if (ids !== undefined) {
    const sorted = [...ids].sort();
    for (const id of descending ? sorted.reverse() : sorted) {
      const item = partition.items.get(id);
      if (item !== undefined) yield item;
    }
  } else if (descending) {
    const to = resume === undefined || (high !== undefined && compareText(high, resume) < 0) ? high : resume;
    for (const item of partition.byId.descending(to)) {
      if (low !== undefined && compareText(item.id, low) < 0) return;
      yield item;
    }
  } else {
    const from = resume !== undefined && compareText(resume, low ?? '') > 0 ? resume : (low ?? '');
    for (const item of partition.byId.ascending(from)) {
      if (high !== undefined && compareText(item.id, high) > 0) return;
      yield item;
    }
  }
}

/** Index of the first document whose insertion number is not below `sequence`. */
function firstAtOrAfter(items: readonly Item[], sequence: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && item.sequence < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}
