// What every place for objects promises, clause by clause; core/ports/objects.ts says the same in words.
import { OBJECT_LIMITS, type Objects } from '../../core/ports/objects.ts';
import { type Clause, codeOf, runContract, times } from './contract.ts';

export interface ObjectsHarness {
  /** A place without objects. */
  readonly objects: Objects;
  /** One beside it, of the same kind, that has others. */
  readonly other: Objects;
  /** One that does not exist. */
  readonly missing: Objects;
  close(): Promise<void>;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** All values that a byte can have, so often. */
const everyByte = (repeats: number): Uint8Array =>
  Uint8Array.from({ length: 256 * repeats }, (_, index) => index % 256);

const everyMethod = (objects: Objects, name: string): readonly (() => Promise<unknown>)[] => [
  () => objects.put(name, bytesOf('1')),
  () => objects.get(name),
  () => objects.remove(name),
];

const clauses = {
  'gets what was put, byte by byte, also if that is nothing': async ({ objects }) => {
    await objects.put('a.bin', everyByte(3));
    await objects.put('empty', new Uint8Array());
    expect([...((await objects.get('a.bin')) ?? [])]).toEqual([...everyByte(3)]);
    expect((await objects.get('empty'))?.length).toBe(0);
  },

  'has nothing under a name that was not put': async ({ objects, other }) => {
    await other.put('a', bytesOf('elsewhere'));
    expect(await objects.get('a')).toBeUndefined();
    await objects.put('a', bytesOf('here'));
    expect(Buffer.from((await other.get('a')) ?? []).toString()).toBe('elsewhere');
  },

  'replaces an object as a whole': async ({ objects }) => {
    await objects.put('a', bytesOf('a longer text'));
    await objects.put('a', bytesOf('short'));
    expect(Buffer.from((await objects.get('a')) ?? []).toString()).toBe('short');
  },

  'has one of those that were put at the same time': async ({ objects }) => {
    const texts = times(8, (index) => String(index).repeat(10_000 + index));
    await Promise.all(texts.map((text) => objects.put('a', bytesOf(text))));
    expect(texts).toContain(Buffer.from((await objects.get('a')) ?? []).toString());
  },

  'removes an object, and none that is not there': async ({ objects }) => {
    await objects.put('a', bytesOf('1'));
    await objects.put('ab', bytesOf('2'));
    await objects.remove('a');
    await objects.remove('a');
    expect(await objects.get('a')).toBeUndefined();
    expect((await objects.get('ab'))?.length).toBe(1);
  },

  'keeps an object of some megabytes': async ({ objects }) => {
    await objects.put('large', everyByte(40_000));
    expect(Buffer.compare((await objects.get('large')) ?? new Uint8Array(), everyByte(40_000))).toBe(0);
  },

  'refuses an object above the limit': async ({ objects }) => {
    expect(await codeOf(objects.put('a', new Uint8Array(OBJECT_LIMITS.bytes + 1)))).toBe('too-large');
    expect(await objects.get('a')).toBeUndefined();
  },

  'refuses names that could lead elsewhere': async ({ objects }) => {
    for (const name of ['', '..', '../a', 'a/b', 'a\\b', '/a', '.a', 'a\0', 'ä', 'x'.repeat(129)])
      for (const work of everyMethod(objects, name)) expect([name, await codeOf(work())]).toEqual([name, 'invalid']);
  },

  'says that a place is missing': async ({ missing }) => {
    for (const work of everyMethod(missing, 'a')) expect(await codeOf(work())).toBe('not-found');
  },
} satisfies Record<string, Clause<ObjectsHarness>>;

export const objectsContract = (adapter: string, openHarness: () => Promise<ObjectsHarness>): void =>
  runContract(`${adapter} keeps the contract of objects`, clauses, openHarness);
