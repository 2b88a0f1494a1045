// The store's promises about failures: missing tables, refused credentials, throttling and lost answers.
import type { Store } from '../../../core/ports/store.ts';
import { codeOf, times } from '../contract.ts';
import { words } from './append.ts';
import { faultsOf, readIds, type StoreClause } from './harness.ts';

const key = { partition: 'p', id: 'a' };

/** The code of every method, `append`'s being that of its outcomes. */
async function codesOf(store: Store): Promise<Record<keyof Store, string>> {
  return {
    get: await codeOf(store.get(key)),
    put: await codeOf(store.put({ ...key, body: 1 }, 'any')),
    append: words(await store.append(times(30, (index) => ({ ...key, id: `${index}`, body: 1 }))))
      .filter((word, index, all) => all.indexOf(word) === index)
      .join(),
    transact: await codeOf(store.transact('p', [{ kind: 'put', id: 'a', body: 1, expected: 'any' }])),
    query: await codeOf(store.query('p', { limit: 1 })),
    digests: await codeOf(store.digests('p', { limit: 1 })),
    partitions: await codeOf(store.partitions({ limit: 1 })),
    delete: await codeOf(store.delete(key, 'any')),
  };
}

const allMethods = (code: string): Record<keyof Store, string> => ({
  get: code,
  put: code,
  append: code,
  transact: code,
  query: code,
  digests: code,
  partitions: code,
  delete: code,
});

