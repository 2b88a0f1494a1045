// A walk of a log works on each document, whatever stores and processes do meanwhile, and holds no more of them at once than it may.
import fc from 'fast-check';
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { logWalk, WALK_LIMITS, type WalkTask } from '../../../core/pipeline/log-walk.ts';
import { compareSubjects, subjectIndex } from '../../../core/pipeline/subject-index.ts';
import { isWalkIn } from '../../../core/pipeline/walk-kept.ts';
import { PortError } from '../../../core/ports/errors.ts';
import type { JsonObject } from '../../../core/ports/json.ts';
import { STORE_LIMITS, type Store, type StoredDocument } from '../../../core/ports/store.ts';
import { checkedStore } from '../../../core/store/checked-store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { property } from '../../support/properties.ts';

const KEY = { partition: 'pushes|acme', id: 'walk' } as const;

const nameOf = (index: number) => `s-${index}`;

/** Logs of so many documents, by subject, and the cell's stores. */
async function logsOf(sizes: readonly number[], body: (subject: number) => JsonObject = () => ({})) {
  const clock = new FakeClock();
  const events = checkedStore(new MemoryStore({ clock }));
  const state = checkedStore(new MemoryStore({ clock }));
  const index = subjectIndex({ events, state });
  const logs = new Map<string, readonly string[]>();
  for (const [subject, size] of sizes.entries()) {
    const ids = Array.from({ length: size }, (_, at) => `d${String(at).padStart(5, '0')}`);
    await events.append(ids.map((id) => ({ partition: `acme|${nameOf(subject)}`, id, body: body(subject) })));
    logs.set(nameOf(subject), ids);
  }
  if (sizes.length > 0) await index.add('acme', [...logs.keys()]);
  while (!(await index.complete()).done);
  let made = 0;
  const ids = { next: () => `walk-${++made}` };
  const parts = { events, state, clock, ids };
  return { ...parts, logs, walk: logWalk({ ...parts, subjects: subjectIndex(parts) }) };
}

const TASK = { key: KEY, tenant: 'acme', from: '', restart: false } as const;

/** A process that has ended does nothing more. */
class Ended extends Error {}

/** What the calls of a process do, one after the other: `fail` and `after` come before and behind the call. */
type Turn = 'well' | 'fail' | 'ends' | 'after';

/** A store as a process sees it. */
const seenBy = (store: Store, turn: <T>(call: () => Promise<T>) => Promise<T>): Store => ({
  get: (key) => turn(() => store.get(key)),
  put: (document, expected) => turn(() => store.put(document, expected)),
  append: (documents, options) => turn(() => store.append(documents, options)),
  transact: (partition, writes) => turn(() => store.transact(partition, writes)),
  query: (partition, query) => turn(() => store.query(partition, query)),
  digests: (partition, query) => turn(() => store.digests(partition, query)),
  partitions: (query) => turn(() => store.partitions(query)),
  delete: (key, expected) => turn(() => store.delete(key, expected)),
});

