// The store's promises about transactions within a partition.
import { isPortError } from '../../../core/ports/errors.ts';
import { STORE_LIMITS, type Store, type Version, type Write } from '../../../core/ports/store.ts';
import { codeOf, countCodes, times } from '../contract.ts';
import { readAll, readIds, type StoreClause } from './harness.ts';

const put = (id: string, expected: 'absent' | 'any' | Version = 'absent', body: string | number = id): Write => ({
  kind: 'put',
  id,
  body,
  expected,
});

/** The code and index of the write that a transaction failed at. */
async function failureOf(work: Promise<unknown>): Promise<{ code: string; failedWrite: number | undefined }> {
  try {
    await work;
    return { code: 'none', failedWrite: undefined };
  } catch (error) {
    if (!isPortError(error)) throw error;
    return { code: error.code, failedWrite: error.failedWrite };
  }
}

const versionOf = async (store: Store, id: string): Promise<Version | undefined> =>
  (await store.get({ partition: 'p', id }))?.version;

export const transactionClauses = {
  'transact does puts, deletions and checks, and returns the version of each put': async ({ store }) => {
    const [old, checked] = [
      await store.put({ partition: 'p', id: 'old', body: 1 }, 'absent'),
      await store.put({ partition: 'p', id: 'checked', body: 1 }, 'absent'),
    ];
    const gone = await store.put({ partition: 'p', id: 'gone', body: 1 }, 'absent');
    const versions = await store.transact('p', [
      put('new', 'absent', 'n'),
      put('old', old, 'o'),
      put('whatever', 'any', 'w'),
      { kind: 'delete', id: 'gone', expected: gone },
      { kind: 'delete', id: 'never there', expected: 'any' },
      { kind: 'check', id: 'checked', expected: checked },
      { kind: 'check', id: 'nobody', expected: 'absent' },
    ]);
    expect(versions.map((version) => typeof version)).toStrictEqual([
      ...times(3, () => 'string'),
      ...times(4, () => 'undefined'),
    ]);
    expect(await readAll(store, 'p')).toStrictEqual([
      { partition: 'p', id: 'checked', body: 1, version: checked },
      { partition: 'p', id: 'new', body: 'n', version: versions[0] },
      { partition: 'p', id: 'old', body: 'o', version: versions[1] },
      { partition: 'p', id: 'whatever', body: 'w', version: versions[2] },
    ]);
  },

  'transact of checks alone changes nothing': async ({ store }) => {
    const version = await store.put({ partition: 'p', id: 'a', body: 1 }, 'absent');
    const checks: Write[] = [
      { kind: 'check', id: 'a', expected: version },
      { kind: 'check', id: 'b', expected: 'absent' },
    ];
    expect(await store.transact('p', checks)).toStrictEqual([undefined, undefined]);
    expect(await versionOf(store, 'a')).toBe(version);
  },

  'transact takes 100 writes': async ({ store }) => {
    const ids = times(100, (index) => `w${String(index).padStart(3, '0')}`);
    const versions = await store.transact(
      'p',
      ids.map((id) => put(id)),
    );
    expect(new Set(versions).size).toBe(100);
    expect(await readIds(store, 'p')).toStrictEqual(ids);
  },

  'transact refuses 101 writes as too-large, and does none': async ({ store }) => {
    const writes = times(101, (index) => put(`w${index}`));
    expect(await codeOf(store.transact('p', writes))).toBe('too-large');
    expect(await readIds(store, 'p')).toStrictEqual([]);
  },

  'transact takes bodies up to its limit together, and refuses one byte more as too-large': async ({ store }) => {
    const half = STORE_LIMITS.transactionBytes / 6;
    const writes = (last: number): Write[] => [
      ...times(5, (index) => put(`w${index}`, 'any', 'x'.repeat(half - 2))),
      put('last', 'any', 'x'.repeat(last - 2)),
    ];
    expect(await codeOf(store.transact('p', writes(half)))).toBe('none');
    expect(await codeOf(store.transact('p', writes(half + 1)))).toBe('too-large');
  },

  'transact refuses one body that is too large, and does none of its writes': async ({ store }) => {
    const writes = [put('a'), put('b', 'absent', 'x'.repeat(STORE_LIMITS.bodyBytes))];
    expect(await codeOf(store.transact('p', writes))).toBe('too-large');
    expect(await readIds(store, 'p')).toStrictEqual([]);
  },

  'transact refuses no writes, and two of one id, as invalid': async ({ store }) => {
    expect(await codeOf(store.transact('p', []))).toBe('invalid');
    expect(await codeOf(store.transact('p', [put('a'), { kind: 'check', id: 'a', expected: 'absent' }]))).toBe(
      'invalid',
    );
    expect(await readIds(store, 'p')).toStrictEqual([]);
  },

  'transact does nothing at all when one write conflicts, and names it': async ({ store }) => {
    const kept = await store.put({ partition: 'p', id: 'kept', body: 1 }, 'absent');
    await store.put({ partition: 'p', id: 'taken', body: 1 }, 'absent');
    const writes: Write[] = [put('a'), { kind: 'delete', id: 'kept', expected: kept }, put('taken'), put('b', 'any')];
    expect(await failureOf(store.transact('p', writes))).toStrictEqual({ code: 'conflict', failedWrite: 2 });
    expect(await readIds(store, 'p')).toStrictEqual(['kept', 'taken']);
    expect(await versionOf(store, 'kept')).toBe(kept);
  },

  'transact names the first of several writes that conflict, whatever their kinds': async ({ store }) => {
    const stale = await store.put({ partition: 'p', id: 'a', body: 1 }, 'absent');
    await store.put({ partition: 'p', id: 'a', body: 2 }, stale);
    const failing: Write[] = [
      put('a'),
      put('b', stale),
      { kind: 'delete', id: 'c', expected: stale },
      { kind: 'check', id: 'd', expected: stale },
    ];
    for (let first = 0; first < failing.length; first += 1) {
      const writes = [put('new'), { kind: 'check', id: 'other', expected: 'absent' } as const, ...failing.slice(first)];
      expect(await failureOf(store.transact('p', writes))).toStrictEqual({ code: 'conflict', failedWrite: 2 });
    }
    const checkPresent: Write[] = [put('new'), { kind: 'check', id: 'a', expected: 'absent' }];
    expect(await failureOf(store.transact('p', checkPresent))).toStrictEqual({ code: 'conflict', failedWrite: 1 });
    expect(await readIds(store, 'p')).toStrictEqual(['a']);
  },

  'a transaction that failed may be done again once its conditions hold': async ({ store }) => {
    await store.put({ partition: 'p', id: 'a', body: 1 }, 'absent');
    const writes = [put('a', 'absent', 2), put('b')];
    expect(await codeOf(store.transact('p', writes))).toBe('conflict');
    await store.delete({ partition: 'p', id: 'a' }, 'any');
    expect(await codeOf(store.transact('p', writes))).toBe('none');
    expect(await readIds(store, 'p')).toStrictEqual(['a', 'b']);
  },

  'the same transaction twice is two transactions': async ({ store }) => {
    const first = await store.transact('p', [put('a', 'any')]);
    const second = await store.transact('p', [put('a', 'any')]);
    expect(second[0]).not.toBe(first[0]);
    expect(await versionOf(store, 'a')).toBe(second[0]);
  },

  'of two transactions that race for one document one wins, 50 times': async ({ store, other }) => {
    let version = await store.put({ partition: 'p', id: 'contested', body: 'start' }, 'absent');
    for (let round = 0; round < 50; round += 1) {
      const both = [store, other].map((client, index) =>
        client.transact('p', [put('contested', version, index), put(`${round}-${index}`)]),
      );
      expect(await countCodes(both)).toStrictEqual({ none: 1, conflict: 1 });
      const winner = (await Promise.allSettled(both)).findIndex(({ status }) => status === 'fulfilled');
      const contested = await store.get({ partition: 'p', id: 'contested' });
      expect(contested?.body).toBe(winner);
      expect(contested?.version).toBe((await both[winner])?.[0]);
      expect(await readIds(store, 'p', { prefix: `${round}-` })).toStrictEqual([`${round}-${winner}`]);
      version = contested?.version as Version;
    }
  },

  'of a transaction, a put and a deletion that race for one version one wins, 20 times': async ({ store, other }) => {
    for (let round = 0; round < 20; round += 1) {
      const key = { partition: 'p', id: 'contested' };
      const version = await store.put({ ...key, body: 'start' }, 'any');
      const works = [
        store.transact('p', [put('contested', version, 'transacted'), put(`beside-${round}`)]),
        other.put({ ...key, body: 'put' }, version),
        store.delete(key, version),
      ];
      expect(await countCodes(works)).toStrictEqual({ none: 1, conflict: 2 });
      const winner = (await Promise.allSettled(works)).findIndex(({ status }) => status === 'fulfilled');
      expect((await store.get(key))?.body).toBe(['transacted', 'put', undefined][winner]);
      expect(await versionOf(store, `beside-${round}`)).toStrictEqual(winner === 0 ? expect.any(String) : undefined);
    }
  },

  'of 25 transactions that claim one absent document one wins and 24 get conflict': async ({ store, other }) => {
    const claims = times(25, (index) =>
      (index % 2 === 0 ? store : other).transact('p', [put('claim', 'absent', index), put(`effect-${index}`)]),
    );
    expect(await countCodes(claims)).toStrictEqual({ none: 1, conflict: 24 });
    const winner = (await Promise.allSettled(claims)).findIndex(({ status }) => status === 'fulfilled');
    expect(await readIds(store, 'p')).toStrictEqual(['claim', `effect-${winner}`]);
  },
} satisfies Record<string, StoreClause>;