export const faultClauses = {
  'a missing table is not-found, for every method': async ({ missing }) => {
    if (missing === undefined) throw new TypeError('This clause needs a client of a missing table.');
    expect(await codesOf(missing)).toStrictEqual(allMethods('not-found'));
  },

  'refused credentials are denied, for every method': async (harness) => {
    faultsOf(harness).deny();
    expect(await codesOf(harness.store)).toStrictEqual(allMethods('denied'));
  },

  'throttling beyond the budget is throttled, for every method, and append answers for every document': async (
    harness,
  ) => {
    faultsOf(harness).throttle();
    expect(await codesOf(harness.store)).toStrictEqual(allMethods('throttled'));
    expect(await readIds(harness.other, 'p')).toStrictEqual([]);
  },

  'throttling within the budget is ridden out': async (harness) => {
    const { store } = harness;
    for (const work of [
      () => store.put({ ...key, body: 1 }, 'absent'),
      () => store.get(key),
      () => store.transact('p', [{ kind: 'put', id: 'b', body: 1, expected: 'absent' }]),
      () => store.query('p', { limit: 1 }),
      () => store.digests('p', { limit: 1 }),
      () => store.partitions({ limit: 1 }),
      () => store.delete(key, 'any'),
    ]) {
      faultsOf(harness).throttle(2);
      expect(await codeOf(work())).toBe('none');
    }
    faultsOf(harness).throttle(2);
    expect(words(await store.append([{ ...key, body: 1 }]))).toStrictEqual(['stored']);
  },

  'documents of an append that are throttled alone are tried again alone': async (harness) => {
    faultsOf(harness).throttleDocuments([1, 3]);
    const documents = times(6, (index) => ({ ...key, id: `${index}`, body: 1 }));
    expect(words(await harness.store.append(documents))).toStrictEqual(times(6, () => 'stored'));
    expect(await readIds(harness.store, 'p')).toStrictEqual(['0', '1', '2', '3', '4', '5']);
  },

  'a document for which the service refuses the whole request fails alone': async (harness) => {
    const { store, other } = harness;
    faultsOf(harness).refuseBulk('not to its liking');
    const bad = [3, 24, 30];
    const documents = times(40, (index) => ({
      ...key,
      id: String(index).padStart(2, '0'),
      body: bad.includes(index) ? 'not to its liking' : index,
    }));
    const outcomes = await store.append(documents);
    expect(words(outcomes)).toStrictEqual(times(40, (index) => (bad.includes(index) ? 'invalid' : 'stored')));
    expect(await readIds(other, 'p')).toHaveLength(37);
  },

  'a service without an answer is unavailable, for every method, until it is back': async (harness) => {
    await faultsOf(harness).disconnect();
    expect(await codesOf(harness.store)).toStrictEqual(allMethods('unavailable'));
    await faultsOf(harness).heal();
    expect(await harness.store.get(key)).toBeUndefined();
    expect(await codeOf(harness.store.put({ ...key, body: 1 }, 'absent'))).toBe('none');
  },

  'a connection that breaks once costs nothing': async (harness) => {
    const { store } = harness;
    faultsOf(harness).loseRequests(1);
    await store.put({ ...key, body: 1 }, 'absent');
    faultsOf(harness).loseRequests(1);
    expect((await store.get(key))?.body).toBe(1);
    faultsOf(harness).loseRequests(1);
    expect(
      words(
        await store.append([
          { ...key, id: 'b', body: 1 },
          { ...key, body: 2 },
        ]),
      ),
    ).toStrictEqual(['stored', 'duplicate']);
    faultsOf(harness).loseRequests(1);
    await store.transact('p', [{ kind: 'put', id: 'c', body: 1, expected: 'absent' }]);
    faultsOf(harness).loseRequests(1);
    expect(await readIds(store, 'p')).toStrictEqual(['a', 'b', 'c']);
  },

  'reads whose answers stay lost are unavailable, writes are unknown-outcome': async (harness) => {
    const { store } = harness;
    faultsOf(harness).loseRequests();
    expect(await codesOf(store)).toStrictEqual({
      ...allMethods('unknown-outcome'),
      get: 'unavailable',
      query: 'unavailable',
      digests: 'unavailable',
      partitions: 'unavailable',
    });
  },

  'a write whose answer was lost, and that cannot be repeated, is unknown-outcome': async (harness) => {
    const { store, other } = harness;
    for (const fail of ['throttle', 'disconnect'] as const) {
      const version = await other.put({ ...key, body: 0 }, 'any');
      const writes: readonly (() => Promise<unknown>)[] = [
        () => store.put({ ...key, body: 1 }, 'any'),
        () => store.put({ ...key, id: fail, body: 1 }, 'absent'),
        () => store.transact('p', [{ kind: 'put', id: fail, body: 1, expected: 'absent' }]),
        () => store.delete(key, 'any'),
        () => store.delete(key, version),
      ];
      for (const write of writes) {
        faultsOf(harness).loseAnswers(1);
        if (fail === 'throttle') faultsOf(harness).throttle();
        else harness.clock.duringNextSleep(() => faultsOf(harness).disconnect());
        expect(await codeOf(write())).toBe('unknown-outcome');
        await faultsOf(harness).heal();
      }
    }
  },

  'a put whose answer was lost succeeds with the version that is stored': async (harness) => {
    const { store, other } = harness;
    for (const expected of ['absent', 'version', 'any'] as const) {
      const id = expected;
      const before = expected === 'version' ? await other.put({ ...key, id, body: 0 }, 'absent') : expected;
      faultsOf(harness).loseAnswers(1);
      const version = await store.put({ ...key, id, body: 1 }, before);
      expect(await other.get({ ...key, id })).toStrictEqual({ ...key, id, body: 1, version });
    }
  },

  'a put whose answer was lost, and that another write has followed, is unknown-outcome and never conflict': async (
    harness,
  ) => {
    const { store, other, clock } = harness;
    const before = await other.put({ ...key, id: 'b', body: 0 }, 'absent');
    for (const [id, expected] of [
      ['a', 'absent'],
      ['b', before],
    ] as const) {
      faultsOf(harness).loseAnswers(1);
      clock.duringNextSleep(() => other.put({ ...key, id, body: 'followed' }, 'any'));
      expect(await codeOf(store.put({ ...key, id, body: 1 }, expected))).toBe('unknown-outcome');
      expect((await other.get({ ...key, id }))?.body).toBe('followed');
    }
  },

  'a put that was refused is a conflict, also when a first answer was lost': async (harness) => {
    const { store, other } = harness;
    await other.put({ ...key, body: 'there' }, 'absent');
    faultsOf(harness).loseAnswers(1);
    // What the first try met cannot be known any more, so the weaker answer is right as well.
    expect(['conflict', 'unknown-outcome']).toContain(await codeOf(store.put({ ...key, body: 1 }, 'absent')));
    expect((await other.get(key))?.body).toBe('there');
  },

  'an append whose answer was lost counts its documents stored, not duplicate': async (harness) => {
    const { store, other } = harness;
    await other.append([{ ...key, id: '1', body: 'there' }]);
    faultsOf(harness).loseAnswers(1);
    const documents = times(4, (index) => ({ ...key, id: `${index}`, body: 'new' }));
    expect(words(await store.append(documents))).toStrictEqual(['stored', 'duplicate', 'stored', 'stored']);
    expect((await other.get({ ...key, id: '1' }))?.body).toBe('there');
  },

  'an append of 500 whose answers are lost now and then stores each once and says so': async (harness) => {
    const { store, other } = harness;
    faultsOf(harness).loseAnswers(7);
    const documents = times(500, (index) => ({ ...key, id: String(index).padStart(3, '0'), body: 1 }));
    expect(words(await store.append(documents))).toStrictEqual(times(500, () => 'stored'));
    expect((await readIds(other, 'p')).length).toBe(500);
  },

  'a transaction whose answer was lost is done once and succeeds': async (harness) => {
    const { store, other, clock } = harness;
    faultsOf(harness).loseAnswers(1);
    const [version] = await store.transact('p', [{ kind: 'put', id: 'a', body: 1, expected: 'absent' }]);
    expect(await other.get(key)).toStrictEqual({ ...key, body: 1, version });
    // A write that followed the first try must not be undone by the second.
    faultsOf(harness).loseAnswers(1);
    clock.duringNextSleep(() => other.put({ ...key, body: 'followed' }, 'any'));
    const code = await codeOf(store.transact('p', [{ kind: 'put', id: 'a', body: 2, expected: 'any' }]));
    expect(['none', 'unknown-outcome']).toContain(code);
    expect((await other.get(key))?.body).toBe('followed');
  },

  'a deletion whose answer was lost succeeds': async (harness) => {
    const { store, other } = harness;
    for (const expected of ['version', 'any'] as const) {
      const version = await other.put({ ...key, body: 1 }, 'absent');
      faultsOf(harness).loseAnswers(1);
      await store.delete(key, expected === 'any' ? 'any' : version);
      expect(await other.get(key)).toBeUndefined();
    }
  },

  'a deletion whose answer was lost, and that another write has followed, is unknown-outcome and never conflict':
    async (harness) => {
      const { store, other, clock } = harness;
      const version = await other.put({ ...key, body: 1 }, 'absent');
      faultsOf(harness).loseAnswers(1);
      clock.duringNextSleep(() => other.put({ ...key, body: 'again' }, 'absent'));
      expect(await codeOf(store.delete(key, version))).toBe('unknown-outcome');
      expect((await other.get(key))?.body).toBe('again');
    },
} satisfies Record<string, StoreClause>;
