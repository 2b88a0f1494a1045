// The store's promises about queries: order, bounds, paging.
import { type Query, STORE_LIMITS, type Store, type StoreCursor } from '../../../core/ports/store.ts';
import { codeOf, times } from '../contract.ts';
import { readAll, readIds, type StoreClause } from './harness.ts';

/** In the order of their UTF-8 bytes; UTF-16 code units would put the emoji before U+E000 and U+FF5E. */
const ORDERED = [
  '!',
  '0',
  '10',
  '9',
  'A',
  'Z',
  'a',
  'a!',
  'aa',
  'b',
  '~',
  'é',
  'ü',
  '中',
  '\ud7ff1',
  '\ue000',
  '～',
  '😀',
  '😀a',
];

const fill = async (store: Store, ids: readonly string[], partition = 'p'): Promise<void> => {
  const outcomes = await store.append(ids.map((id) => ({ partition, id, body: id })));
  expect(outcomes.map(({ status }) => status)).toStrictEqual(ids.map(() => 'stored'));
};

const shuffled = (ids: readonly string[]): string[] => ids.map((_, index) => ids[(index * 7 + 3) % ids.length] ?? '');

export const queryClauses = {
  'a query of a partition without documents is an empty page without a cursor': async ({ store }) => {
    expect(await store.query('p', { limit: 10 })).toStrictEqual({ items: [] });
  },

  'a query returns whole documents of its partition alone': async ({ store }) => {
    const version = await store.put({ partition: 'p', id: 'a', body: { n: [1] } }, 'absent');
    await store.put({ partition: 'q', id: 'b', body: 2 }, 'absent');
    await store.put({ partition: 'pp', id: 'c', body: 3 }, 'absent');
    expect(await store.query('p', { limit: 10 })).toStrictEqual({
      items: [{ partition: 'p', id: 'a', body: { n: [1] }, version }],
    });
  },

  'documents come in the order of the bytes of their ids, forwards and backwards': async ({ store }) => {
    await fill(store, shuffled(ORDERED));
    expect(await readIds(store, 'p')).toStrictEqual(ORDERED);
    expect(await readIds(store, 'p', { order: 'ascending' })).toStrictEqual(ORDERED);
    expect(await readIds(store, 'p', { order: 'descending' })).toStrictEqual([...ORDERED].reverse());
  },

  'from is inclusive, to is exclusive, and neither needs to be there': async ({ store }) => {
    await fill(store, ['a', 'b', 'c', 'd', 'e']);
    const bounds: [Partial<Query>, string[]][] = [
      [{ from: 'c' }, ['c', 'd', 'e']],
      [{ to: 'c' }, ['a', 'b']],
      [{ from: 'b', to: 'd' }, ['b', 'c']],
      [{ from: 'bb', to: 'dd' }, ['c', 'd']],
      [{ from: 'c', to: 'c' }, []],
      [{ from: 'd', to: 'b' }, []],
      [{ from: 'f' }, []],
      [{ to: 'a' }, []],
      [{ from: '', to: 'b' }, ['a']],
      [{ to: '' }, []],
      [{ from: 'a/b', to: 'c#' }, ['b', 'c']],
    ];
    for (const [query, ids] of bounds) {
      expect([query, await readIds(store, 'p', query)]).toStrictEqual([query, ids]);
      expect(await readIds(store, 'p', { ...query, order: 'descending' })).toStrictEqual([...ids].reverse());
    }
  },

  'prefix selects the ids that start with it, and narrows the bounds': async ({ store }) => {
    await fill(store, [
      'a',
      'b',
      'b1',
      'b2',
      'b3',
      'b\u{10ffff}',
      'c',
      'é1',
      'é2',
      '\ud7ff1',
      '\ue000',
      '\u{10ffff}x',
      '😀1',
      '😀2',
    ]);
    const bounds: [Partial<Query>, string[]][] = [
      [{ prefix: 'b' }, ['b', 'b1', 'b2', 'b3', 'b\u{10ffff}']],
      [{ prefix: 'b1' }, ['b1']],
      [{ prefix: 'bb' }, []],
      [{ prefix: 'é' }, ['é1', 'é2']],
      [{ prefix: '😀' }, ['😀1', '😀2']],
      [{ prefix: '\ud7ff' }, ['\ud7ff1']],
      [{ prefix: '\u{10ffff}' }, ['\u{10ffff}x']],
      [{ prefix: 'b\u{10ffff}' }, ['b\u{10ffff}']],
      [{ prefix: 'b', from: 'b2' }, ['b2', 'b3', 'b\u{10ffff}']],
      [{ prefix: 'b', to: 'b2' }, ['b', 'b1']],
      [{ prefix: 'b', from: 'b1', to: 'b3' }, ['b1', 'b2']],
      [{ prefix: 'b', from: 'a', to: 'z' }, ['b', 'b1', 'b2', 'b3', 'b\u{10ffff}']],
      [{ prefix: 'b', from: 'c' }, []],
      [{ prefix: 'b', to: 'b' }, []],
      [{ prefix: '', from: '😀2' }, ['😀2', '\u{10ffff}x']],
    ];
    for (const [query, ids] of bounds) {
      expect([query, await readIds(store, 'p', query)]).toStrictEqual([query, ids]);
      expect(await readIds(store, 'p', { ...query, order: 'descending' })).toStrictEqual([...ids].reverse());
    }
  },

  'characters that query languages give a meaning stand for themselves in a prefix': async ({ store }) => {
    const hostile = [
      '%',
      '_',
      '*',
      '.',
      '[a]',
      "'",
      '"',
      "x' OR '1'='1",
      '`',
      '$',
      '@',
      '{}',
      '(',
      '\u00a0',
      ':p',
      '--',
      ';',
      '&',
      '+',
      '|',
      '^',
      '~',
    ];
    await fill(store, ['a', 'b', 'xyz', ...hostile.map((prefix) => `${prefix}1`)]);
    for (const prefix of hostile)
      expect([prefix, await readIds(store, 'p', { prefix })]).toStrictEqual([prefix, [`${prefix}1`]]);
    for (const prefix of ['/', '\\', '#', '?', '\u0000', '\n'])
      expect(await readIds(store, 'p', { prefix })).toStrictEqual([]);
  },

  'bounds that no id can be compared with are invalid': async ({ store }) => {
    for (const bound of ['\ud800', 'a\udc00', 'x'.repeat(STORE_LIMITS.keyBytes + 1)]) {
      for (const name of ['from', 'to', 'prefix']) {
        expect(await codeOf(store.query('p', { limit: 1, [name]: bound }))).toBe('invalid');
      }
    }
    const longest = 'x'.repeat(STORE_LIMITS.keyBytes);
    await fill(store, [longest]);
    expect(await readIds(store, 'p', { prefix: longest })).toStrictEqual([longest]);
  },

  'a limit that is no whole number from 1 to 1000 is invalid': async ({ store }) => {
    for (const limit of [0, -1, 1.5, Number.NaN, 1001])
      expect(await codeOf(store.query('p', { limit }))).toBe('invalid');
    expect(await codeOf(store.query('p', { limit: 1000 }))).toBe('none');
  },

  'pages of every size, forwards and backwards, have every document once': async ({ store }) => {
    const ids = ORDERED.slice(-11);
    await fill(store, ids);
    for (let limit = 1; limit <= ids.length + 1; limit += 1) {
      const sizes: number[] = [];
      let cursor: StoreCursor | undefined;
      do {
        const page = await store.query('p', { limit, ...(cursor && { cursor }) });
        sizes.push(page.items.length);
        cursor = page.next;
      } while (cursor !== undefined);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(limit);
      expect(await readIds(store, 'p', { limit })).toStrictEqual(ids);
      expect(await readIds(store, 'p', { limit, order: 'descending' })).toStrictEqual([...ids].reverse());
    }
  },

  'pages within bounds and a prefix stay within them': async ({ store }) => {
    await fill(store, times(20, (index) => `k${String(index).padStart(2, '0')}`).concat(['a', 'z']));
    const query = { prefix: 'k', from: 'k03', to: 'k11', limit: 3 };
    const expected = times(8, (index) => `k${String(index + 3).padStart(2, '0')}`);
    expect(await readIds(store, 'p', query)).toStrictEqual(expected);
    expect(await readIds(store, 'p', { ...query, order: 'descending' })).toStrictEqual([...expected].reverse());
  },

  'a page of large documents ends with the one that fills it, and has one at least': async ({ store }) => {
    const body = 'x'.repeat(200 * 1024);
    const ids = times(45, (index) => `d${String(index).padStart(2, '0')}`);
    await store.append(ids.map((id) => ({ partition: 'p', id, body })));
    const seen: string[] = [];
    let cursor: StoreCursor | undefined;
    let pages = 0;
    do {
      const page = await store.query('p', { limit: STORE_LIMITS.pageDocuments, ...(cursor && { cursor }) });
      expect(page.items.length).toBeGreaterThan(0);
      expect((page.items.length - 1) * body.length).toBeLessThanOrEqual(STORE_LIMITS.pageBytes);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next;
      pages += 1;
    } while (cursor !== undefined && pages < 100);
    expect(seen).toStrictEqual(ids);
    expect(pages).toBeGreaterThan(1);
  },

  'pages go on over more bytes than the service returns at once': async ({ store }) => {
    const body = 'x'.repeat(200_000);
    await store.append(times(13, (index) => ({ partition: 'p', id: `k${index + 10}`, body })));
    const ids = times(13, (index) => `k${index + 10}`);
    expect(await readIds(store, 'p', { limit: 13 })).toStrictEqual(ids);
    expect(await readIds(store, 'p', { limit: 6, order: 'descending' })).toStrictEqual([...ids].reverse());
  },

  'pages have neither gap nor repeat for what is there all the while, while another client writes': async ({
    store,
    other,
  }) => {
    const stable = times(40, (index) => `k${String(index * 10).padStart(4, '0')}`);
    for (const order of ['ascending', 'descending'] as const) {
      const partition = `p-${order}`;
      await fill(store, stable, partition);
      let turn = 0;
      const disturb = async () => {
        turn += 1;
        const between = (step: number) => `k${String((turn * 37 + step * 113) % 400).padStart(4, '0')}+${turn}`;
        await other.append(times(4, (step) => ({ partition, id: between(step), body: 'new' })));
        await other.delete({ partition, id: between(0) }, 'any');
        await other.put({ partition, id: stable[(turn * 11) % stable.length] ?? '', body: `changed ${turn}` }, 'any');
      };
      const seen = (await readAll(store, partition, { limit: 7, order }, disturb)).map(({ id }) => id);
      expect(new Set(seen).size).toBe(seen.length);
      const inOrder = order === 'ascending' ? stable : [...stable].reverse();
      expect(seen.filter((id) => stable.includes(id))).toStrictEqual(inOrder);
    }
  },

  'a cursor is good after the document it points to is gone': async ({ store }) => {
    await fill(store, ['a', 'b', 'c', 'd']);
    const { items, next } = await store.query('p', { limit: 2 });
    expect(items.map(({ id }) => id)).toStrictEqual(['a', 'b']);
    await store.delete({ partition: 'p', id: 'b' }, 'any');
    await store.delete({ partition: 'p', id: 'c' }, 'any');
    expect(await readIds(store, 'p', { limit: 2, ...(next && { cursor: next }) })).toStrictEqual(['d']);
  },

  'a cursor is the id of the last document of its page, as in every version before': async ({ store }) => {
    await fill(store, ['2026-11-21!a', '2026-11-21!b', '2026-11-21!c', 'd']);
    const after = (cursor: string, query: Partial<Query>) =>
      store.query('p', { limit: 10, ...query, cursor: cursor as StoreCursor });
    const ids = async (page: ReturnType<typeof after>) => (await page).items.map(({ id }) => id);
    expect((await store.query('p', { limit: 2 })).next).toBe('2026-11-21!b');
    expect(await ids(after('2026-11-21!b', {}))).toStrictEqual(['2026-11-21!c', 'd']);
    expect(await ids(after('2026-11-21!b', { prefix: '2026' }))).toStrictEqual(['2026-11-21!c']);
    expect(await ids(after('2026-11-21!b', { order: 'descending' }))).toStrictEqual(['2026-11-21!a']);
  },

  'a query sees what this client has just written': async ({ store }) => {
    for (let round = 0; round < 10; round += 1) {
      const id = `k${round}`;
      await store.put({ partition: 'p', id, body: round }, 'absent');
      expect((await readIds(store, 'p')).at(-1)).toBe(id);
    }
    await store.delete({ partition: 'p', id: 'k9' }, 'any');
    expect((await readIds(store, 'p')).at(-1)).toBe('k8');
  },

  'a cursor that is none, or another query’s, is invalid': async ({ store }) => {
    await fill(store, ['a1', 'a2', 'a3', 'b1', 'b2', 'b3']);
    const { next } = await store.query('p', { limit: 1, prefix: 'b' });
    expect(next).toBeDefined();
    const cursor = next as StoreCursor;
    expect(await codeOf(store.query('p', { limit: 1, prefix: 'a', cursor }))).toBe('invalid');
    expect(await codeOf(store.query('p', { limit: 1, to: 'b', cursor }))).toBe('invalid');
    expect(await codeOf(store.query('p', { limit: 1, from: 'c', cursor }))).toBe('invalid');
    for (const text of ['', 'no/cursor', '\u0000', '\ud800', 'x'.repeat(5000)]) {
      expect(await codeOf(store.query('p', { limit: 1, cursor: text as StoreCursor }))).toBe('invalid');
    }
  },
} satisfies Record<string, StoreClause>;
