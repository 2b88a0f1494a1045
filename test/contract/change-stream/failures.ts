// What the change stream does when its handler fails: nothing is skipped, and the order of each item holds.
import type { ChangeOutcome, ChangeRecord } from '../../../core/ports/change-stream.ts';
import { times } from '../contract.ts';
import { bodiesOf, type ChangeStreamClause, type ChangeStreamHarness, Tape } from './harness.ts';

const IDS = times(9, (index) => `d${index}`);
const LATEST = Object.fromEntries(IDS.map((id) => [id, id]));

const write = ({ store }: ChangeStreamHarness) => store.append(IDS.map((id) => ({ partition: 'p', id, body: id })));

/** Fails a batch at the first record that `bad` picks. */
const failAt =
  (bad: (record: ChangeRecord, batches: number) => boolean) =>
  (records: readonly ChangeRecord[], batches: number): ChangeOutcome => {
    const failedAt = records.findIndex((record) => bad(record, batches));
    return failedAt < 0 ? { status: 'done' } : { status: 'retry', failedAt };
  };

/** Each record that a failure left open was delivered again later. */
function expectRedelivery(tape: Tape): void {
  for (const [index, { records, outcome }] of tape.seen.entries()) {
    if (outcome === 'thrown' || outcome.status === 'done') continue;
    const later = new Set(tape.seen.slice(index + 1).flatMap((each) => each.records.map(({ sequence }) => sequence)));
    expect(records.slice(outcome.failedAt).filter(({ sequence }) => !later.has(sequence))).toStrictEqual([]);
  }
}

/** A failure at the given position of whatever batch comes first, three times. */
async function failThrice(harness: ChangeStreamHarness, position: (length: number) => number): Promise<void> {
  await write(harness);
  let bad: string | undefined;
  let failures = 0;
  const tape = new Tape((records, batches) => {
    bad ??= records[position(records.length)]?.sequence;
    return failAt(({ sequence }) => sequence === bad && failures++ < 3)(records, batches);
  });
  harness.start(tape.handler);
  await tape.untilLatest(LATEST);
  expect(tape.seen.filter(({ outcome }) => outcome !== 'thrown' && outcome.status === 'retry')).toHaveLength(3);
  expectRedelivery(tape);
}

