// Finds a place in a list of documents ordered by insertion number.
import type { Item } from '../store/item.ts';

/** Index of the first document whose insertion number is not below `sequence`. */
export function firstAtOrAfter(items: readonly Item[], sequence: number): number {
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
