// The store's promises about naming all of its partitions.
import type { StoreCursor } from '../../../core/ports/store.ts';
import { codeOf, times } from '../contract.ts';
import type { StoreClause } from './harness.ts';

/** All names, each as often as it came, page by page. */
async function allPartitions(
  store: Parameters<StoreClause>[0]['store'],
  limit: number,
  afterPage: () => Promise<unknown> = async () => undefined,
): Promise<{ names: string[]; documents: number; pages: number }> {
  const names: string[] = [];
  let documents = 0;
  let pages = 0;
  let cursor: StoreCursor | undefined;
  do {
    const page = await store.partitions({ limit, ...(cursor !== undefined && { cursor }) });
    names.push(...page.partitions);
    documents += page.documents;
    pages += 1;
    cursor = page.next;
    await afterPage();
  } while (cursor !== undefined);
  return { names, documents, pages };
}

export const partitionClauses = {
  'a store without documents names no partition': async ({ store }) => {
    expect(await allPartitions(store, 10)).toMatchObject({ names: [], documents: 0 });
  },

  'partitions names every partition once it is paged to the end, whatever the page': async ({ store }) => {
    const expected = times(30, (index) => `p|${String(index).padStart(2, '0')} é~`);
    await store.append(expected.flatMap((partition) => ['a', 'b', 'c'].map((id) => ({ partition, id, body: 1 }))));
    for (const limit of [1, 7, 1000]) {
      const { names, documents, pages } = await allPartitions(store, limit);
      expect([...new Set(names)].sort()).toStrictEqual(expected);
      expect(documents).toBe(90);
      expect(pages).toBeGreaterThanOrEqual(limit === 1000 ? 1 : 30 / limit);
    }
  },

  'partitions skips none that stays while others come and go': async ({ store }) => {
    const staying = times(20, (index) => `s${index}`);
    const leaving = times(20, (index) => ({ partition: `l${index}`, id: 'a' }));
    await store.append(
      [...staying.map((partition) => ({ partition, id: 'a' })), ...leaving].map((key) => ({ ...key, body: 1 })),
    );
    let rounds = 0;
    const { names } = await allPartitions(store, 5, async () => {
      const gone = leaving[rounds];
      if (gone !== undefined && rounds % 2 === 0) await store.delete(gone, 'any');
      if (rounds < 20) await store.put({ partition: `n${rounds}`, id: 'a', body: 1 }, 'any');
      rounds += 1;
    });
    expect(staying.filter((partition) => !names.includes(partition))).toStrictEqual([]);
  },

  'partitions refuses a limit outside 1 to 1,000 and a cursor that is none': async ({ store }) => {
    for (const limit of [0, 1001, 1.5]) expect(await codeOf(store.partitions({ limit }))).toBe('invalid');
    await store.put({ partition: 'p', id: 'a', body: 1 }, 'any');
    expect(await codeOf(store.partitions({ limit: 1, cursor: 'nonsense' as StoreCursor }))).toBe('invalid');
  },
} satisfies Readonly<Record<string, StoreClause>>;
