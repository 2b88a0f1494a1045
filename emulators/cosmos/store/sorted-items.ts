// Documents of one logical partition sorted by id, in chunks, so that id ranges are found without a scan.
import { compareText } from '../json.ts';
import type { Item } from './item.ts';

/** Chunks are split in two when they outgrow this; keeps an insertion's memory move small. */
const CHUNK = 512;

/** A sorted list of documents with distinct ids. */
export class SortedItems {
  #chunks: Item[][] = [];

  /** Adds a document; its id must not be in the list. */
  add(item: Item): void {
    const last = this.#chunks.at(-1);
    if (last === undefined) {
      this.#chunks.push([item]);
      return;
    }
    const index = this.#chunkFor(item.id);
    const chunk = this.#chunks[index] ?? last;
    chunk.splice(lowerBound(chunk, item.id), 0, item);
    if (chunk.length > CHUNK) this.#chunks.splice(index, 1, chunk.slice(0, CHUNK / 2), chunk.slice(CHUNK / 2));
  }

  /** Removes the document with this id, if present. */
  remove(id: string): void {
    const index = this.#chunkFor(id);
    const chunk = this.#chunks[index];
    if (chunk === undefined) return;
    const at = lowerBound(chunk, id);
    if (chunk[at]?.id !== id) return;
    chunk.splice(at, 1);
    if (chunk.length === 0) this.#chunks.splice(index, 1);
  }

  /** Documents with ids from `from` (inclusive) upwards. */
  *ascending(from: string): Generator<Item> {
    const start = this.#chunkFor(from);
    for (let index = start; index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index] ?? [];
      for (let at = index === start ? lowerBound(chunk, from) : 0; at < chunk.length; at++) {
        const item = chunk[at];
        if (item !== undefined) yield item;
      }
    }
  }

  /** Documents with ids from `to` (inclusive; undefined = the greatest) downwards. */
  *descending(to: string | undefined): Generator<Item> {
    const start = to === undefined ? this.#chunks.length - 1 : this.#chunkFor(to);
    for (let index = start; index >= 0; index--) {
      const chunk = this.#chunks[index] ?? [];
      let at = chunk.length - 1;
      if (index === start && to !== undefined) {
        at = lowerBound(chunk, to);
        if (chunk[at]?.id !== to) at -= 1;
      }
      for (; at >= 0; at--) {
        const item = chunk[at];
        if (item !== undefined) yield item;
      }
    }
  }

  /** The first chunk whose last id is not below `id`; the last chunk when there is none. */
  #chunkFor(id: string): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const last = this.#chunks[middle]?.at(-1);
      if (last !== undefined && compareText(last.id, id) < 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(low, 0);
  }
}

/** The position of the first document whose id is not below `id`. */
function lowerBound(items: readonly Item[], id: string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && compareText(item.id, id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
