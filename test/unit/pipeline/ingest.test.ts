// Ingest: what is reported of each event, and that nothing is reported when the store could not take some of them.

import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { registryOf } from '../../../core/domain/application.ts';
import { ingest } from '../../../core/pipeline/ingest.ts';
import { subjectIndex } from '../../../core/pipeline/subject-index.ts';
import { type ErrorCode, PortError } from '../../../core/ports/errors.ts';
import type { Json } from '../../../core/ports/json.ts';
import type { Store } from '../../../core/ports/store.ts';
import { candidate, measured, TRACEPARENT } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { METERS } from '../../support/meters.ts';
import { NO_TOMBSTONES } from '../../support/nothing-erased.ts';

function setUp(wrap: (store: Store) => Store = (store) => store) {
  const clock = new FakeClock();
  const memory = faultyStore(new MemoryStore({ clock }));
  const state = faultyStore(new MemoryStore({ clock }));
  const events = wrap(memory);
  const subjects = subjectIndex({ events, state });
  const take = ingest({
    tombstones: NO_TOMBSTONES,
    cell: 'cell-1',
    events,
    registry: registryOf(METERS),
    clock,
    subjects,
  });
  return {
    memory,
    state,
    take,
    send: (candidates: readonly Json[], tenant = 'acme', traceparent = TRACEPARENT) =>
      take({ tenant, epoch: 7, candidates, traceparent }),
  };
}

const statuses = (result: Awaited<ReturnType<ReturnType<typeof setUp>['send']>>) =>
  result.status === 'ingested' ? result.summary.results.map(({ status }) => status) : result.error.code;

test('an event twice in one request is one event, and the first one stands', async () => {
  const { send, memory } = setUp();
  const twice = [
    candidate({ data: measured('t', 1) }),
    candidate({ data: measured('t', 2), time: '2026-11-21T07:41:00.0Z' }),
  ];
  expect(statuses(await send(twice))).toEqual(['accepted', 'duplicate']);
  const { items } = await memory.query('acme|pump-1', { limit: 10 });
  expect(items).toMatchObject([{ body: { id: 'r-1', data: { metric: 't', value: 1 } } }]);
});

test('the stored body omits what the key contains', async () => {
  const { send, memory } = setUp();
  await send([candidate({ color: 'red' })]);
  const { items } = await memory.query('acme|pump-1', { limit: 10 });
  expect(items[0]?.id).toMatch(/^2026-11-21T07:41:00![\w-]{16}$/);
  expect(items[0]?.body).toEqual({
    id: 'r-1',
    source: 'urn:gateway:7',
    type: 'io.polycell.reading.v1',
    data: { metric: 'temperature', value: 21.5, unit: 'Cel' },
    color: 'red',
    time: 'Z',
  });
  expect(items[0]?.beside).toEqual({
    origin: 'cell-1',
    epoch: 7,
    traceparent: TRACEPARENT,
    at: Date.parse('2026-11-21T07:41:03Z'),
  });
});

test('two cells that accept the same event store the same body, each with its own trace beside it', async () => {
  const cells = [setUp(), setUp()];
  const other = TRACEPARENT.replace('4bf9', '0af7');
  await cells[0]?.send([candidate()]);
  await cells[1]?.send([candidate()], 'acme', other);
  const [here, there] = await Promise.all(
    cells.map(async ({ memory }) => (await memory.query('acme|pump-1', { limit: 10 })).items[0]),
  );
  expect(here?.body).toEqual(there?.body);
  expect([here?.beside?.traceparent, there?.beside?.traceparent]).toEqual([
    expect.stringMatching(/^00-4bf92f35/),
    expect.stringMatching(/^00-0af72f35/),
  ]);
});

test('nothing acceptable: the store is not asked', async () => {
  const { send, memory } = setUp();
  expect(statuses(await send([{}, null, 'x']))).toEqual(['rejected', 'rejected', 'rejected']);
  expect(memory.calls.append).toBe(0);
});

test('500 events are one append', async () => {
  const { send, memory } = setUp();
  await send(Array.from({ length: 500 }, (_, index) => candidate({ id: `r-${index}` })));
  expect(memory.calls.append).toBe(1);
});

test.each<ErrorCode>(['throttled', 'unavailable', 'unknown-outcome', 'not-found', 'misconfigured'])(
  'one event that the store could not take (%s): nothing is reported of any, and the repeat reports all',
  async (code) => {
    let failing = true;
    const { send } = setUp((store) => ({
      ...faultyStore(store),
      append: async (documents) => {
        if (!failing) return store.append(documents);
        const kept = documents.filter((_, index) => index !== 1);
        const stored = await store.append(kept);
        const [first, ...rest] = stored;
        if (first === undefined) throw new Error('There are to be two documents at least.');
        return [first, { status: 'failed', error: new PortError(code, 'planned') }, ...rest];
      },
    }));
    const batch = [candidate({ id: 'a' }), {}, candidate({ id: 'b' }), candidate({ id: 'c' })];
    expect(await send(batch)).toMatchObject({ status: 'unavailable', error: { code } });
    failing = false;
    expect(statuses(await send(batch))).toEqual(['duplicate', 'rejected', 'accepted', 'duplicate']);
  },
);

const refusing =
  (error: PortError, which: (index: number) => boolean) =>
  (store: Store): Store => ({
    ...faultyStore(store),
    append: async (documents) => {
      const stored = [...(await store.append(documents.filter((_, index) => !which(index))))];
      return documents.map((_, index) =>
        which(index) ? { status: 'failed', error } : (stored.shift() ?? { status: 'failed', error }),
      );
    },
  });

test.each<ErrorCode>(['invalid', 'too-large', 'unsupported', 'denied'])(
  'an event that the store refuses (%s) while it takes others is rejected alone',
  async (code) => {
    const { send } = setUp(refusing(new PortError(code, 'planned'), (index) => index === 1));
    const result = await send([candidate({ id: 'a' }), candidate({ id: 'b' }), candidate({ id: 'c' })]);
    expect(result).toMatchObject({
      status: 'ingested',
      summary: { accepted: 2, rejected: 1, results: [{}, { id: 'b', error: { code: 'event_not_storable' } }, {}] },
    });
  },
);

test('a store that refuses everything for want of a permission is unavailable', async () => {
  const { send } = setUp(refusing(new PortError('denied', 'planned'), () => true));
  expect(await send([candidate({ id: 'a' }), candidate({ id: 'b' })])).toMatchObject({ status: 'unavailable' });
});

test('a subject whose partition is full is named in its rejection, even when no other event is sent', async () => {
  const full = new PortError('too-large', 'planned', { partitionFull: true });
  const { send } = setUp(refusing(full, () => true));
  expect(await send([candidate()])).toMatchObject({
    status: 'ingested',
    summary: { rejected: 1, results: [{ error: { code: 'subject_full' } }] },
  });
});

test('a store that answers for fewer documents than it was given is a bug, and said to be one', async () => {
  const { send } = setUp((store) => ({ ...faultyStore(store), append: async () => [] }));
  await expect(send([candidate()])).rejects.toThrow('The store returned fewer outcomes');
});

test("tenants' logs are apart", async () => {
  const { send } = setUp();
  await send([candidate()]);
  expect(statuses(await send([candidate()], 'globex'))).toEqual(['accepted']);
  expect(statuses(await send([candidate()]))).toEqual(['duplicate']);
});
