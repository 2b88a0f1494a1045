// The index of subjects: what is listed when, what it costs, how it is walked, and how it catches up with an earlier release.

import fc from 'fast-check';
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { registryOf } from '../../../core/domain/application.ts';
import { toLogDocument } from '../../../core/events/cloud-event.ts';
import { ingest } from '../../../core/pipeline/ingest.ts';
import {
  compareSubjects,
  INDEX_LIMITS,
  type SubjectIndex,
  subjectIndex,
} from '../../../core/pipeline/subject-index.ts';
import type { StoreCursor } from '../../../core/ports/store.ts';
import { checkedStore } from '../../../core/store/checked-store.ts';
import { codeOf } from '../../contract/contract.ts';
import { candidate, reading, TRACEPARENT } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type FaultPlan, faultyStore, writesOf } from '../../support/faulty-store.ts';
import { METERS } from '../../support/meters.ts';
import { NO_TOMBSTONES } from '../../support/nothing-erased.ts';
import { property } from '../../support/properties.ts';

function setUp(faults: FaultPlan = () => undefined) {
  const clock = new FakeClock();
  const events = faultyStore(new MemoryStore({ clock }));
  const state = faultyStore(checkedStore(new MemoryStore({ clock })), faults);
  /** Another process of the cell: it knows nothing yet. */
  const process = () => {
    const index = subjectIndex({ events, state });
    const take = ingest({
      tombstones: NO_TOMBSTONES,
      cell: 'cell-1',
      events,
      registry: registryOf(METERS),
      clock,
      subjects: index,
    });
    return {
      index,
      send: (candidates: ReturnType<typeof candidate>[], tenant = 'acme') =>
        take({ tenant, epoch: 1, candidates, traceparent: TRACEPARENT }),
    };
  };
  return { events, state, process };
}

async function everySubject(index: SubjectIndex, tenant: string, limit = 1000): Promise<string[]> {
  const found: string[] = [];
  let cursor: StoreCursor | undefined;
  do {
    const page = await index.subjects(tenant, { limit, ...(cursor !== undefined && { cursor }) });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return found;
}

test('a listing goes on behind any subject, whether that is listed or not, and has each of the others once', async () => {
  const { process } = setUp();
  const { index } = process();
  const subjects = Array.from({ length: 60 }, (_, number) => `s-${number}`);
  await index.add('acme', subjects.slice(0, 40));
  const all = await everySubject(index, 'acme');
  for (const after of subjects) {
    const behind: string[] = [];
    let cursor: StoreCursor | undefined;
    do {
      const page = await index.subjects('acme', { limit: 7, after, ...(cursor !== undefined && { cursor }) });
      behind.push(...page.items);
      cursor = page.next;
    } while (cursor !== undefined);
    expect(behind).toEqual(all.filter((subject) => compareSubjects(subject, after) > 0));
  }
});

test('an event’s subject and tenant are listed, each tenant’s apart', async () => {
  const { process } = setUp();
  const { index, send } = process();
  await send([candidate({ subject: 'a' }), candidate({ subject: 'b' }), candidate({ subject: 'a', id: 'r-2' })]);
  await send([candidate({ subject: 'c' })], 'globex');
  expect((await everySubject(index, 'acme')).sort()).toEqual(['a', 'b']);
  expect(await everySubject(index, 'globex')).toEqual(['c']);
  expect(await everySubject(index, 'nobody')).toEqual([]);
  expect((await index.tenants({ limit: 10 })).items).toEqual(['acme', 'globex']);
});

test('a subject costs a cell one write, and a process one read: an event costs none', async () => {
  const { state, process } = setUp();
  const first = process();
  await first.send([candidate({ subject: 'a' })]);
  // The tenant and the subject.
  expect([writesOf(state), state.calls.get]).toEqual([2, 1]);
  for (let index = 0; index < 100; index += 1) await first.send([candidate({ subject: 'a', id: `r-${index}` })]);
  expect([writesOf(state), state.calls.get]).toEqual([2, 1]);
  const second = process();
  for (let index = 0; index < 100; index += 1) await second.send([candidate({ subject: 'a', id: `s-${index}` })]);
  expect([writesOf(state), state.calls.get]).toEqual([2, 2]);
});

test('what a process remembers is bounded: a subject that it has forgotten is read again, and not written', async () => {
  const { state, process } = setUp();
  const { index } = process();
  const names = Array.from({ length: INDEX_LIMITS.remembered + 1 }, (_, at) => `s${at}`);
  await index.add('acme', names);
  const writes = writesOf(state);
  expect(await index.unlisted('acme', ['s0', names.at(-1) ?? ''])).toEqual([]);
  expect([writesOf(state), state.calls.get]).toEqual([writes, 1]);
});

test('the subject is listed before its first event is stored, and nothing is written before the request is permitted', async () => {
  let failing = true;
  const { events, process } = setUp((method) =>
    failing && method === 'append' ? { code: 'unavailable', when: 'before' } : undefined,
  );
  const { send } = process();
  await expect(send([candidate()])).rejects.toMatchObject({ code: 'unavailable' });
  expect(writesOf(events)).toBe(0);
  failing = false;
  expect(await send([candidate()])).toMatchObject({ summary: { accepted: 1 } });

  const cell = setUp();
  const take = ingest({
    tombstones: NO_TOMBSTONES,
    cell: 'cell-1',
    events: cell.events,
    registry: registryOf(METERS),
    clock: new FakeClock(),
    subjects: cell.process().index,
  });
  const refusal = Promise.reject(new Error('stale'));
  const refused = take({
    tenant: 'acme',
    epoch: 1,
    candidates: [candidate()],
    traceparent: TRACEPARENT,
    permitted: refusal,
  });
  await expect(refused).rejects.toThrow('stale');
  expect([writesOf(cell.events), writesOf(cell.state)]).toEqual([0, 0]);
});

property(
  'a walk lists every subject once, whatever the page',
  fc.record({
    subjects: fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9_:~@+-]{1,12}$/), { minLength: 0, maxLength: 60 }),
    limit: fc.integer({ min: 1, max: 20 }),
  }),
  async ({ subjects, limit }) => {
    const { process } = setUp();
    const { index } = process();
    await index.add('acme', subjects);
    expect((await everySubject(index, 'acme', limit)).sort()).toEqual([...subjects].sort());
  },
);

