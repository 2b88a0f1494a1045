// What every feed promises, clause by clause; core/ports/feed.ts says the same in words.
import type { ChangeRecord } from '../../core/ports/change-stream.ts';
import { FEED_PORT_LIMITS, type FeedPage, type FeedSource } from '../../core/ports/feed.ts';
import type { Store } from '../../core/ports/store.ts';
import { type Clause, codeOf, type Exemptions, runContract, times } from './contract.ts';

export interface FeedHarness {
  /** A checked store without documents, whose changes are fed. */
  readonly store: Store;
  /** Records of a page, at most; a transaction's may come together. */
  readonly pageRecords: number;
  /** A reader with no memory of earlier ones, as another replica has it. */
  open(): FeedSource;
  /** A reader whose table or container is missing. */
  openMissing(): FeedSource;
  /** Splits one of the shards that take new records. */
  split(): Promise<void>;
  close(): Promise<void>;
}

/** Pages that a walk reads at most; a feed that never ends a shard it must end would be read without end. */
const PAGES = 500;

/** Reads everything that there is, children after their parents. Every page is read by the reader that `reader` gives. */
async function walk(reader: () => FeedSource, records: ChangeRecord[] = []) {
  const positions = new Map<string, string | undefined>();
  const parents = new Map<string, readonly string[]>();
  const ended = new Set<string>();
  const pages: { shard: string; page: FeedPage }[] = [];
  const discover = async () => {
    for (const shard of await reader().shards([...positions.keys()])) {
      if (positions.has(shard.id)) continue;
      positions.set(shard.id, undefined);
      parents.set(shard.id, shard.parents);
    }
  };
  await discover();
  for (let quiet = false; !quiet; ) {
    quiet = true;
    for (const shard of [...positions.keys()]) {
      const isBlocked = (parents.get(shard) ?? []).some((parent) => positions.has(parent) && !ended.has(parent));
      if (ended.has(shard) || isBlocked) continue;
      const page = await reader().read(shard, positions.get(shard));
      pages.push({ shard, page });
      if (pages.length > PAGES) throw new Error(`More than ${PAGES} pages.`);
      records.push(...page.records);
      if (page.records.length > 0) quiet = false;
      if (!('ended' in page.next)) {
        positions.set(shard, page.next.position);
        continue;
      }
      quiet = false;
      ended.add(shard);
      for (const { id, position } of page.next.ended) {
        positions.set(id, position);
        parents.set(id, [shard]);
      }
      await discover();
    }
  }
  return { records, positions, pages, ended };
}

const idsOf = (records: readonly ChangeRecord[]) => records.map(({ id }) => id).sort();
const named = (prefix: string, count: number) => times(count, (index) => `${prefix}${String(index).padStart(3, '0')}`);
const append = (store: Store, ids: readonly string[]) =>
  store.append(ids.map((id, index) => ({ partition: `p${index % 9}`, id, body: id })));

/** One reader for all pages. */
const one = (open: () => FeedSource) => {
  const reader = open();
  return () => reader;
};

