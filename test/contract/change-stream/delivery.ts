// What the change stream delivers, and what it does not.
import { epochMs } from '../../../core/ports/clock.ts';
import type { Json } from '../../../core/ports/json.ts';
import { codeOf, times } from '../contract.ts';
import { bodiesOf, type ChangeStreamClause, Tape } from './harness.ts';

const HOUR = 3_600_000;

const BODIES: readonly string[] = [
  'null',
  '""',
  '[]',
  '{"":{}}',
  '[0,-1.5,1e300,5e-324,9007199254740992]',
  '"😀 e\u0301 ﷽ \u2028 \uffff \\u0000 \\ud800"',
  '{"id":1,"p":2,"s":3,"b":4,"_ts":5,"ttl":-1}',
  `${'[{"a":'.repeat(45)}1${'}]'.repeat(45)}`,
];

export const deliveryClauses = {
  'documents come with their key and body, however they were written': async ({ store, start }) => {
    const tape = new Tape();
    start(tape.handler);
    await store.put({ partition: 'p|é', id: 'put', body: { n: 1 } }, 'absent');
    await store.append([
      { partition: 'q', id: 'a1', body: 2 },
      { partition: 'r', id: 'a2', body: 3 },
    ]);
    await store.transact('p', [{ kind: 'put', id: 't', body: 4, expected: 'absent' }]);
    await tape.untilDealtWith((records) => new Set(records.map(({ id }) => id)).size === 4);
    const seen = tape.dealtWith.map(({ partition, id, body }) => JSON.stringify([partition, id, body])).sort();
    expect(seen).toStrictEqual(['["p","t",4]', '["p|é","put",{"n":1}]', '["q","a1",2]', '["r","a2",3]']);
  },

  'what is beside a body comes with it': async ({ store, start }) => {
    const tape = new Tape();
    start(tape.handler);
    await store.append([{ partition: 'p', id: 'noted', body: 1, beside: { traceparent: 'a', epoch: 7 } }]);
    await store.append([{ partition: 'p', id: 'plain', body: 2 }]);
    await tape.untilDealtWith((records) => records.length === 2);
    const seen = tape.dealtWith.map(({ id, beside }) => [id, beside ?? null]).sort();
    expect(seen).toStrictEqual([
      ['noted', { traceparent: 'a', epoch: 7 }],
      ['plain', null],
    ]);
  },

  'writes from before the first listener are delivered': async ({ store, start }) => {
    await store.append(times(20, (index) => ({ partition: 'p', id: `${index}`, body: index })));
    const tape = new Tape();
    start(tape.handler);
    await tape.untilLatest(Object.fromEntries(times(20, (index) => [`${index}`, index])));
  },

  'many documents arrive whole, in batches of no more than the limit': async ({ store, start, batchSize }) => {
    const tape = new Tape();
    start(tape.handler);
    const ids = times(batchSize * 3 + 1, (index) => String(index).padStart(4, '0'));
    await store.append(ids.map((id, index) => ({ partition: `p${index % 7}`, id, body: id })));
    await tape.untilLatest(Object.fromEntries(ids.map((id) => [id, id])));
    expect(tape.dealtWith.map(({ id }) => id).sort()).toStrictEqual(ids);
    expect(Math.max(...tape.seen.map(({ records }) => records.length))).toBeLessThanOrEqual(batchSize);
    expect(Math.min(...tape.seen.map(({ records }) => records.length))).toBeGreaterThan(0);
  },

  'every JSON value arrives as it was written': async ({ store, start }) => {
    const tape = new Tape();
    start(tape.handler);
    for (const [index, text] of BODIES.entries()) {
      await store.put({ partition: 'p', id: `${index}`, body: JSON.parse(text) as Json }, 'absent');
    }
    await tape.untilDealtWith((records) => records.length === BODIES.length);
    for (const [index, text] of BODIES.entries()) {
      expect(tape.dealtWith.find(({ id }) => id === `${index}`)?.body).toStrictEqual(JSON.parse(text));
    }
  },

  'the writes of a document come in the order of their commits, the last one always': async ({
    store,
    start,
    quirks,
  }) => {
    const tape = new Tape();
    start(tape.handler);
    for (let round = 0; round < 15; round += 1) {
      for (const id of ['a', 'b', 'c']) await store.put({ partition: 'p', id, body: round }, 'any');
    }
    await tape.untilLatest({ a: 14, b: 14, c: 14 });
    for (const id of ['a', 'b', 'c']) {
      const bodies = bodiesOf(tape.records, id);
      expect(bodies).toStrictEqual([...bodies].sort((left, right) => Number(left) - Number(right)));
      if (quirks.everyWrite) expect(bodies).toStrictEqual(times(15, (round) => round));
    }
  },

  'a first write says inserted where the platform can tell, and updated otherwise; a later one says updated': async ({
    store,
    start,
    quirks,
  }) => {
    const tape = new Tape();
    start(tape.handler);
    await store.put({ partition: 'p', id: 'a', body: 1 }, 'absent');
    await tape.untilLatest({ a: 1 });
    await store.put({ partition: 'p', id: 'a', body: 2 }, 'any');
    await tape.untilLatest({ a: 2 });
    expect(tape.records.map(({ kind }) => kind)).toStrictEqual([
      quirks.tellsInserts ? 'inserted' : 'updated',
      'updated',
    ]);
  },

  'every write has a sequence and the time of its commit': async ({ store, start, commits }) => {
    const tape = new Tape();
    start(tape.handler);
    const before = commits.now();
    await store.put({ partition: 'p', id: 'a', body: 1 }, 'absent');
    await tape.untilLatest({ a: 1 });
    await store.put({ partition: 'p', id: 'a', body: 2 }, 'any');
    await store.put({ partition: 'p', id: 'b', body: 1 }, 'any');
    await tape.untilLatest({ a: 2, b: 1 });
    expect(new Set(tape.records.map(({ sequence }) => sequence)).size).toBe(3);
    for (const { sequence, committedAt } of tape.records) {
      expect(sequence).not.toBe('');
      // Both clouds tell the second alone.
      expect(committedAt).toBeGreaterThan(before - 1000);
      expect(committedAt).toBeLessThanOrEqual(commits.now());
    }
  },

  'removals are not delivered': async ({ store, start }) => {
    const tape = new Tape();
    start(tape.handler);
    await store.put({ partition: 'p', id: 'a', body: 'first' }, 'absent');
    await tape.untilLatest({ a: 'first' });
    await store.delete({ partition: 'p', id: 'a' }, 'any');
    // What comes after a removal of the same document shows that the removal did not come.
    await store.put({ partition: 'p', id: 'a', body: 'second' }, 'absent');
    await tape.untilLatest({ a: 'second' });
    await store.transact('p', [{ kind: 'delete', id: 'a', expected: 'any' }]);
    await store.put({ partition: 'p', id: 'a', body: 'third' }, 'absent');
    await tape.untilLatest({ a: 'third' });
    expect(tape.records.map(({ body }) => body)).toStrictEqual(['first', 'second', 'third']);
  },

  'expiry is not delivered': async ({ store, clock, start }) => {
    const tape = new Tape();
    start(tape.handler);
    await store.put({ partition: 'p', id: 'a', body: 'first', expiresAt: epochMs(clock.now() + HOUR) }, 'absent');
    await tape.untilLatest({ a: 'first' });
    clock.jump(HOUR);
    expect(await store.get({ partition: 'p', id: 'a' })).toBeUndefined();
    await store.put({ partition: 'p', id: 'a', body: 'second' }, 'absent');
    await tape.untilLatest({ a: 'second' });
    expect(tape.records.map(({ body }) => body)).toStrictEqual(['first', 'second']);
  },

  'writes that were refused are not delivered, nor are checks': async ({ store, start }) => {
    const tape = new Tape();
    start(tape.handler);
    const version = await store.put({ partition: 'p', id: 'a', body: 'first' }, 'absent');
    await tape.untilLatest({ a: 'first' });
    expect(await codeOf(store.put({ partition: 'p', id: 'a', body: 'refused' }, 'absent'))).toBe('conflict');
    await store.append([{ partition: 'p', id: 'a', body: 'duplicate' }]);
    const refused = store.transact('p', [
      { kind: 'put', id: 'b', body: 'rolled back', expected: 'absent' },
      { kind: 'put', id: 'a', body: 'refused', expected: 'absent' },
    ]);
    expect(await codeOf(refused)).toBe('conflict');
    await store.transact('p', [{ kind: 'check', id: 'a', expected: version }]);
    await store.put({ partition: 'p', id: 'b', body: 'second' }, 'absent');
    await store.put({ partition: 'p', id: 'a', body: 'second' }, 'any');
    await tape.untilLatest({ a: 'second', b: 'second' });
    expect(tape.records.map(({ id, body }) => `${id} ${body}`).sort()).toStrictEqual([
      'a first',
      'a second',
      'b second',
    ]);
  },
} satisfies Record<string, ChangeStreamClause>;
