// The consumer that claims: any effect happens once for each event, whatever is delivered how often.
import fc from 'fast-check';
import { eventKey } from '../../../core/events/cloud-event.ts';
import { CLAIM_LIMITS, type Claiming, claimingConsumer, updates } from '../../../core/pipeline/claiming-consumer.ts';
import type { Json, JsonObject } from '../../../core/ports/json.ts';
import type { Store, Write } from '../../../core/ports/store.ts';
import { scenarioOf } from '../../support/deliveries.ts';
import { candidate } from '../../support/events.ts';
import { faultyStore, writesOf } from '../../support/faulty-store.ts';
import { property } from '../../support/properties.ts';
import { deliver, onItsWay, TENANT, world } from '../../support/world.ts';

const PARTITION = 'claimed|ledger|acme|pump-1';

/** Books every event in a list, and counts them: neither could be done twice without being seen. */
const ledger: Claiming = {
  name: 'ledger',
  async effects(events, read) {
    const book = await read('book');
    const entries = book === undefined ? [] : ((book.body as JsonObject).entries as string[]);
    const added = events.map(({ event }) => `${event.time} ${event.id}`);
    const body = { entries: [...entries, ...added] };
    return [{ kind: 'put', id: 'book', body, expected: book?.version ?? 'absent' }];
  },
};

async function booked(state: Store): Promise<string[]> {
  const document = await state.get({ partition: PARTITION, id: 'book' });
  return document === undefined ? [] : [...((document.body as JsonObject).entries as string[])].sort();
}

const instantOf = (second: number) => new Date((1_795_218_600 + second) * 1000).toISOString().replace('.000Z', 'Z');

const made = ({ id, second }: { id: string; second: number }) => candidate({ id, time: instantOf(second) });

const events = fc
  .record({ id: fc.integer({ min: 0, max: 30 }), second: fc.integer({ min: 0, max: 5 }) })
  .map(({ id, second }) => made({ id: `r${id}`, second }));

property(
  'any order, grouping, repeats, two workers and faults of the store book each distinct event once; a repeat of everything writes nothing',
  scenarioOf(events),
  async ({ events: readings, deliveries, script }) => {
    const here = world({ script });
    const consumer = claimingConsumer(ledger, here.deps);
    await deliver(here, consumer, readings, deliveries);
    const expected = [...new Set(readings.map(({ time, id }) => `${time} ${id}`))].sort();
    expect(await booked(here.state)).toEqual(expected);

    await deliver(here, consumer, readings, [
      { worker: 0, events: [...readings.keys()] },
      { worker: 1, events: [...readings.keys()] },
    ]);
    expect(await booked(here.state)).toEqual(expected);
  },
  150,
);

const at = (second: number) => made({ id: `r${second}`, second });
const delivered = onItsWay;

test('no events are no work', async () => {
  const here = world();
  await claimingConsumer(ledger, here.deps).apply([]);
  expect(writesOf(here.scriptedState)).toBe(0);
});

test('claims and effects are one transaction, 50 events at a time', async () => {
  const here = world();
  const events = Array.from({ length: 120 }, (_, second) => delivered(at(second)));
  await claimingConsumer(ledger, here.deps).apply([...events, ...events]);
  expect(here.scriptedState.calls).toMatchObject({ transact: 3, put: 0, append: 0 });
  expect(await booked(here.state)).toHaveLength(120);
});

test('an effect that fails leaves no claim, so that the event is not lost', async () => {
  const here = world();
  const failing: Claiming = {
    name: 'ledger',
    effects: async () => {
      throw new TypeError('cannot book this');
    },
  };
  await expect(claimingConsumer(failing, here.deps).apply([delivered(at(1))])).rejects.toThrow('cannot book this');
  await claimingConsumer(ledger, here.deps).apply([delivered(at(1))]);
  expect(await booked(here.state)).toEqual(['2026-11-20T23:50:01Z r1']);
});

test('more than 50 writes of effects are refused, and nothing is written', async () => {
  const here = world();
  const eager = (count: number): Claiming => ({
    name: 'ledger',
    effects: async () =>
      Array.from({ length: count }, (_, index): Write => ({ kind: 'put', id: `e${index}`, body: 1, expected: 'any' })),
  });
  await expect(claimingConsumer(eager(51), here.deps).apply([delivered(at(1))])).rejects.toMatchObject({
    code: 'too-large',
  });
  expect(writesOf(here.scriptedState)).toBe(0);
  await claimingConsumer(eager(50), here.deps).apply([delivered(at(1))]);
  expect(here.scriptedState.calls.transact).toBe(1);
});

test('an answer that was lost after the transaction: the repeat applies nothing again', async () => {
  const here = world();
  let lost = false;
  const state = faultyStore(here.state, (method) => {
    if (method !== 'transact' || lost) return undefined;
    lost = true;
    return { code: 'unknown-outcome', when: 'after' };
  });
  const consumer = claimingConsumer(ledger, { ...here.deps, state });
  await expect(consumer.apply([delivered(at(1))])).rejects.toMatchObject({ code: 'unknown-outcome' });
  await consumer.apply([delivered(at(1)), delivered(at(2))]);
  expect(await booked(here.state)).toEqual(['2026-11-20T23:50:01Z r1', '2026-11-20T23:50:02Z r2']);
});

