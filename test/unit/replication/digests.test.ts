// What a cell reads of its log for the digests and entries that another cell asks about.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { toLogDocument } from '../../../core/events/cloud-event.ts';
import { NOTHING_ERASED } from '../../../core/pipeline/tombstones.ts';
import type { Store } from '../../../core/ports/store.ts';
import {
  DIGEST_LIMITS,
  differencesIn,
  digestOf,
  entryOf,
  equalRanges,
  NO_EVENTS,
} from '../../../core/replication/digests.ts';
import { reading } from '../../support/events.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const START = Date.parse('2026-11-01T00:00:00.000Z');

const logOf = (subject: string, count: number) =>
  Array.from({ length: count }, (_, index) =>
    toLogDocument('acme', reading({ id: `e${index}`, subject, time: new Date(START + index * 1000).toISOString() })),
  );

/** A log of so many events for each of the subjects `s-0`, `s-1`, …, whose queries are noted and take a while. */
async function logsOf(sizes: readonly number[]) {
  const store = new MemoryStore({ clock: new FakeClock() });
  for (const [subject, size] of sizes.entries()) await store.append(logOf(`s-${subject}`, size));
  const asked: (readonly [partition: string, limit: number])[] = [];
  const atOnce = { now: 0, most: 0 };
  const query: Store['query'] = async (partition, how) => {
    asked.push([partition, how.limit]);
    atOnce.now += 1;
    atOnce.most = Math.max(atOnce.most, atOnce.now);
    await settle();
    atOnce.now -= 1;
    return store.query(partition, how);
  };
  const events = new Proxy(store as Store, { get: (of, name) => (name === 'query' ? query : Reflect.get(of, name)) });
  const clock = new FakeClock();
  return { asked, atOnce, clock, deps: { events, tombstones: { of: async () => NOTHING_ERASED }, clock } };
}

const digestsOf = (subject: string, count: number) => ({ subject, ...digestOf(logOf(subject, count).map(entryOf)) });

test('ranges are read four at a time, each by no more events than its digest has, and one more', async () => {
  const { asked, atOnce, deps } = await logsOf([3, 3, 3, 3, 3, 2500]);
  const ranges = [
    ...[digestsOf('s-0', 3), digestsOf('s-1', 2), digestsOf('s-2', 4), { ...digestsOf('s-3', 3), sum: '0'.repeat(32) }],
    ...[{ subject: 's-4', ...NO_EVENTS }, digestsOf('s-5', 900), { subject: 's-6', ...NO_EVENTS }],
  ];
  expect(await equalRanges(deps, 'acme', ranges)).toEqual([true, false, false, false, false, false, true]);
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
});

test('of ranges that are compared by entries, one answer has as many as one range may have events', async () => {
  const half = DIGEST_LIMITS.events / 2;
  const { deps } = await logsOf([half, half - 1, half, half]);
  const lists = [0, 1, 2, 3].map((subject) => ({ subject: `s-${subject}`, entries: [] }));
  const extra = (count: number) => ({ difference: { missing: 0, different: 0, extra: count }, lacking: [] });
  expect(await differencesIn(deps, 'acme', lists)).toEqual([extra(half), extra(half - 1), extra(half)]);
  expect(await differencesIn(deps, 'acme', lists.slice(2))).toEqual([extra(half), extra(half)]);
});

test('an answer that has taken long goes on to no further range', async () => {
  const { deps, clock, asked } = await logsOf([1, 1, 1]);
  const of = async () => {
    clock.jump(DIGEST_LIMITS.answerMs / 2);
    return NOTHING_ERASED;
  };
  const slow = { ...deps, tombstones: { of } };
  const lists = [0, 1, 2].map((subject) => ({ subject: `s-${subject}`, entries: [] }));
  expect(await differencesIn(slow, 'acme', lists)).toHaveLength(2);
  expect(asked).toHaveLength(2);
});

test('one answer names as many events as it holds, and those of a range that are too many for any not at all', async () => {
  const { deps } = await logsOf([]);
  const lists = [DIGEST_LIMITS.lacking + 1, 1, DIGEST_LIMITS.lacking - 1, 1].map((count, index) => ({
    subject: `s-${index}`,
    entries: logOf(`s-${index}`, count).map(entryOf),
  }));
  const found = await differencesIn(deps, 'acme', lists);
  expect(found?.map(({ difference, lacking }) => [difference.missing, lacking?.length])).toEqual([
    [201, undefined],
    [1, 1],
    [199, 199],
  ]);
});
