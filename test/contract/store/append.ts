// The store's promises about appending many documents at once.
import { isPortError } from '../../../core/ports/errors.ts';
import type { AppendOutcome, NewDocument, Version } from '../../../core/ports/store.ts';
import { STORE_LIMITS } from '../../../core/ports/store.ts';
import { times } from '../contract.ts';
import { readAll, readIds, type StoreClause } from './harness.ts';

const MANY = 500;

const document = (id: string, body: string | number = id, partition = 'p'): NewDocument => ({ partition, id, body });

const numbered = (count: number, body: string): NewDocument[] =>
  times(count, (index) => document(String(index).padStart(4, '0'), body, `p${index % 3}`));

/** Outcomes as words: `stored`, `duplicate`, or the code of the failure. */
export const words = (outcomes: readonly AppendOutcome[]): string[] =>
  outcomes.map((outcome) => (outcome.status === 'failed' ? outcome.error.code : outcome.status));

export const appendClauses = {
  'append of nothing answers nothing': async ({ store }) => {
    expect(await store.append([])).toStrictEqual([]);
  },

  'append stores documents of several partitions, each with a version': async ({ store }) => {
    const outcomes = await store.append([document('a', 1, 'p'), document('a', 2, 'q'), document('b', 3, 'p')]);
    expect(outcomes).toStrictEqual([{ status: 'stored' }, { status: 'stored' }, { status: 'stored' }]);
    const [first, second, third] = [...(await readAll(store, 'p')), ...(await readAll(store, 'q'))];
    expect([first?.body, second?.body, third?.body]).toStrictEqual([1, 3, 2]);
    expect(new Set([first?.version, second?.version, third?.version]).size).toBe(3);
    await store.put(document('a', 4), first?.version as Version);
  },

  'append answers stored and duplicate in the order of its documents': async ({ store }) => {
    await store.append([document('b'), document('d')]);
    const outcomes = await store.append(['a', 'b', 'c', 'd', 'e'].map((id) => document(id)));
    expect(outcomes).toStrictEqual([
      { status: 'stored' },
      { status: 'duplicate' },
      { status: 'stored' },
      { status: 'duplicate' },
      { status: 'stored' },
    ]);
  },

  'append leaves what is there as it is, body and version': async ({ store }) => {
    const version = await store.put(document('a', 'first'), 'absent');
    await store.append([document('a', 'second')]);
    expect(await store.get({ partition: 'p', id: 'a' })).toStrictEqual({ ...document('a', 'first'), version });
  },

  'append stores the first of two documents of one key and calls the others duplicates': async ({ store }) => {
    const outcomes = await store.append([document('a', 1), document('b', 1), document('a', 2), document('a', 3)]);
    expect(words(outcomes)).toStrictEqual(['stored', 'stored', 'duplicate', 'duplicate']);
    expect((await store.get({ partition: 'p', id: 'a' }))?.body).toBe(1);
  },

  'append keeps what is beside a body, and does not compare it': async ({ store }) => {
    await store.append([{ ...document('a'), beside: { origin: 'here' } }]);
    expect(await store.append([{ ...document('a'), beside: { origin: 'there' } }])).toStrictEqual([
      { status: 'duplicate' },
    ]);
    expect((await store.get({ partition: 'p', id: 'a' }))?.beside).toStrictEqual({ origin: 'here' });
  },

  'append says of a duplicate whether what stands there has another body': async ({ store }) => {
    const body = { b: [1, { c: null }], a: 'x', e: {} };
    await store.append([{ ...document('a'), body }, document('text', 'x'), document('zero', 0)]);
    const outcomes = await store.append([
      { ...document('a'), body: { e: {}, a: 'x', b: [1, { c: null }] } },
      { ...document('a'), body: { ...body, a: 'y' } },
      { ...document('a'), body: { ...body, f: null } },
      { ...document('a'), body: { ...body, b: [1, {}] } },
      document('text', 'x'),
      document('text', 'y'),
      document('zero', -0),
      document('new', 1),
      document('new', 1),
      document('new', 2),
    ]);
    const same = { status: 'duplicate' };
    const other = { status: 'duplicate', differs: true };
    const stored = { status: 'stored' };
    expect(outcomes).toStrictEqual([same, other, other, other, same, other, same, stored, same, other]);
  },

  'append leaves members aside that do not count, of the outermost object alone': async ({ store }) => {
    await store.append([{ ...document('a'), body: { id: 1, trace: 'x', data: { trace: 'x' } } }]);
    const tried = [
      { id: 1, trace: 'y', data: { trace: 'x' } },
      { id: 1, data: { trace: 'x' } },
      { id: 1, trace: 'x', data: { trace: 'y' } },
      { id: 2, trace: 'x', data: { trace: 'x' } },
    ].map((body) => ({ ...document('a'), body }));
    expect(await store.append(tried, { except: ['trace'] })).toStrictEqual([
      { status: 'duplicate' },
      { status: 'duplicate' },
      { status: 'duplicate', differs: true },
      { status: 'duplicate', differs: true },
    ]);
  },

  'append takes a document anew once it was deleted': async ({ store }) => {
    await store.append([document('a', 1)]);
    await store.delete({ partition: 'p', id: 'a' }, 'any');
    expect(words(await store.append([document('a', 2)]))).toStrictEqual(['stored']);
    expect((await store.get({ partition: 'p', id: 'a' }))?.body).toBe(2);
  },

  'append of 500 documents stores them all, and answers 500 duplicates the second time': async ({ store }) => {
    const documents = numbered(MANY, 'first');
    expect(words(await store.append(documents))).toStrictEqual(times(MANY, () => 'stored'));
    expect(words(await store.append(documents))).toStrictEqual(times(MANY, () => 'duplicate'));
    for (const rest of [0, 1, 2]) {
      const expected = documents.filter((_, index) => index % 3 === rest).map(({ id }) => id);
      expect(await readIds(store, `p${rest}`)).toStrictEqual(expected);
    }
  },

  'append of 500 documents distinguishes new ones from every third, which exists': async ({ store }) => {
    const documents = numbered(MANY, 'x');
    await store.append(documents.filter((_, index) => index % 3 === 0));
    expect(words(await store.append(documents))).toStrictEqual(
      times(MANY, (index) => (index % 3 === 0 ? 'duplicate' : 'stored')),
    );
  },

  'append takes more in one call than the service takes in one request': async ({ store }) => {
    const large = 'x'.repeat(STORE_LIMITS.bodyBytes - 2);
    const outcomes = await store.append(times(24, (index) => document(`large-${index}`, large)));
    expect(words(outcomes)).toStrictEqual(times(24, () => 'stored'));
    expect((await readAll(store, 'p')).map(({ body }) => body === large)).toStrictEqual(times(24, () => true));
  },

  'two clients that append overlapping documents store each exactly once': async ({ store, other }) => {
    for (let round = 0; round < 5; round += 1) {
      const ids = times(60, (index) => `${round}-${String(index).padStart(2, '0')}`);
      const [left, right] = await Promise.all([
        store.append(ids.slice(0, 40).map((id) => document(id, 'left'))),
        other.append(ids.slice(20).map((id) => document(id, 'right'))),
      ]);
      for (const [index, id] of ids.entries()) {
        const claims = [left[index]?.status, right[index - 20]?.status].filter((status) => status !== undefined);
        expect(claims.filter((status) => status === 'stored')).toHaveLength(1);
        expect(claims.filter((status) => status === 'duplicate')).toHaveLength(claims.length - 1);
        const winner = left[index]?.status === 'stored' ? 'left' : 'right';
        expect((await store.get({ partition: 'p', id }))?.body).toBe(winner);
      }
    }
  },

  'five equal calls at the same time store each document exactly once': async ({ store, other }) => {
    const documents = times(30, (index) => document(`d${index}`));
    const calls = await Promise.all(times(5, (index) => (index % 2 === 0 ? store : other).append(documents)));
    for (let index = 0; index < documents.length; index += 1) {
      const outcomes = calls.map((outcomes) => outcomes[index]?.status).sort();
      expect(outcomes).toStrictEqual(['duplicate', 'duplicate', 'duplicate', 'duplicate', 'stored']);
    }
  },

  'append fails a document that can never be stored, with its error, and stores the others': async ({ store }) => {
    const outcomes = await store.append([
      document('a'),
      document('no/id'),
      document('too-large', 'x'.repeat(STORE_LIMITS.bodyBytes)),
      document('b'),
    ]);
    expect(words(outcomes)).toStrictEqual(['stored', 'invalid', 'too-large', 'stored']);
    expect(outcomes.map((outcome) => outcome.status === 'failed' && isPortError(outcome.error))).toStrictEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(await readIds(store, 'p')).toStrictEqual(['a', 'b']);
  },
} satisfies Record<string, StoreClause>;