test('conflicts without end: unavailable within the budget, so that the messages come again', async () => {
  const here = world();
  const state = faultyStore(here.state, (method) =>
    method === 'transact' ? { code: 'conflict', when: 'before' } : undefined,
  );
  await expect(claimingConsumer(ledger, { ...here.deps, state }).apply([delivered(at(1))])).rejects.toMatchObject({
    code: 'unavailable',
  });
  expect(state.calls.transact).toBe(12);
});

test("claims lie beside the effects, in the subject's partition", async () => {
  const here = world();
  await claimingConsumer(ledger, here.deps).apply([delivered(at(1))]);
  const { items } = await here.state.query(PARTITION, { limit: 10 });
  expect(items.map(({ id, body }): [string, Json] => [id.replace(/![\w-]{16}$/, '!…'), body])).toEqual([
    ['book', { entries: ['2026-11-20T23:50:01Z r1'] }],
    ['claim!2026-11-20T23:50:01!…', null],
  ]);
  expect(TENANT).toBe('acme');
});

test('claims and effects lie in a partition of the domain where it names one', async () => {
  const here = world();
  const partition = (tenant: string, subject: string) => `shared|${tenant}|${subject.slice(0, 4)}`;
  await claimingConsumer({ ...ledger, partition }, here.deps).apply([delivered(at(1))]);
  expect((await here.state.query('shared|acme|pump', { limit: 10 })).items).toHaveLength(2);
  expect((await here.state.query(PARTITION, { limit: 10 })).items).toEqual([]);
});

describe('updates', () => {
  const totals = updates<{ first: string; count: number }>({
    idOf: ({ id }) => id.slice(0, 2),
    initial: ({ id }) => ({ first: id, count: 0 }),
    apply(state, { id }) {
      if (id === 'r13') throw new TypeError('cannot count this');
      return { ...state, count: state.count + 1 };
    },
  });
  const counting: Claiming = { name: 'ledger', effects: totals };
  const bodyOf = async (here: ReturnType<typeof world>, id: string) =>
    (await here.state.get({ partition: PARTITION, id }))?.body;

  test('each event changes the document that it names, which begins as its first event says', async () => {
    const here = world();
    const consumer = claimingConsumer(counting, here.deps);
    await consumer.apply([at(10), at(11), at(20)].map(delivered));
    await consumer.apply([at(11), at(12)].map(delivered));
    expect(await bodyOf(here, 'r1')).toEqual({ first: 'r10', count: 3 });
    expect(await bodyOf(here, 'r2')).toEqual({ first: 'r20', count: 1 });
    expect(here.scriptedState.calls.transact).toBe(3);
  });

  test('an event that cannot be processed changes nothing', async () => {
    const here = world();
    await expect(claimingConsumer(counting, here.deps).apply([at(20), at(13)].map(delivered))).rejects.toThrow(
      'cannot count this',
    );
    expect(await bodyOf(here, 'r2')).toBeUndefined();
  });
});

describe('receipts', () => {
  const identity = (second: number, subject = 'pump-1') => {
    return { subject, id: eventKey(TENANT, delivered(at(second)).event).id };
  };

  test('an effect that has happened elsewhere never happens here, and claims say which have', async () => {
    const here = world();
    const consumer = claimingConsumer(ledger, here.deps);
    await consumer.apply([delivered(at(1))]);
    await consumer.claim?.(TENANT, [identity(1), identity(2), identity(2), identity(2, 'pump-2')], 'b');
    await consumer.apply([at(1), at(2), at(3)].map(delivered));
    expect(await booked(here.state)).toEqual([at(1), at(3)].map(({ time, id }) => `${time} ${id}`).sort());
    const asked = [identity(3), identity(4), identity(2), identity(2, 'pump-2'), identity(3, 'pump-2')];
    expect(await consumer.claimed?.(TENANT, asked)).toEqual([true, false, true, true, false]);
    expect(await consumer.claimed?.('globex', [identity(3)])).toEqual([false]);
  });

  test('claims are written in transactions of at most 50, and only those that are not there', async () => {
    const here = world();
    const state = faultyStore(here.state);
    const consumer = claimingConsumer(ledger, { ...here.deps, state });
    const many = Array.from({ length: CLAIM_LIMITS.events + 1 }, (_, second) => identity(second));
    await consumer.claim?.(TENANT, many.slice(0, 1), 'b');
    await consumer.claim?.(TENANT, many, 'b');
    expect(await consumer.claimed?.(TENANT, many)).toEqual(many.map(() => true));
    // One for the first, one that found it there and one without it, and one for the last.
    expect(state.calls.transact).toBe(4);
    expect(await consumer.claim?.(TENANT, [], 'b')).toBeUndefined();
    expect(state.calls.transact).toBe(4);
  });

  test('a store that always reports a conflict ends the attempt', async () => {
    const here = world();
    const state = faultyStore(here.state, (method) =>
      method === 'transact' ? { code: 'conflict', when: 'before' } : undefined,
    );
    const consumer = claimingConsumer(ledger, { ...here.deps, state });
    await expect(consumer.claim?.(TENANT, [identity(1)], 'b')).rejects.toMatchObject({ code: 'unavailable' });
  });
});
