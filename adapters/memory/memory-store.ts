// The store in memory: exactly as strict as the real ones, and the default for unit tests.

import { afterPrefix, compareUtf8, utf8Length } from '../../core/lib/text.ts';
import type { ChangeRecord } from '../../core/ports/change-stream.ts';
import type { Clock, EpochMs } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import type { Json } from '../../core/ports/json.ts';
import type {
  AppendOptions,
  AppendOutcome,
  Beside,
  DigestPage,
  Expected,
  Key,
  NewDocument,
  Page,
  PartitionPage,
  PartitionQuery,
  Query,
  Store,
  StoreCursor,
  StoredDocument,
  Version,
  Write,
} from '../../core/ports/store.ts';
import { STORE_LIMITS } from '../../core/ports/store.ts';
import { sameBody } from '../../core/store/same-body.ts';

interface Item {
  readonly text: string;
  readonly beside?: Beside;
  readonly digest?: string;
  readonly version: Version;
  readonly expiresAt?: EpochMs;
}

interface Partition {
  readonly items: Map<string, Item>;
  /** The ids in the order of their UTF-8 bytes. */
  readonly ids: string[];
}

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Called with each committed write, in order; feeds the change stream. */
  readonly onChange?: (record: ChangeRecord) => void;
}

export class MemoryStore implements Store {
  readonly #clock: Clock;
  readonly #onChange: (record: ChangeRecord) => void;
  readonly #partitions = new Map<string, Partition>();
  #writes = 0;

  constructor({ clock, onChange = () => undefined }: MemoryStoreOptions) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  async get(key: Key): Promise<StoredDocument | undefined> {
    const item = this.#live(key);
    return item && toDocument(key, item);
  }

