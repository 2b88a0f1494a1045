// The store's promises about documents that expire, on a clock that the clauses move.
import { epochMs } from '../../../core/ports/clock.ts';
import { isPortError } from '../../../core/ports/errors.ts';
import type { StoreCursor, Version } from '../../../core/ports/store.ts';
import { codeOf, countCodes, times } from '../contract.ts';
import { words } from './append.ts';
import { readIds, type StoreClause, type StoreHarness } from './harness.ts';

const key = { partition: 'p', id: 'a' };
/** Long, so that no service's own clock reaches it during a test. */
const HOUR = 3_600_000;

/** Puts a document and lets it expire; returns its version. */
async function expired({ store, clock }: StoreHarness, id = 'a'): Promise<Version> {
  const version = await store.put({ partition: 'p', id, body: 'old', expiresAt: epochMs(clock.now() + HOUR) }, 'any');
  clock.jump(HOUR);
  return version;
}

export const expiryClauses = {
  'an expiry comes back to the millisecond, from get and from query': async ({ store, clock }) => {
    const expiresAt = epochMs(clock.now() + HOUR + 123);
    const version = await store.put({ ...key, body: 1, expiresAt }, 'absent');
    expect(await store.get(key)).toStrictEqual({ ...key, body: 1, expiresAt, version });
    expect((await store.query('p', { limit: 1 })).items).toStrictEqual([{ ...key, body: 1, expiresAt, version }]);
  },

  'a document is there until the millisecond before its expiry, and gone at the expiry': async ({ store, clock }) => {
    const expiresAt = epochMs(clock.now() + HOUR + 500);
    await store.put({ ...key, body: 1, expiresAt }, 'absent');
    clock.jump(HOUR + 499);
    expect((await store.get(key))?.body).toBe(1);
    expect(await readIds(store, 'p')).toStrictEqual(['a']);
    clock.jump(1);
    expect(await store.get(key)).toBeUndefined();
    expect(await readIds(store, 'p')).toStrictEqual([]);
    clock.jump(1);
    expect(await store.get(key)).toBeUndefined();
    expect(await readIds(store, 'p')).toStrictEqual([]);
  },

  'a document that is written expired is never returned': async ({ store, clock }) => {
    await store.put({ ...key, body: 1, expiresAt: clock.now() }, 'absent');
    await store.append([{ ...key, id: 'b', body: 1, expiresAt: epochMs(clock.now() - HOUR) }]);
    expect([await store.get(key), await store.get({ ...key, id: 'b' })]).toStrictEqual([undefined, undefined]);
    expect(await readIds(store, 'p')).toStrictEqual([]);
  },

  'every way of writing gives a document its expiry': async ({ store, clock }) => {
    const expiresAt = epochMs(clock.now() + HOUR);
    await store.put({ ...key, id: 'put', body: 1, expiresAt }, 'absent');
    await store.append([{ ...key, id: 'appended', body: 1, expiresAt }]);
    await store.transact('p', [{ kind: 'put', id: 'transacted', body: 1, expected: 'absent', expiresAt }]);
    expect(await readIds(store, 'p')).toStrictEqual(['appended', 'put', 'transacted']);
    clock.jump(HOUR);
    expect(await readIds(store, 'p')).toStrictEqual([]);
  },

  'a document that is written again without an expiry stays': async ({ store, clock }) => {
    await store.put({ ...key, body: 1, expiresAt: epochMs(clock.now() + HOUR) }, 'absent');
    const version = await store.put({ ...key, body: 2 }, 'any');
    clock.jump(2 * HOUR);
    expect(await store.get(key)).toStrictEqual({ ...key, body: 2, version });
  },

  'put expecting absent wins over an expired document': async (harness) => {
    await expired(harness);
    const version = await harness.store.put({ ...key, body: 'new' }, 'absent');
    expect(await harness.store.get(key)).toStrictEqual({ ...key, body: 'new', version });
  },

  'of 25 writers that expect absent over an expired document one wins': async (harness) => {
    await expired(harness);
    const puts = times(25, (index) =>
      (index % 2 === 0 ? harness.store : harness.other).put({ ...key, body: index }, 'absent'),
    );
    expect(await countCodes(puts)).toStrictEqual({ none: 1, conflict: 24 });
  },

  'what expects the version of an expired document conflicts': async (harness) => {
    const { store } = harness;
    const version = await expired(harness);
    expect(await codeOf(store.put({ ...key, body: 'new' }, version))).toBe('conflict');
    expect(await codeOf(store.delete(key, version))).toBe('conflict');
    expect(await store.get(key)).toBeUndefined();
  },

  'what expects any does not mind an expired document': async (harness) => {
    const { store } = harness;
    await expired(harness);
    expect(await codeOf(store.delete(key, 'any'))).toBe('none');
    await expired(harness);
    await store.put({ ...key, body: 'new' }, 'any');
    expect((await store.get(key))?.body).toBe('new');
  },

  'append overwrites an expired document, and no other': async (harness) => {
    const { store } = harness;
    await expired(harness, 'b');
    await store.put({ ...key, body: 'there' }, 'absent');
    const outcomes = await store.append(['a', 'b', 'c', 'b'].map((id) => ({ partition: 'p', id, body: 'new' })));
    expect(words(outcomes)).toStrictEqual(['duplicate', 'stored', 'stored', 'duplicate']);
    expect((await store.get({ partition: 'p', id: 'b' }))?.body).toBe('new');
    expect((await store.get({ partition: 'p', id: 'b' }))?.expiresAt).toBeUndefined();
  },

  'two clients that append over expired documents store each exactly once': async (harness) => {
    const { store, other } = harness;
    const documents = times(30, (index) => ({ partition: 'p', id: `d${index}`, body: 'new' }));
    for (const { id } of documents) await expired(harness, id);
    const [left, right] = await Promise.all([store.append(documents), other.append(documents)]);
    for (const index of documents.keys()) {
      expect([left[index]?.status, right[index]?.status].sort()).toStrictEqual(['duplicate', 'stored']);
    }
  },

  'a transaction takes an expired document for absent': async (harness) => {
    const { store } = harness;
    const version = await expired(harness);
    for (const write of [
      { kind: 'put', id: 'a', body: 'new', expected: version },
      { kind: 'delete', id: 'a', expected: version },
      { kind: 'check', id: 'a', expected: version },
    ] as const) {
      const work = store.transact('p', [{ kind: 'check', id: 'b', expected: 'absent' }, write]);
      const error: unknown = await work.catch((reason: unknown) => reason);
      expect(isPortError(error, 'conflict') && error.failedWrite).toBe(1);
    }
    await store.transact('p', [{ kind: 'check', id: 'a', expected: 'absent' }]);
    const [made] = await store.transact('p', [{ kind: 'put', id: 'a', body: 'new', expected: 'absent' }]);
    expect(await store.get(key)).toStrictEqual({ ...key, body: 'new', version: made });
  },

  'pages pass over expired documents, however many, and end': async (harness) => {
    const { store, clock } = harness;
    const id = (index: number) => `k${String(index).padStart(3, '0')}`;
    const expiresAt = epochMs(clock.now() + HOUR);
    await store.append(
      times(120, (index) => ({ partition: 'p', id: id(index), body: 1, ...(index % 40 !== 39 && { expiresAt }) })),
    );
    clock.jump(HOUR);
    for (const limit of [1, 2, 3, 1000]) {
      expect(await readIds(store, 'p', { limit })).toStrictEqual(['k039', 'k079', 'k119']);
      expect(await readIds(store, 'p', { limit, order: 'descending' })).toStrictEqual(['k119', 'k079', 'k039']);
    }
  },

  'a cursor is good after the document it points to has expired': async ({ store, clock }) => {
    await store.put({ ...key, body: 1, expiresAt: epochMs(clock.now() + HOUR) }, 'absent');
    await store.put({ ...key, id: 'b', body: 1 }, 'absent');
    const { next } = await store.query('p', { limit: 1 });
    clock.jump(HOUR);
    expect(await readIds(store, 'p', { limit: 1, cursor: next as StoreCursor })).toStrictEqual(['b']);
  },
} satisfies Record<string, StoreClause>;
