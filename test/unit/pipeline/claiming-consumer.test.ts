// The consumer that claims: any effect happens once for each event, whatever is delivered how often.

import { deliver, delivered, TENANT, world } from '../../../core/domains/telemetry/test/workers.ts';
import { type Claiming, claimingConsumer } from '../../../core/pipeline/claiming-consumer.ts';
import type { Json, JsonObject } from '../../../core/ports/json.ts';
import type { Store, Write } from '../../../core/ports/store.ts';
import { scenario } from '../../support/deliveries.ts';
import { faultyStore, writesOf } from '../../support/faulty-store.ts';
import { property } from '../../support/properties.ts';
import { distinct, type Made } from '../../support/telemetry-model.ts';

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

const instantOf = (made: Made) => new Date((1_795_218_600 + made.second) * 1000).toISOString().replace('.000Z', 'Z');

property(
  'any order, grouping, repeats, two workers and faults of the store book each distinct event once; a repeat of everything writes nothing',
  scenario,
  async ({ readings, deliveries, script }) => {
    const here = world(script);
    const consumer = claimingConsumer(ledger, here.deps);
    await deliver(here, consumer, readings, deliveries);
    const expected = distinct(readings)
      .map((made) => `${instantOf(made)} ${made.id}`)
      .sort();
    expect(await booked(here.state)).toEqual(expected);

    await deliver(here, consumer, readings, [
      { worker: 0, readings: [...readings.keys()] },
      { worker: 1, readings: [...readings.keys()] },
    ]);
    expect(await booked(here.state)).toEqual(expected);
  },
  150,
);

const at = (second: number): Made => ({ id: `r${second}`, second, metric: 't', value: 1 });

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