property(
  'each document is worked on, in the order of its subject, with faults and ends of processes at any call, and no more at once than may be',
  fc.record({
    sizes: fc.array(fc.oneof(fc.nat({ max: 4 }), fc.nat({ max: 60 })), { maxLength: 25, size: 'max' }),
    subjects: fc.integer({ min: 1, max: 20 }),
    pageDocuments: fc.integer({ min: 1, max: 40 }),
    budgets: fc.array(fc.option(fc.integer({ min: 1, max: 50 })), { maxLength: 12 }),
    turns: fc.array(
      fc.oneof(
        { weight: 12, arbitrary: fc.constant<Turn>('well') },
        { weight: 1, arbitrary: fc.constantFrom<Turn>('fail', 'ends', 'after') },
      ),
      { maxLength: 150, size: 'max' },
    ),
    worked: fc.array(fc.option(fc.integer({ min: 1, max: 30 })), { maxLength: 20 }),
    begins: fc.boolean(),
  }),
  async ({ sizes, subjects, pageDocuments, budgets, turns, worked, begins }) => {
    const cell = await logsOf(sizes);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const seen = new Map([...cell.logs.keys()].map((subject) => [subject, 0]));
    const begun = new Set<string>();
    let [turnsMade, works, steps, disturbances, repeated, held] = [0, 0, 0, 0, 0, 0];
    /** The first of the documents that a process has ended at. */
    let suspected: string | undefined;

    const step = async () => {
      let hasEnded = false;
      const turn = async <T>(call: () => Promise<T>): Promise<T> => {
        if (hasEnded) throw new Ended();
        const how = turns[turnsMade++] ?? 'well';
        if (how !== 'well') disturbances += 1;
        if (how === 'fail') throw new PortError('throttled', 'planned');
        const found = how === 'ends' ? undefined : await call();
        if (how !== 'well') hasEnded = true;
        if (hasEnded) throw new Ended();
        return found as T;
      };
      const events = seenBy(cell.events, turn);
      const counted: Store = {
        ...events,
        query: async (partition, query) => {
          const page = await events.query(partition, query);
          held += page.items.length;
          expect(held).toBeLessThanOrEqual(pageDocuments);
          return page;
        },
      };
      const state = seenBy(cell.state, turn);
      const task: WalkTask = {
        ...{ ...TASK, subjects, pageDocuments },
        ...(begins && {
          begin: (subject) =>
            turn(async () => {
              begun.add(subject);
            }),
        }),
        work: async (pages, attempt) => {
          expect(pages.length).toBeLessThanOrEqual(subjects);
          const documents = pages.flatMap((page) => page.documents);
          for (const { range, documents: some } of pages) {
            const { subject, after = '', through = '~' } = range;
            const log = cell.logs.get(subject) ?? [];
            expect(some.map(({ id }) => id)).toEqual(log.filter((id) => id > after && id <= through));
            // What comes again was worked on before, and nothing was left out.
            expect(log.indexOf(some[0]?.id ?? '')).toBeLessThanOrEqual(seen.get(subject) ?? 0);
            expect(begun.has(subject)).toBe(begins);
          }
          const names = documents.map(({ partition, id }) => `${partition} ${id}`);
          // Nothing is worked on between what may have ended a process and its next attempt.
          if (suspected !== undefined) expect([names.includes(suspected), attempt > 1]).toEqual([true, true]);
          const count = Math.min(worked[works++] ?? documents.length, documents.length);
          try {
            await turn(async () => undefined);
          } catch (error) {
            if (error instanceof Ended) [suspected] = names;
            throw error;
          }
          suspected = undefined;
          for (const { partition, id } of documents.slice(0, count)) {
            const subject = partition.slice('acme|'.length);
            const at = (cell.logs.get(subject) ?? []).indexOf(id);
            if (at < (seen.get(subject) ?? 0)) repeated += 1;
            else seen.set(subject, at + 1);
          }
          held = 0;
          return { counts: { documents: count }, ...(count < documents.length && { worked: count }) };
        },
      };
      held = 0;
      const budget = budgets[steps++] ?? undefined;
      const parts = { ...cell, events: counted, state };
      const walk = logWalk({ ...parts, subjects: subjectIndex(parts) });
      try {
        return await walk({ ...task, ...(budget !== undefined && { budget }) });
      } catch (error) {
        if (!(error instanceof Ended || error instanceof PortError)) throw error;
        // Whether its process has ended or not, its walk is not closed.
        cell.clock.jump(WALK_LIMITS.abandonedMs);
        return undefined;
      }
    };

    let progress = await step();
    while (progress?.done !== true && steps < 1000) progress = await step();
    expect(progress).toMatchObject({ done: true, subjects: sizes.length });
    expect(progress?.counts).toEqual(total === 0 ? {} : { documents: total });
    expect([...seen.values()]).toEqual(sizes);
    expect(repeated).toBeLessThanOrEqual(disturbances * pageDocuments);
  },
  60,
);

test('pages behind subjects without any are known as those that an earlier step may have ended at', async () => {
  const names = Array.from({ length: 5 }, (_, index) => nameOf(index)).sort(compareSubjects);
  const { walk, clock } = await logsOf(Array.from({ length: 5 }, (_, index) => Number(nameOf(index) === names.at(-1))));
  const attempts: number[] = [];
  const task: WalkTask = {
    ...TASK,
    work: async (_, attempt) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Ended();
      return { counts: {} };
    },
  };
  for (let ends = 0; ends < 2; ends += 1) {
    await expect(walk(task)).rejects.toThrow(Ended);
    clock.jump(WALK_LIMITS.abandonedMs);
  }
  expect(await walk(task)).toMatchObject({ done: true, subjects: 5, documents: 1 });
  expect(attempts).toEqual([1, 2, 3]);
});

/** Works on everything, and notes of which subjects a page each was worked on together. */
const noting = (together: string[][]): Pick<WalkTask, 'work'> => ({
  work: async (pages) => {
    together.push(pages.map(({ range, documents }) => `${range.subject} ${documents.length}`));
    return { counts: {} };
  },
});

test('small subjects are worked on together, and large ones some at a time', async () => {
  const small = await logsOf(Array.from({ length: 50 }, () => 3));
  const some: string[][] = [];
  await small.walk({ ...TASK, ...noting(some), subjects: 20, pageDocuments: 1000 });
  expect(some.map(({ length }) => length)).toEqual([20, 20, 10]);
  const large = await logsOf([400, 400, 400, 400, 400, 400]);
  const others: string[][] = [];
  await large.walk({ ...TASK, ...noting(others), subjects: 20, pageDocuments: 400 });
  expect(others).toHaveLength(6);
  const order = others.map((pages) => pages.map((page) => page.replace(/^s-\d/, 'one')));
  expect(order.slice(0, 4)).toEqual(Array(4).fill(Array(WALK_LIMITS.concurrentReads).fill('one 100')));
  expect(order.slice(4)).toEqual(Array(2).fill(Array(2).fill('one 200')));
});

