// A heap of documents by the second at which they expire, so that expiry costs nothing until it is due.
import type { Item } from './item.ts';

interface Due {
  readonly second: number;
  readonly item: Item;
}

/** Documents with a time to live, soonest first. Entries may be out of date; the caller checks before acting. */
export class ExpiryQueue {
  #heap: Due[] = [];

  /** The second at which the first entry may be due. */
  get next(): number {
    return this.#heap[0]?.second ?? Number.POSITIVE_INFINITY;
  }

  /** Forgets everything. */
  clear(): void {
    this.#heap = [];
  }

  /** Enters a document; entering it again after a write is right, the older entry will be found out of date. */
  add(item: Item, second: number): void {
    const heap = this.#heap;
    heap.push({ second, item });
    let at = heap.length - 1;
    while (at > 0) {
      const up = (at - 1) >>> 1;
      if ((heap[up]?.second ?? 0) <= (heap[at]?.second ?? 0)) break;
      swap(heap, at, up);
      at = up;
    }
  }

  /** Removes and returns the first document due by `second`. */
  take(second: number): Item | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.second > second) return undefined;
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) {
      heap[0] = last;
      this.#sink();
    }
    return first.item;
  }

  #sink(): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if ((heap[child]?.second ?? Number.POSITIVE_INFINITY) < (heap[least]?.second ?? 0)) least = child;
      }
      if (least === at) return;
      swap(heap, at, least);
      at = least;
    }
  }
}

function swap(heap: Due[], a: number, b: number): void {
  const first = heap[a];
  const second = heap[b];
  if (first === undefined || second === undefined) return;
  heap[a] = second;
  heap[b] = first;
}
