// The store's promises about digests: kept with their documents, and read without them.
import { epochMs } from '../../../core/ports/clock.ts';
import {
  type Query,
  STORE_LIMITS,
  type Store,
  type StoreCursor,
  type StoredDigest,
} from '../../../core/ports/store.ts';
import { codeOf, times } from '../contract.ts';
import { words } from './append.ts';
import type { StoreClause } from './harness.ts';

const HOUR = 3_600_000;

const key = { partition: 'p', id: 'a' };

/** All digests of a query, page by page. */
async function readDigests(store: Store, query: Partial<Query> = {}): Promise<StoredDigest[]> {
  const found: StoredDigest[] = [];
  let cursor: StoreCursor | undefined;
  do {
    const page = await store.digests('p', {
      limit: STORE_LIMITS.pageDocuments,
      ...query,
      ...(cursor !== undefined && { cursor }),
    });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return found;
}

export const digestClauses = {
  'a document comes back with its digest, and digests come without documents': async ({ store }) => {
    await store.put({ ...key, body: { large: 'x'.repeat(1000) }, beside: { origin: 'here' }, digest: 'one' }, 'absent');
    await store.append([
      { ...key, id: 'b', body: 1, digest: 'two' },
      { ...key, id: 'c', body: 2 },
    ]);
    await store.put({ partition: 'q', id: 'd', body: 3, digest: 'other' }, 'absent');
    expect((await store.get(key))?.digest).toBe('one');
    const { items } = await store.query('p', { limit: 10 });
    expect(items.map(({ digest }) => digest)).toStrictEqual(['one', 'two', undefined]);
    expect(await store.digests('p', { limit: 10 })).toStrictEqual({
      items: [{ id: 'a', digest: 'one' }, { id: 'b', digest: 'two' }, { id: 'c' }],
    });
    expect(await store.digests('none', { limit: 10 })).toStrictEqual({ items: [] });
  },

  'a digest goes with what it was written with: another write replaces it, and a check leaves it': async ({
    store,
  }) => {
    const version = await store.put({ ...key, body: 1, digest: 'one' }, 'absent');
    await store.transact('p', [
      { kind: 'check', id: 'a', expected: version },
      { kind: 'put', id: 'b', body: 2, expected: 'absent' },
    ]);
    expect(await readDigests(store)).toStrictEqual([{ id: 'a', digest: 'one' }, { id: 'b' }]);
    await store.put({ ...key, body: 1, digest: 'two' }, 'any');
    expect(await readDigests(store)).toStrictEqual([{ id: 'a', digest: 'two' }, { id: 'b' }]);
    await store.put({ ...key, body: 1 }, 'any');
    expect(await readDigests(store)).toStrictEqual([{ id: 'a' }, { id: 'b' }]);
    await store.put({ ...key, body: 1, digest: 'three' }, 'any');
    await store.transact('p', [{ kind: 'put', id: 'a', body: 1, expected: 'any' }]);
    expect(await readDigests(store)).toStrictEqual([{ id: 'a' }, { id: 'b' }]);
  },

  'append does not compare digests': async ({ store }) => {
    await store.append([{ ...key, body: 1, digest: 'one' }]);
    expect(words(await store.append([{ ...key, body: 1, digest: 'two' }]))).toStrictEqual(['duplicate']);
    expect(await readDigests(store)).toStrictEqual([{ id: 'a', digest: 'one' }]);
  },

  'digests have the order, the bounds and the pages of a query, and its cursors': async ({ store }) => {
    const ids = ['a', 'b', 'b1', 'b2', 'é', '\ue000', '😀'];
    await store.append(ids.map((id) => ({ partition: 'p', id, body: id, digest: `of ${id}` })));
    const queries: Partial<Query>[] = [
      {},
      { limit: 1 },
      { limit: 3, order: 'descending' },
      { from: 'b', to: 'b2' },
      { prefix: 'b', limit: 2 },
      { prefix: 'b', from: 'b1', order: 'descending' },
      { from: 'c', to: 'c' },
      { to: '' },
    ];
    for (const query of queries) {
      const { items } = await store.query('p', { ...query, limit: 1000 });
      const expected = items.map(({ id }) => ({ id, digest: `of ${id}` }));
      expect([query, await readDigests(store, query)]).toStrictEqual([query, expected]);
    }
    const first = await store.query('p', { limit: 2 });
    const second = await store.digests('p', { limit: 2, ...(first.next && { cursor: first.next }) });
    const third = await store.query('p', { limit: 2, ...(second.next && { cursor: second.next }) });
    const pages = [...first.items, ...second.items, ...third.items];
    expect(pages.map(({ id }) => id)).toStrictEqual(ids.slice(0, 6));
    for (const query of [{ limit: 0 }, { limit: 1001 }, { limit: 1, from: '\ud800' }])
      expect(await codeOf(store.digests('p', query))).toBe('invalid');
    const outside = { limit: 1, from: 'b', cursor: 'a' as StoreCursor };
    expect(await codeOf(store.digests('p', outside))).toBe('invalid');
  },

  'digests go on over more bytes of documents than the service reads at once': async ({ store }) => {
    const ids = times(13, (index) => `k${index + 10}`);
    await store.append(ids.map((id) => ({ partition: 'p', id, body: 'x'.repeat(200_000), digest: id })));
    expect(await readDigests(store)).toStrictEqual(ids.map((id) => ({ id, digest: id })));
    expect(await readDigests(store, { limit: 5 })).toHaveLength(ids.length);
  },

  'a page of digests is made of no more than about 20 MB of documents': async ({ store }) => {
    const ids = times(130, (index) => `k${index + 100}`);
    const body = 'x'.repeat(170_000);
    for (let from = 0; from < ids.length; from += 10)
      await store.append(ids.slice(from, from + 10).map((id) => ({ partition: 'p', id, body, digest: id })));
    const page = await store.digests('p', { limit: STORE_LIMITS.pageDocuments });
    expect(page.items.length * body.length).toBeLessThan(20_000_000);
    expect(page.next).toBeDefined();
    expect(await readDigests(store)).toStrictEqual(ids.map((id) => ({ id, digest: id })));
  },

  'an expired document has no digest': async ({ store, clock }) => {
    const expiresAt = epochMs(clock.now() + HOUR);
    await store.append([
      { ...key, body: 1, digest: 'one', expiresAt },
      { ...key, id: 'b', body: 1, digest: 'two' },
    ]);
    expect(await readDigests(store)).toHaveLength(2);
    clock.jump(HOUR);
    expect(await readDigests(store)).toStrictEqual([{ id: 'b', digest: 'two' }]);
  },

  'a digest that is too long is too-large': async ({ store }) => {
    const longest = 'x'.repeat(STORE_LIMITS.digestBytes);
    await store.put({ ...key, body: 1, digest: longest }, 'absent');
    expect(await codeOf(store.put({ ...key, body: 1, digest: `${longest}x` }, 'any'))).toBe('too-large');
    expect(words(await store.append([{ ...key, id: 'b', body: 1, digest: `${longest}x` }]))).toStrictEqual([
      'too-large',
    ]);
    expect(await readDigests(store)).toStrictEqual([{ id: 'a', digest: longest }]);
  },
} satisfies Record<string, StoreClause>;