export const failureClauses = {
  'a failure at the first record delivers the batch again until it succeeds': (harness) => failThrice(harness, () => 0),

  'a failure in the middle delivers that record and all after it again until they succeed': (harness) =>
    failThrice(harness, (length) => Math.floor(length / 2)),

  'a failure at the last record delivers it again until it succeeds': (harness) =>
    failThrice(harness, (length) => length - 1),

  'a handler that throws gets the batch again, whole': async (harness) => {
    await write(harness);
    const tape = new Tape((_, batches) => {
      if (batches < 3) throw new Error('the handler broke');
      return { status: 'done' };
    });
    harness.start(tape.handler);
    await tape.untilLatest(LATEST);
    const [first, second, third, fourth] = tape.seen.map(({ records }) => records.map(({ id }) => id));
    for (const again of [second, third, fourth]) expect(again?.slice(0, first?.length)).toStrictEqual(first);
  },

  'a handler that names a record which is not in its batch gets the batch again': async (harness) => {
    await write(harness);
    const tape = new Tape((records, batches) => {
      if (batches < 4) return { status: 'retry', failedAt: [records.length, -1, 0.5, Number.NaN][batches] ?? 0 };
      return { status: 'done' };
    });
    harness.start(tape.handler);
    await tape.until(
      (seen) => seen.filter(({ outcome }) => outcome !== 'thrown' && outcome.status === 'done').length > 0,
    );
    const wrong = new Set(tape.seen.slice(0, 4).flatMap(({ records }) => records.map(({ id }) => id)));
    const again = new Set(tape.seen.slice(4).flatMap(({ records }) => records.map(({ id }) => id)));
    expect([...wrong].filter((id) => !again.has(id))).toStrictEqual([]);
  },

  'a fault that lasts is retried for as long as it lasts, and nothing is skipped': async (harness) => {
    await write(harness);
    const tape = new Tape(failAt(({ id }, batches) => id === 'd4' && batches < 30));
    harness.start(tape.handler);
    await tape.untilLatest(LATEST);
    expect(tape.seen.length).toBeGreaterThan(30);
    expectRedelivery(tape);
  },

  'records that were written while another one failed come after it in their items’ order': async (harness) => {
    const { store, start, quirks } = harness;
    await store.put({ partition: 'p', id: 'a', body: 0 }, 'absent');
    let broken = true;
    const tape = new Tape(failAt(() => broken));
    start(tape.handler);
    await tape.until((seen) => seen.length > 0);
    for (const body of [1, 2, 3]) await store.put({ partition: 'p', id: 'a', body }, 'any');
    expect(tape.dealtWith).toStrictEqual([]);
    broken = false;
    await tape.untilLatest({ a: 3 });
    const bodies = bodiesOf(tape.dealtWith, 'a');
    expect(bodies).toStrictEqual([...bodies].sort());
    if (quirks.everyWrite) expect(bodies).toStrictEqual([0, 1, 2, 3]);
  },

  'failures here and there skip nothing and keep the order of each item': async (harness) => {
    const { store, start, quirks } = harness;
    const ids = times(6, (index) => `i${index}`);
    // A fixed pattern of failures and throws, all over the batches.
    const tape = new Tape((records, batches) => {
      if (batches % 5 === 1) throw new Error('the handler broke');
      const failedAt = (batches * 7) % (records.length + 3);
      return batches < 60 && failedAt < records.length ? { status: 'retry', failedAt } : { status: 'done' };
    });
    start(tape.handler);
    for (let round = 0; round < 12; round += 1) {
      await Promise.all(ids.map((id, index) => store.put({ partition: `p${index % 2}`, id, body: round }, 'any')));
    }
    await tape.untilLatest(Object.fromEntries(ids.map((id) => [id, 11])));
    expectRedelivery(tape);
    for (const id of ids) {
      const bodies = bodiesOf(tape.dealtWith, id);
      expect(bodies).toStrictEqual([...bodies].sort((left, right) => Number(left) - Number(right)));
      if (quirks.everyWrite) expect(bodies).toStrictEqual(times(12, (round) => round));
    }
  },

  'a record that comes again has the sequence and body it had': async (harness) => {
    await harness.store.put({ partition: 'p', id: 'a', body: { list: [1] } }, 'absent');
    const tape = new Tape((records, batches) => {
      // What a handler does to a body is its own affair.
      for (const { body } of records) (body as { list: number[] }).list.push(batches);
      return batches < 2 ? { status: 'retry', failedAt: 0 } : { status: 'done' };
    });
    const bodies: string[] = [];
    harness.start((records) => {
      bodies.push(JSON.stringify(records[0]?.body));
      return tape.handler(records);
    });
    await tape.until((seen) => seen.length === 3);
    expect(bodies).toStrictEqual(times(3, () => '{"list":[1]}'));
    expect(new Set(tape.records.map(({ sequence }) => sequence)).size).toBe(1);
  },

  'records left unhandled when delivery stopped go to the next handler': async (harness) => {
    const { store, start, stop } = harness;
    const first = new Tape(failAt(({ id }) => id === 'd5'));
    await write(harness);
    start(first.handler);
    await first.until((seen) => seen.some(({ records }) => records.some(({ id }) => id === 'd5')));
    await stop();
    await store.put({ partition: 'p', id: 'while stopped', body: 1 }, 'absent');
    const second = new Tape();
    start(second.handler);
    await second.untilLatest({ d5: 'd5', 'while stopped': 1 });
    const both = new Set([...first.dealtWith, ...second.dealtWith].map(({ id }) => id));
    expect([...both].sort()).toStrictEqual([...IDS, 'while stopped']);
  },

  'a stream that cannot be reached for a while loses nothing': async (harness) => {
    const { store, start, faults } = harness;
    if (faults === undefined) throw new TypeError('This clause needs a network that can fail.');
    const tape = new Tape();
    start(tape.handler);
    await store.put({ partition: 'p', id: 'before', body: 1 }, 'absent');
    await tape.untilLatest({ before: 1 });
    await faults.disconnect();
    await store.put({ partition: 'p', id: 'meanwhile', body: 1 }, 'absent');
    await faults.heal();
    await store.put({ partition: 'p', id: 'after', body: 1 }, 'absent');
    await tape.untilLatest({ meanwhile: 1, after: 1 });
  },
} satisfies Record<string, ChangeStreamClause>;
