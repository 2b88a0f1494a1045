// The store's promises about one document: reading, conditional writing, deleting, and its versions.
import { STORE_LIMITS, type Version } from '../../../core/ports/store.ts';
import { codeOf, countCodes, times } from '../contract.ts';
import type { StoreClause } from './harness.ts';

const key = { partition: 'p', id: 'a' };
const WRITERS = 25;

export const documentClauses = {
  'get answers undefined for a document that was never written': async ({ store }) => {
    expect(await store.get(key)).toBeUndefined();
  },

  'get returns the document as it was put, with the version that put returned': async ({ store }) => {
    const version = await store.put({ ...key, body: { n: 1 } }, 'absent');
    expect(await store.get(key)).toStrictEqual({ partition: 'p', id: 'a', body: { n: 1 }, version });
  },

  'what is beside a body is returned with it, and replaced with it': async ({ store }) => {
    const beside = { traceparent: 'a', epoch: 2 ** 53 - 1, '': '😀' };
    const first = await store.put({ ...key, body: { n: 1 }, beside }, 'absent');
    expect(await store.get(key)).toStrictEqual({ ...key, body: { n: 1 }, beside, version: first });
    expect((await store.query('p', { limit: 1 })).items[0]?.beside).toStrictEqual(beside);
    const second = await store.put({ ...key, body: { n: 1 } }, first);
    expect(await store.get(key)).toStrictEqual({ ...key, body: { n: 1 }, version: second });
  },

  'more beside a body than a note is refused': async ({ store }) => {
    const note = (bytes: number) => ({ ...key, body: 1, beside: { n: 'x'.repeat(bytes - '{"n":""}'.length) } });
    expect(await codeOf(store.put(note(STORE_LIMITS.besideBytes + 1), 'any'))).toBe('too-large');
    await store.put(note(STORE_LIMITS.besideBytes), 'any');
  },

  'a second client finds the document under the same version and may write on it': async ({ store, other }) => {
    const version = await store.put({ ...key, body: 1 }, 'absent');
    expect((await other.get(key))?.version).toBe(version);
    await other.put({ ...key, body: 2 }, version);
    expect(await codeOf(store.put({ ...key, body: 3 }, version))).toBe('conflict');
  },

  'put expecting absent conflicts with a document and leaves it as it is': async ({ store }) => {
    const version = await store.put({ ...key, body: 'first' }, 'absent');
    expect(await codeOf(store.put({ ...key, body: 'second' }, 'absent'))).toBe('conflict');
    expect(await store.get(key)).toStrictEqual({ ...key, body: 'first', version });
  },

  'put expecting any writes over nothing and over something': async ({ store }) => {
    await store.put({ ...key, body: 1 }, 'any');
    const version = await store.put({ ...key, body: 2 }, 'any');
    expect(await store.get(key)).toStrictEqual({ ...key, body: 2, version });
  },

  'put replaces the whole document': async ({ store }) => {
    const first = await store.put({ ...key, body: { old: 1, both: 1 } }, 'absent');
    await store.put({ ...key, body: { both: 2 } }, first);
    expect((await store.get(key))?.body).toStrictEqual({ both: 2 });
  },

  'put expecting a version conflicts once the document has moved on, and leaves it as it is': async ({ store }) => {
    const first = await store.put({ ...key, body: 1 }, 'absent');
    const second = await store.put({ ...key, body: 2 }, first);
    expect(await codeOf(store.put({ ...key, body: 3 }, first))).toBe('conflict');
    expect(await store.get(key)).toStrictEqual({ ...key, body: 2, version: second });
  },

  'put expecting a version conflicts where there is no document, and makes none': async ({ store }) => {
    const version = await store.put({ ...key, body: 1 }, 'absent');
    expect(await codeOf(store.put({ ...key, id: 'b', body: 1 }, version))).toBe('conflict');
    expect(await store.get({ ...key, id: 'b' })).toBeUndefined();
  },

  'put expecting a version that was never issued conflicts': async ({ store }) => {
    await store.put({ ...key, body: 1 }, 'absent');
    expect(await codeOf(store.put({ ...key, body: 2 }, 'no such version' as Version))).toBe('conflict');
  },

  'put expecting the version of another document conflicts': async ({ store }) => {
    await store.put({ ...key, body: 1 }, 'absent');
    const foreign = await store.put({ ...key, id: 'b', body: 1 }, 'absent');
    expect(await codeOf(store.put({ ...key, body: 2 }, foreign))).toBe('conflict');
  },

  'a version never comes back, whatever wrote it and however often the document was deleted': async ({ store }) => {
    const versions: (Version | undefined)[] = [];
    for (let round = 0; round < 5; round += 1) {
      versions.push(await store.put({ ...key, body: 0 }, 'absent'));
      versions.push(await store.put({ ...key, body: 0 }, 'any'));
      await store.delete(key, 'any');
      await store.append([{ ...key, body: 0 }]);
      versions.push((await store.get(key))?.version);
      versions.push(...(await store.transact('p', [{ kind: 'put', id: 'a', body: 0, expected: 'any' }])));
      await store.delete(key, 'any');
    }
    expect(new Set(versions).size).toBe(20);
    expect(versions).not.toContain(undefined);
  },

  'a version from before a deletion conflicts with the document that was made again': async ({ store }) => {
    const before = await store.put({ ...key, body: 1 }, 'absent');
    await store.delete(key, before);
    const after = await store.put({ ...key, body: 1 }, 'absent');
    expect(await codeOf(store.put({ ...key, body: 2 }, before))).toBe('conflict');
    expect(await codeOf(store.delete(key, before))).toBe('conflict');
    expect((await store.get(key))?.version).toBe(after);
  },

  'delete removes the document that is in the expected version': async ({ store }) => {
    const version = await store.put({ ...key, body: 1 }, 'absent');
    await store.delete(key, version);
    expect(await store.get(key)).toBeUndefined();
  },

  'delete conflicts with any other version, and the document stays': async ({ store }) => {
    const first = await store.put({ ...key, body: 1 }, 'absent');
    const second = await store.put({ ...key, body: 2 }, first);
    expect(await codeOf(store.delete(key, first))).toBe('conflict');
    expect(await store.get(key)).toStrictEqual({ ...key, body: 2, version: second });
  },

  'delete expecting a version conflicts where there is no document': async ({ store }) => {
    const version = await store.put({ ...key, body: 1 }, 'absent');
    await store.delete(key, version);
    expect(await codeOf(store.delete(key, version))).toBe('conflict');
  },

  'delete expecting any is no error where there is no document': async ({ store }) => {
    expect(await codeOf(store.delete(key, 'any'))).toBe('none');
    await store.put({ ...key, body: 1 }, 'absent');
    await store.delete(key, 'any');
    expect(await codeOf(store.delete(key, 'any'))).toBe('none');
    expect(await store.get(key)).toBeUndefined();
  },

  'documents of one id in two partitions, and keys that read alike when joined, are apart': async ({ store }) => {
    const keys = [
      { partition: 'ab', id: 'c' },
      { partition: 'a', id: 'bc' },
      { partition: 'ab', id: 'bc' },
      { partition: 'AB', id: 'c' },
    ];
    for (const [index, each] of keys.entries()) await store.put({ ...each, body: index }, 'absent');
    const found = await Promise.all(keys.map((each) => store.get(each)));
    expect(found.map((document) => document?.body)).toStrictEqual([0, 1, 2, 3]);
  },

  'of 25 writers that expect absent one wins and 24 get conflict': async ({ store, other }) => {
    const puts = times(WRITERS, (index) => (index % 2 === 0 ? store : other).put({ ...key, body: index }, 'absent'));
    expect(await countCodes(puts)).toStrictEqual({ none: 1, conflict: 24 });
    const winner = (await Promise.allSettled(puts)).findIndex(({ status }) => status === 'fulfilled');
    expect(await store.get(key)).toStrictEqual({ ...key, body: winner, version: await puts[winner] });
  },

  'of 25 writers that expect one version one wins and 24 get conflict': async ({ store, other }) => {
    const version = await store.put({ ...key, body: 'old' }, 'absent');
    const puts = times(WRITERS, (index) => (index % 2 === 0 ? store : other).put({ ...key, body: index }, version));
    expect(await countCodes(puts)).toStrictEqual({ none: 1, conflict: 24 });
    const winner = (await Promise.allSettled(puts)).findIndex(({ status }) => status === 'fulfilled');
    expect(await store.get(key)).toStrictEqual({ ...key, body: winner, version: await puts[winner] });
  },

  'of 25 writers that expect any all succeed, and one of them is stored whole': async ({ store, other }) => {
    const puts = times(WRITERS, (index) => (index % 2 === 0 ? store : other).put({ ...key, body: index }, 'any'));
    const versions = await Promise.all(puts);
    const stored = await store.get(key);
    expect(new Set(versions).size).toBe(WRITERS);
    expect(stored?.version).toBe(versions[Number(stored?.body)]);
  },

  'of 25 deletions of one version one wins and 24 get conflict': async ({ store, other }) => {
    const version = await store.put({ ...key, body: 1 }, 'absent');
    const deletions = times(WRITERS, (index) => (index % 2 === 0 ? store : other).delete(key, version));
    expect(await countCodes(deletions)).toStrictEqual({ none: 1, conflict: 24 });
    expect(await store.get(key)).toBeUndefined();
  },

  'a put and a deletion that expect the same version: one wins, the other gets conflict': async ({ store, other }) => {
    for (let round = 0; round < 10; round += 1) {
      const version = await store.put({ ...key, body: 'old' }, 'any');
      const put = store.put({ ...key, body: 'new' }, version);
      expect(await countCodes([put, other.delete(key, version)])).toStrictEqual({ none: 1, conflict: 1 });
      const putWon = (await codeOf(put)) === 'none';
      expect((await store.get(key))?.body).toBe(putWon ? 'new' : undefined);
    }
  },
} satisfies Record<string, StoreClause>;