test('no further pages are read once there are as many bytes as one page may have', async () => {
  const padding = 'x'.repeat(STORE_LIMITS.bodyBytes / 2);
  const { walk } = await logsOf(Array(20).fill(10), () => ({ padding }));
  const together: string[][] = [];
  await walk({ ...TASK, ...noting(together), subjects: 20, pageDocuments: 1000 });
  // Ten documents of 128 KiB are 1.25 MiB: four pages are the first ones to have 4 MiB.
  expect(together).toHaveLength(5);
  expect(together.map(({ length }) => length)).toEqual(Array(5).fill(WALK_LIMITS.concurrentReads));
});

test('the subjects of a walk are read from the index together', async () => {
  const { walk, state, events, ids, clock } = await logsOf(Array.from({ length: 100 }, () => 1));
  let listed = 0;
  const index = subjectIndex({ events, state });
  const subjects = {
    complete: () => index.complete(),
    subjects: (...asked: Parameters<typeof index.subjects>) => {
      listed += 1;
      return index.subjects(...asked);
    },
  };
  const together: string[][] = [];
  await logWalk({ events, state, ids, clock, subjects })({ ...TASK, ...noting(together), subjects: 20 });
  expect([listed, together.length]).toEqual([5, 5]);
  expect(await walk({ ...TASK, ...noting([]), subjects: 20, restart: true })).toMatchObject({ subjects: 100 });
});

describe('beside a release that knows one subject in progress', () => {
  /** What that release goes on with: its own words. */
  const goesOnThere = (known: JsonObject, from: string): boolean => known.done !== true && known.from === from;

  test('what it has begun goes on where it was', async () => {
    const { walk, state, events, logs } = await logsOf([8, 8, 8, 8]);
    const index = subjectIndex({ events, state });
    const { items, next } = await index.subjects('acme', { limit: 2 });
    const kept = {
      ...{ from: '', token: 'theirs', startedAt: 5, stamp: 7, index: String(next), subject: String(items[1]) },
      ...{ begun: true, at: 'd00003', last: 'd00003', behind: 'd00001', open: 0, openedAt: 0 },
      ...{ subjects: 1, counts: { documents: 12 }, done: false },
    };
    await state.put({ ...KEY, body: kept }, 'any');
    const pages: (readonly [string, string | undefined, readonly StoredDocument[]])[] = [];
    const begun: string[] = [];
    const progress = await walk({
      ...TASK,
      subjects: 4,
      begin: async (subject) => {
        begun.push(subject);
      },
      work: async (found) => {
        for (const { range, documents } of found) pages.push([range.subject, range.after, documents]);
        return { counts: { documents: found.flatMap(({ documents }) => documents).length } };
      },
    });
    expect(progress).toMatchObject({
      ...{ subjects: 4, counts: { documents: 32 }, done: true, documents: 20 },
      ended: { token: 'theirs', startedAt: 5, stamp: 7 },
    });
    const [first, ...others] = pages;
    expect([first?.[0], first?.[1], first?.[2].map(({ id }) => id)]).toEqual([
      items[1],
      'd00003',
      ['d00004', 'd00005', 'd00006', 'd00007'],
    ]);
    const rest = [...logs.keys()].filter((subject) => !items.includes(subject));
    expect(others.map(([subject]) => subject).sort()).toEqual(rest);
    expect(begun.sort()).toEqual(rest);
  });

  test('it goes on with no walk of this release, in which it would skip subjects, and sees that one is under way', async () => {
    const { walk, state } = await logsOf([30, 30, 30, 30, 30]);
    let during: JsonObject | undefined;
    const task: WalkTask = {
      ...TASK,
      ...{ subjects: 5, pageDocuments: 20, budget: 40 },
      work: async () => {
        during = (await state.get(KEY))?.body as JsonObject;
        return { counts: { documents: 1 } };
      },
    };
    expect(await walk(task)).toMatchObject({ done: false });
    const between = (await state.get(KEY))?.body as JsonObject;
    expect(between.places).toHaveLength(5);
    for (const known of [during, between]) expect(goesOnThere(known as JsonObject, '')).toBe(false);
    // It reads these, too.
    expect(during).toMatchObject({ open: 1, openedAt: expect.any(Number), subjects: 0, done: false });
    expect(between).toMatchObject({ open: 0, subjects: 0, counts: { documents: 2 }, done: false });
  });

  test('an erasure finds the walks that name a subject, those of that release, too', async () => {
    const { walk, state } = await logsOf([30, 30, 0]);
    await walk({ ...TASK, ...noting([]), subjects: 2, pageDocuments: 20, budget: 20 });
    const { body } = (await state.get(KEY)) as StoredDocument;
    const names = ['s-0', 's-1', 's-2'].filter((subject) => JSON.stringify(body).includes(`"${subject}"`));
    expect(names).toHaveLength(2);
    expect(['s-0', 's-1', 's-2'].filter((subject) => isWalkIn(body, subject))).toEqual(names);
    expect(isWalkIn({ from: '', subject: 's-0', begun: false, at: null }, 's-0')).toBe(true);
    expect(isWalkIn({ from: '', subject: null, begun: false, at: null }, 's-0')).toBe(false);
  });
});