test('a thousand subjects are spread over all partitions', async () => {
  const { state, process } = setUp();
  await process().index.add(
    'acme',
    Array.from({ length: 1000 }, (_, at) => `device-${at}`),
  );
  const sizes = await Promise.all(
    [...'0123456789abcdef'].map(
      async (digit) => (await state.query(`subjects|acme|${digit}`, { limit: 1000 })).items.length,
    ),
  );
  expect(sizes.length).toBe(INDEX_LIMITS.buckets);
  expect(Math.min(...sizes)).toBeGreaterThan(30);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1000);
});

test('a cursor that is none is refused', async () => {
  const { process } = setUp();
  const { index } = process();
  for (const cursor of ['x', '', '0/'] as StoreCursor[])
    expect([cursor, await codeOf(index.subjects('acme', { limit: 1, cursor }))]).toEqual([cursor, 'invalid']);
});

describe('what a release without an index has stored', () => {
  const store = (subjects: readonly string[], tenant = 'acme') =>
    subjects.map((subject) => toLogDocument(tenant, reading({ subject })));

  test('is listed step by step, and said to be complete only at the end', async () => {
    const { events, state, process } = setUp();
    const subjects = Array.from({ length: 2 * INDEX_LIMITS.stepDocuments + 5 }, (_, at) => `s${at}`);
    for (let from = 0; from < subjects.length; from += 1000)
      await events.append(store(subjects.slice(from, from + 1000)));
    await events.append([...store(['x'], 'globex'), { partition: 'acme|!redrive', id: 'a', body: {} }]);
    const { index } = process();
    expect(await index.progress()).toEqual({ documents: 0, subjects: 0, done: false });
    expect(await index.complete()).toMatchObject({ documents: INDEX_LIMITS.stepDocuments, done: false });
    // Another process goes on where the first one was.
    const other = process().index;
    expect(await other.complete()).toMatchObject({ documents: 2 * INDEX_LIMITS.stepDocuments, done: false });
    expect(await other.complete()).toEqual({
      documents: subjects.length + 2,
      subjects: subjects.length + 1,
      done: true,
    });
    expect((await everySubject(index, 'acme')).sort()).toEqual([...subjects].sort());
    expect((await index.tenants({ limit: 10 })).items).toEqual(['acme', 'globex']);
    const writes = writesOf(state);
    expect(await index.complete()).toMatchObject({ done: true });
    expect(writesOf(state)).toBe(writes);
  });

  test('two steps at the same time lose nothing', async () => {
    const { events, process } = setUp();
    await events.append(store(Array.from({ length: 100 }, (_, at) => `s${at}`)));
    const [one, two] = [process().index, process().index];
    await Promise.all([one.complete(), two.complete()]);
    expect(await one.progress()).toMatchObject({ documents: 100, done: true });
    expect((await everySubject(one, 'acme')).length).toBe(100);
  });
});