  async put(document: NewDocument, expected: Expected): Promise<Version> {
    if (!this.#holds(document, expected)) throw new PortError('conflict', `${document.id} is not as expected.`);
    return this.#write(document);
  }

  async append(documents: readonly NewDocument[], { except }: AppendOptions = {}): Promise<readonly AppendOutcome[]> {
    return documents.map((document): AppendOutcome => {
      const there = this.#live(document);
      if (there !== undefined) {
        const same = sameBody(JSON.parse(there.text) as Json, document.body, except);
        return same ? { status: 'duplicate' } : { status: 'duplicate', differs: true };
      }
      this.#write(document);
      return { status: 'stored' };
    });
  }

  async transact(partition: string, writes: readonly Write[]): Promise<readonly (Version | undefined)[]> {
    const failedWrite = writes.findIndex((write) => !this.#holds({ partition, id: write.id }, write.expected));
    if (failedWrite >= 0)
      throw new PortError('conflict', `${writes[failedWrite]?.id} is not as expected.`, { failedWrite });
    return writes.map((write) => {
      if (write.kind === 'put') return this.#write({ ...write, partition });
      if (write.kind === 'delete') this.#remove({ partition, id: write.id });
      return undefined;
    });
  }

  async query(partition: string, query: Query): Promise<Page> {
    const { items, next } = this.#page(partition, query);
    return {
      items: items.map(([id, item]) => toDocument({ partition, id }, item)),
      ...(next !== undefined && { next }),
    };
  }

  async digests(partition: string, query: Query): Promise<DigestPage> {
    const { items, next } = this.#page(partition, query);
    return {
      items: items.map(([id, { digest }]) => ({ id, ...(digest !== undefined && { digest }) })),
      ...(next !== undefined && { next }),
    };
  }

  #page(
    partition: string,
    { from, to, prefix = '', limit, cursor, order = 'ascending' }: Query,
  ): { readonly items: readonly [string, Item][]; readonly next?: StoreCursor } {
    const ids = this.#partitions.get(partition)?.ids ?? [];
    const descending = order === 'descending';
    const end = afterPrefix(prefix);
    const first = Math.max(
      placeOf(ids, prefix),
      from === undefined ? 0 : placeOf(ids, from),
      cursor === undefined || descending ? 0 : placeAfter(ids, cursor),
    );
    const last = Math.min(
      end === undefined ? ids.length : placeOf(ids, end),
      to === undefined ? ids.length : placeOf(ids, to),
      cursor === undefined || !descending ? ids.length : placeOf(ids, cursor),
    );
    const items: [string, Item][] = [];
    let bytes = 0;
    for (let step = 0; step < last - first; step += 1) {
      const id = ids[descending ? last - 1 - step : first + step] as string;
      const item = this.#live({ partition, id });
      if (item === undefined) continue;
      bytes += utf8Length(item.text);
      if (items.length >= limit || (bytes > STORE_LIMITS.pageBytes && items.length > 0))
        return { items, next: items.at(-1)?.[0] as StoreCursor };
      items.push([id, item]);
    }
    return { items };
  }

  async partitions({ limit, cursor = '' as StoreCursor }: PartitionQuery): Promise<PartitionPage> {
    const all = [...this.#partitions].filter(([, { ids }]) => ids.length > 0).sort(([a], [b]) => compareUtf8(a, b));
    if (cursor !== '' && !this.#partitions.has(cursor))
      throw new PortError('invalid', 'The cursor belongs to another query.');
    const left = all.filter(([name]) => compareUtf8(name, cursor) > 0);
    const named: string[] = [];
    let documents = 0;
    for (const [name, { ids }] of left) {
      if (documents >= limit) break;
      named.push(name);
      documents += ids.length;
    }
    const last = named.at(-1);
    return { partitions: named, documents, ...(named.length < left.length && last && { next: last as StoreCursor }) };
  }

  async delete(key: Key, expected: Version | 'any'): Promise<void> {
    if (!this.#holds(key, expected)) throw new PortError('conflict', `${key.id} is not as expected.`);
    this.#remove(key);
  }

  #live({ partition, id }: Key): Item | undefined {
    const item = this.#partitions.get(partition)?.items.get(id);
    return item?.expiresAt !== undefined && item.expiresAt <= this.#clock.now() ? undefined : item;
  }

  #holds(key: Key, expected: Expected): boolean {
    if (expected === 'any') return true;
    const item = this.#live(key);
    return expected === 'absent' ? item === undefined : item?.version === expected;
  }

  #remove({ partition, id }: Key): void {
    const documents = this.#partitions.get(partition);
    if (documents?.items.delete(id)) documents.ids.splice(placeOf(documents.ids, id), 1);
  }

  #write({ partition, id, body, beside: noted, digest, expiresAt }: NewDocument): Version {
    const sequence = String(++this.#writes);
    const version = sequence as Version;
    const text = JSON.stringify(body);
    const beside = noted === undefined ? {} : { beside: { ...noted } };
    const documents = this.#partitions.get(partition) ?? { items: new Map<string, Item>(), ids: [] };
    const kind = documents.items.has(id) ? 'updated' : 'inserted';
    if (kind === 'inserted') documents.ids.splice(placeOf(documents.ids, id), 0, id);
    documents.items.set(id, {
      ...{ text, ...beside, version },
      ...(digest !== undefined && { digest }),
      ...(expiresAt !== undefined && { expiresAt }),
    });
    this.#partitions.set(partition, documents);
    const record = { partition, id, kind, body: JSON.parse(text) as Json, ...beside, sequence } as const;
    this.#onChange({ ...record, committedAt: this.#clock.now() });
    return version;
  }
}

/** How many of the sorted `ids` lie before `id`. */
function placeOf(ids: readonly string[], id: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareUtf8(ids[middle] as string, id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const placeAfter = (ids: readonly string[], id: string): number => {
  const place = placeOf(ids, id);
  return ids[place] === id ? place + 1 : place;
};

const toDocument = (key: Key, item: Item): StoredDocument => ({
  partition: key.partition,
  id: key.id,
  body: JSON.parse(item.text) as Json,
  ...(item.beside !== undefined && { beside: { ...item.beside } }),
  ...(item.digest !== undefined && { digest: item.digest }),
  version: item.version,
  ...(item.expiresAt !== undefined && { expiresAt: item.expiresAt }),
});