export const feedClauses = {
  'every document is read once, with its key and body, in pages of no more than the limit': async ({
    store,
    open,
    pageRecords,
  }) => {
    const ids = named('d', pageRecords * 3 + 1);
    await append(store, ids);
    const { records, pages } = await walk(one(open));
    expect(records.map(({ partition, id, body }) => JSON.stringify([partition, id, body])).sort()).toStrictEqual(
      ids.map((id, index) => JSON.stringify([`p${index % 9}`, id, id])).sort(),
    );
    expect(Math.max(...pages.map(({ page }) => page.records.length))).toBeLessThanOrEqual(pageRecords);
  },

  'an empty feed has shards, whose pages are empty and do not end, and what is written later comes': async ({
    store,
    open,
  }) => {
    const reader = one(open);
    const before = await walk(reader);
    expect([before.records, before.ended.size]).toEqual([[], 0]);
    expect(before.positions.size).toBeGreaterThan(0);
    await append(store, ['late']);
    const [shard] = (
      await Promise.all(
        [...before.positions].map(async ([id, position]) => ({ id, page: await reader().read(id, position) })),
      )
    ).filter(({ page }) => page.records.length > 0);
    expect(idsOf(shard?.page.records ?? [])).toEqual(['late']);
  },

  'changes of a document come in the order of their commits, the latest one last': async ({ store, open }) => {
    let version = await store.put({ partition: 'p', id: 'd', body: 0 }, 'absent');
    for (let body = 1; body < 12; body += 1) version = await store.put({ partition: 'p', id: 'd', body }, version);
    const bodies = (await walk(one(open))).records.map(({ body }) => body as number);
    expect(bodies).toEqual([...bodies].sort((a, b) => a - b));
    expect(bodies.at(-1)).toBe(11);
  },

  'another reader goes on from a position without a gap or a repetition': async ({ store, open, pageRecords }) => {
    const ids = named('d', pageRecords * 2 + 3);
    await append(store, ids);
    // Each page by a reader of its own.
    expect(idsOf((await walk(open)).records)).toStrictEqual(ids);
  },

  'the same position again brings the same records': async ({ store, open, pageRecords }) => {
    await append(store, named('d', pageRecords + 2));
    const { pages } = await walk(one(open));
    const first = pages.find(({ page }) => page.records.length > 0);
    const again = await open().read(first?.shard ?? '', undefined);
    expect(idsOf(again.records)).toStrictEqual(idsOf(first?.page.records ?? []));
  },

  'deletions are not delivered': async ({ store, open }) => {
    await append(store, ['kept', 'deleted']);
    await store.delete({ partition: 'p1', id: 'deleted' }, 'any');
    await append(store, ['last']);
    const { records } = await walk(one(open));
    expect(records.filter(({ body }) => body === null)).toEqual([]);
    expect(idsOf(records)).toEqual(expect.arrayContaining(['kept', 'last']));
  },

  'shards have ids of no more than 500 bytes, and one that is known is not named as another': async ({ open }) => {
    const shards = await open().shards([]);
    expect(shards.length).toBeLessThanOrEqual(FEED_PORT_LIMITS.shards);
    expect(Math.max(...shards.map(({ id }) => Buffer.byteLength(id)))).toBeLessThanOrEqual(500);
    const known = shards.map(({ id }) => id);
    expect((await open().shards(known)).filter(({ id }) => !known.includes(id))).toEqual([]);
  },

  'a shard that splits hands over to its children: nothing is skipped, and nothing is read twice': async ({
    store,
    open,
    split,
    pageRecords,
  }) => {
    const before = named('a', pageRecords + 3);
    const after = named('b', pageRecords + 3);
    await append(store, before);
    const reader = open();
    const first = await walk(() => reader);
    await split();
    await append(store, after);
    // The positions of before the split, read on by another replica.
    const records: ChangeRecord[] = [...first.records];
    const ended: string[] = [];
    const queue = [...first.positions].map(([id, position]) => ({ id, position }));
    const seen = new Set(first.positions.keys());
    const other = open();
    for (let pages = 0; queue.length > 0 && pages < PAGES; pages += 1) {
      const { id, position } = queue.shift() ?? { id: '', position: undefined };
      const page = await other.read(id, position);
      records.push(...page.records);
      if ('ended' in page.next) {
        ended.push(id);
        const children = (await other.shards([...seen])).filter(
          ({ parents, id: child }) => parents.includes(id) && !seen.has(child),
        );
        const next = [...page.next.ended, ...children.map((child) => ({ id: child.id, position: undefined }))];
        for (const child of next) seen.add(child.id);
        queue.push(...next);
      } else if (page.records.length > 0) queue.push({ id, position: page.next.position });
    }
    expect(idsOf(records)).toStrictEqual([...before, ...after]);
    expect(ended).toHaveLength(1);
    expect(seen.size).toBe(first.positions.size + 2);
  },

  'a shard that splits before it was ever read loses nothing': async ({ store, open, split, pageRecords }) => {
    const ids = named('d', pageRecords * 2);
    await append(store, ids);
    const shards = await open().shards([]);
    await split();
    await append(store, ['last']);
    const records: ChangeRecord[] = [];
    const queue = shards.map(({ id }) => ({ id, position: undefined as string | undefined }));
    const seen = new Set(shards.map(({ id }) => id));
    const reader = open();
    for (let pages = 0; queue.length > 0 && pages < PAGES; pages += 1) {
      const { id, position } = queue.shift() ?? { id: '', position: undefined };
      const page = await reader.read(id, position);
      records.push(...page.records);
      if ('ended' in page.next) {
        const children = (await reader.shards([...seen])).filter(({ id: child }) => !seen.has(child));
        for (const child of [...page.next.ended, ...children.map((each) => ({ id: each.id, position: undefined }))]) {
          seen.add(child.id);
          queue.push(child);
        }
      } else if (page.records.length > 0) queue.push({ id, position: page.next.position });
    }
    expect(idsOf(records)).toStrictEqual([...ids, 'last'].sort());
  },

  'a missing collection is not found': async ({ openMissing }) => {
    expect(await codeOf(openMissing().shards([]))).toBe('not-found');
  },
} satisfies Record<string, Clause<FeedHarness>>;

export type FeedClauseName = keyof typeof feedClauses;

/** Runs every clause against one adapter. `openHarness` makes a store without documents, and its feed. */
export function feedContract(
  adapter: string,
  openHarness: () => FeedHarness | Promise<FeedHarness>,
  exempt: Exemptions<FeedClauseName, FeedHarness> = {},
): void {
  runContract(
    `feed contract: ${adapter}`,
    feedClauses as Readonly<Record<FeedClauseName, Clause<FeedHarness>>>,
    openHarness,
    exempt,
  );
}
