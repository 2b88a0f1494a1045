// One stored document, and the bounded cache of documents in parsed form.
import type { Json, JsonObject } from '../json.ts';
import { PARSED_CACHE_CHARS } from '../limits.ts';
import type { LogicalPartition } from './partition.ts';

/** One version of a document; never modified, so that a batch can put the former one back. */
export interface ItemState {
  /** The document as it is sent to clients, system properties included. */
  readonly text: string;
  /** With its quotes, as in the `etag` header. */
  readonly etag: string;
  /** Seconds. */
  readonly ts: number;
  /** The document's own `ttl`, if it has one. */
  readonly ttl: number | undefined;
}

/** A live document. The object stays the same over replaces; its state is exchanged. */
export interface Item {
  readonly id: string;
  readonly partition: LogicalPartition;
  /** Insertion number within the container; the default order of queries. */
  readonly sequence: number;
  readonly rid: string;
  state: ItemState;
  /** Position of the last committed write in the range's log. */
  lsn: number;
  /** False once deleted or expired; indexes drop such entries when convenient. */
  live: boolean;
}

/** Parsed documents, bounded over all containers of an account; the oldest go first. */
export class DocumentCache {
  readonly #parsed = new Map<ItemState, JsonObject>();
  #chars = 0;

  /** The parsed document; callers must not modify it. */
  get(state: ItemState): JsonObject {
    const known = this.#parsed.get(state);
    if (known !== undefined) return known;
    const document = JSON.parse(state.text) as Json as JsonObject;
    this.#parsed.set(state, document);
    this.#chars += state.text.length;
    if (this.#chars > PARSED_CACHE_CHARS) this.#evict();
    return document;
  }

  /** Drops a version that is no longer current. */
  forget(state: ItemState): void {
    if (this.#parsed.delete(state)) this.#chars -= state.text.length;
  }

  #evict(): void {
    for (const oldest of this.#parsed.keys()) {
      this.forget(oldest);
      // Evicting a quarter at a time keeps the cost of a scan over more documents than fit small.
      if (this.#chars <= PARSED_CACHE_CHARS * 0.75) return;
    }
  }
}
