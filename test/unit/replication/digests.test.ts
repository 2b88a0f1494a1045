// What a cell reads of its log for the digests and entries that another cell asks about.
import fc from 'fast-check';
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { toLogDocument } from '../../../core/events/cloud-event.ts';
import { NOTHING_ERASED } from '../../../core/pipeline/tombstones.ts';
import type { JsonObject } from '../../../core/ports/json.ts';
import type { Store, StoreCursor } from '../../../core/ports/store.ts';
import {
  addDigests,
  DIGEST_LIMITS,
  differencesIn,
  digestOf,
  digestReader,
  entryOf,
  NO_EVENTS,
  rangeStates,
  sumOf,
} from '../../../core/replication/digests.ts';
import { reading } from '../../support/events.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { property } from '../../support/properties.ts';

const NOTED = { contents: false };

const START = Date.parse('2026-11-01T00:00:00.000Z');

const logOf = (subject: string, count: number) =>
  Array.from({ length: count }, (_, index) =>
    toLogDocument('acme', reading({ id: `e${index}`, subject, time: new Date(START + index * 1000).toISOString() }), {
      origin: 'home',
      epoch: 1,
    }),
  );

/** A log of so many events for each of the subjects `s-0`, `s-1`, …, whose queries are noted and take a while; `read` are pages of documents. */
async function logsOf(sizes: readonly number[]) {
  const store = new MemoryStore({ clock: new FakeClock() });
  for (const [subject, size] of sizes.entries()) await store.append(logOf(`s-${subject}`, size));
  const asked: (readonly [partition: string, limit: number])[] = [];
  const atOnce = { now: 0, most: 0 };
  const read: string[] = [];
  const query: Store['query'] = (partition, how) => {
    read.push(partition);
    return store.query(partition, how);
  };
  const digests: Store['digests'] = async (partition, how) => {
    asked.push([partition, how.limit]);
    atOnce.now += 1;
    atOnce.most = Math.max(atOnce.most, atOnce.now);
    await settle();
    atOnce.now -= 1;
    return store.digests(partition, how);
  };
  const get: Store['get'] = (key) => store.get(key);
  const events: Pick<Store, 'get' | 'query' | 'digests'> = { get, query, digests };
  const clock = new FakeClock();
  return { store, asked, read, atOnce, clock, deps: { events, tombstones: { of: async () => NOTHING_ERASED }, clock } };
}

const digestsOf = (subject: string, count: number) => ({ subject, ...digestOf(logOf(subject, count).map(entryOf)) });

test('ranges are read four at a time, each by no more events than its digest has, and one more', async () => {
  const { asked, read, atOnce, deps } = await logsOf([3, 3, 3, 3, 3, 2500]);
  const ranges = [
    ...[digestsOf('s-0', 3), digestsOf('s-1', 2), digestsOf('s-2', 4), { ...digestsOf('s-3', 3), sum: '0'.repeat(32) }],
    ...[{ subject: 's-4', ...NO_EVENTS }, digestsOf('s-5', 900), { subject: 's-6', ...NO_EVENTS }],
  ];
  expect(await rangeStates(deps, 'acme', ranges, NOTED)).toEqual([
    ...['equal', 'other', 'other', 'other'],
    ...['other', 'other', 'equal'],
  ]);
  expect(atOnce.most).toBe(DIGEST_LIMITS.concurrentRanges);
  expect(asked).toEqual([
    ...[
      ['acme|s-0', 4],
      ['acme|s-1', 3],
      ['acme|s-2', 5],
      ['acme|s-3', 4],
    ],
    ...[
      ['acme|s-4', 1],
      ['acme|s-5', 901],
      ['acme|s-6', 1],
    ],
  ]);
  expect(read).toEqual([]);
});

test('documents are read where one of a page was stored without a digest, and always for their contents', async () => {
  const { store, read, deps } = await logsOf([3, 3]);
  const [first] = logOf('s-1', 1);
  if (first === undefined) throw new Error('There is no event.');
  const { digest: _, ...earlier } = first;
  await store.put(earlier, 'any');
  const ranges = [digestsOf('s-0', 3), digestsOf('s-1', 3)];
  expect(await rangeStates(deps, 'acme', ranges, NOTED)).toEqual(['equal', 'equal']);
  expect(read).toEqual(['acme|s-1']);
  await store.put({ ...earlier, digest: 'none of ours' }, 'any');
  expect(await rangeStates(deps, 'acme', ranges, NOTED)).toEqual(['equal', 'equal']);
  expect(read).toEqual(['acme|s-1', 'acme|s-1']);
  // It has the length of one, and is none: the event differs until it is read.
  await store.put({ ...earlier, digest: 'x'.repeat(32) }, 'any');
  expect(await rangeStates(deps, 'acme', ranges, NOTED)).toEqual(['equal', 'other']);
  expect(await rangeStates(deps, 'acme', ranges, { contents: true })).toEqual(['equal', 'equal']);
  expect(read).toHaveLength(4);
});

test('where a page of a log had an event without a digest, no digests are read for the next ones until a page has them all', async () => {
  const { store, asked, read, deps } = await logsOf([8]);
  const all = logOf('s-0', 8);
  for (const { digest: _, ...earlier } of all.slice(0, 4)) await store.put(earlier, 'any');
  const page = digestReader(deps.events, 'acme', false);
  const seen: string[] = [];
  let next: StoreCursor | undefined;
  do {
    const found = await page('acme|s-0', { limit: 2, ...(next !== undefined && { cursor: next }) });
    seen.push(...found.items.map(({ digest }) => digest ?? ''));
    next = found.next;
  } while (next !== undefined);
  expect(seen).toEqual(all.map(({ digest }) => digest));
  expect([asked.length, read.length]).toEqual([2, 3]);
});

test('an event that was stored with a wrong digest differs by its contents alone', async () => {
  const { store, deps } = await logsOf([3]);
  const [first, second, third] = logOf('s-0', 3);
  if (first === undefined || second === undefined || third === undefined) throw new Error('There are no events.');
  await store.put({ ...first, digest: 'x'.repeat(32) }, 'any');
  await store.put({ ...second, body: { ...(second.body as JsonObject), more: 1 }, digest: 'y'.repeat(32) }, 'any');
  const lists = [{ subject: 's-0', entries: [first, second, third].map(entryOf) }];
  const [found] = (await differencesIn(deps, 'acme', lists, NOTED)) ?? [];
  expect(found).toEqual({ difference: { missing: 0, different: 1, extra: 0 }, lacking: [second.id] });
});

test('a range without an event is empty, and one with other events is not', async () => {
  const { store, deps } = await logsOf([3]);
  await store.put({ partition: 'acme|s-1', id: '2026-11-01T00:00:01!no-event', body: { note: 1 } }, 'any');
  const ranges = ['s-0', 's-1', 's-2'].map((subject) => ({ ...digestsOf('s-0', 2), subject }));
  expect(await rangeStates(deps, 'acme', ranges, NOTED)).toEqual(['other', 'empty', 'empty']);
});

test('what is no event is left out, also beside events with digests', async () => {
  const { store, deps } = await logsOf([3]);
  await store.put({ partition: 'acme|s-0', id: '2026-11-01T00:00:01!no-event', body: { note: 1 } }, 'any');
  expect(await rangeStates(deps, 'acme', [digestsOf('s-0', 3)], NOTED)).toEqual(['equal']);
});

test('ranges of which there was no time for are not answered for, but for the first', async () => {
  const { deps, clock, asked } = await logsOf([1, 1, 1, 1, 1, 1]);
  const of = async () => {
    clock.jump(DIGEST_LIMITS.answerMs);
    return NOTHING_ERASED;
  };
  const ranges = [0, 1, 2, 3, 4, 5].map((subject) => digestsOf(`s-${subject}`, 1));
  const answers = await rangeStates({ ...deps, tombstones: { of } }, 'acme', ranges, NOTED);
  expect(answers).toEqual(['equal']);
  expect(asked).toHaveLength(1);
});

property(
  'the sum of digests is that of their numbers modulo 2^128, in any order and in parts',
  fc.array(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), { maxLength: 50 }),
  async (numbers) => {
    const digests = numbers.map((number) => number.toString(16).padStart(32, '0'));
    const expected = numbers.reduce((sum, number) => (sum + number) % (1n << 128n), 0n);
    const all = sumOf(digests);
    expect(all).toEqual({ count: numbers.length, sum: expected.toString(16).padStart(32, '0') });
    expect(sumOf([...digests].reverse())).toEqual(all);
    const half = digests.length >> 1;
    expect(addDigests(sumOf(digests.slice(0, half)), sumOf(digests.slice(half)))).toEqual(all);
  },
);

test('of ranges that are compared by entries, one answer has as many as one range may have events', async () => {
  const half = DIGEST_LIMITS.events / 2;
  const { deps } = await logsOf([half, half - 1, half, half]);
  const lists = [0, 1, 2, 3].map((subject) => ({ subject: `s-${subject}`, entries: [] }));
  const extra = (count: number) => ({ difference: { missing: 0, different: 0, extra: count }, lacking: [] });
  expect(await differencesIn(deps, 'acme', lists, NOTED)).toEqual([extra(half), extra(half - 1), extra(half)]);
  expect(await differencesIn(deps, 'acme', lists.slice(2), NOTED)).toEqual([extra(half), extra(half)]);
});

test('an answer that has taken long goes on to no further range', async () => {
  const { deps, clock, asked } = await logsOf([1, 1, 1]);
  const of = async () => {
    clock.jump(DIGEST_LIMITS.answerMs / 2);
    return NOTHING_ERASED;
  };
  const slow = { ...deps, tombstones: { of } };
  const lists = [0, 1, 2].map((subject) => ({ subject: `s-${subject}`, entries: [] }));
  expect(await differencesIn(slow, 'acme', lists, NOTED)).toHaveLength(2);
  expect(asked).toHaveLength(2);
});

test('one answer names as many events as it holds, and those of a range that are too many for any not at all', async () => {
  const { deps } = await logsOf([]);
  const lists = [DIGEST_LIMITS.lacking + 1, 1, DIGEST_LIMITS.lacking - 1, 1].map((count, index) => ({
    subject: `s-${index}`,
    entries: logOf(`s-${index}`, count).map(entryOf),
  }));
  const found = await differencesIn(deps, 'acme', lists, NOTED);
  expect(found?.map(({ difference, lacking }) => [difference.missing, lacking?.length])).toEqual([
    [201, undefined],
    [1, 1],
    [199, 199],
  ]);
});
