// The store's promises about keys and bodies: which it takes, and that it gives them back unharmed.
import fc from 'fast-check';
import type { Json } from '../../../core/ports/json.ts';
import { STORE_LIMITS, type Store } from '../../../core/ports/store.ts';
import { codeOf, PROPERTY_SEED, times } from '../contract.ts';
import { words } from './append.ts';
import { readIds, type StoreClause } from './harness.ts';

const key = { partition: 'p', id: 'a' };

const nested = (levels: number): Json =>
  JSON.parse(`${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`) as Json;

/** Text as sent, and the value that must come back. */
const BODIES: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['true', true],
  ['""', ''],
  ['[]', []],
  ['{}', {}],
  ['{"":""}', { '': '' }],
  ['[[],{},"",0,null,false]', [[], {}, '', 0, null, false]],
  ['-0', 0],
  ['[-0.0]', [0]],
  ['9007199254740992', 9007199254740992],
  ['-9007199254740991', -9007199254740991],
  ['1e300', 1e300],
  ['5e-324', 5e-324],
  ['0.1', 0.1],
  ['123456789012345680000', 123456789012345680000],
  ['"😀 ﷽ e\u0301 \u202e"', '😀 ﷽ e\u0301 \u202e'],
  ['"\\ud800 \\udc00 x\\ud83d"', '\ud800 \udc00 x\ud83d'],
  ['"\\u0000\\u001f\\u007f\\u2028\\ufeff\\uffff"', '\u0000\u001f\u007f\u2028\ufeff\uffff'],
  [
    '{"id":1,"_ts":2,"_etag":3,"ttl":4,"pk":5,"p":6,"s":7,"$type":8,"a.b":9,"a/b":10}',
    { id: 1, _ts: 2, _etag: 3, ttl: 4, pk: 5, p: 6, s: 7, $type: 8, 'a.b': 9, 'a/b': 10 },
  ],
  ['{"toJSON":"x","length":3,"valueOf":1}', { toJSON: 'x', length: 3, valueOf: 1 }],
];

/** Any JSON value, of any UTF-16 code units: halves of surrogate pairs and control characters included. */
const anyJson = fc.jsonValue({
  maxDepth: 6,
  stringUnit: fc.oneof(
    fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    fc.constantFrom('😀', '"', '\\', '__proto__', ' ', 'é'),
  ),
});

const KEY_LIMIT = STORE_LIMITS.keyBytes;
const HOSTILE_KEYS = [
  '',
  '/',
  'a/b',
  '\\',
  'a\\b',
  '#',
  'a#',
  '?',
  'a?b',
  '\u0000',
  'a\u0000',
  '\n',
  '\t',
  '\u001f',
  '\u007f',
  '\ud800',
  'a\udc00b',
  '\udc00\ud800',
  'x'.repeat(KEY_LIMIT + 1),
  `${'é'.repeat(KEY_LIMIT / 2)}x`,
  `${'😀'.repeat(KEY_LIMIT / 4)}x`,
];
const FINE_KEYS = [
  'x'.repeat(KEY_LIMIT),
  'é'.repeat(KEY_LIMIT / 2),
  '😀'.repeat(KEY_LIMIT / 4),
  '😀',
  ' ',
  ' a ',
  '.',
  '..',
  '%2F',
  '%',
  '"',
  "'",
  '*',
  '|',
  '!',
  ':',
  '~',
  '$',
  '@',
  '&',
  '+',
  '<>',
  '{}',
  '[]',
  'ﬀ',
  '\u00a0',
  '\ufeff',
  '__proto__',
  'null',
  'undefined',
  'constructor',
  '0',
  'é',
  'e\u0301',
  '\u{10ffff}',
];

/** The codes of every method, asked with this partition and id. */
async function codesOf(store: Store, partition: string, id: string): Promise<string[]> {
  const others = await Promise.all([
    codeOf(store.get({ partition, id })),
    codeOf(store.put({ partition, id, body: 1 }, 'any')),
    codeOf(store.delete({ partition, id }, 'any')),
    codeOf(store.transact(partition, [{ kind: 'put', id, body: 1, expected: 'any' }])),
    codeOf(store.transact(partition, [{ kind: 'delete', id, expected: 'any' }])),
    codeOf(store.transact(partition, [{ kind: 'check', id, expected: 'absent' }])),
  ]);
  return [...others, ...words(await store.append([{ partition, id, body: 1 }]))];
}

export const bodyClauses = {
  'values at the edges of JSON come back as they are, from get and from query': async ({ store }) => {
    for (const [text, value] of BODIES) {
      await store.put({ ...key, body: JSON.parse(text) as Json }, 'any');
      expect((await store.get(key))?.body).toStrictEqual(value);
      expect((await store.query('p', { limit: 1 })).items[0]?.body).toStrictEqual(value);
    }
  },

  'values come back as they are from append and from a transaction': async ({ store }) => {
    const bodies = BODIES.map(([text]) => JSON.parse(text) as Json);
    await store.append(bodies.map((body, index) => ({ partition: 'appended', id: `${index}`, body })));
    await store.transact(
      'transacted',
      bodies.map((body, index) => ({ kind: 'put', id: `${index}`, body, expected: 'absent' })),
    );
    for (const [index, [, value]] of BODIES.entries()) {
      expect((await store.get({ partition: 'appended', id: `${index}` }))?.body).toStrictEqual(value);
      expect((await store.get({ partition: 'transacted', id: `${index}` }))?.body).toStrictEqual(value);
    }
  },

  'a key named __proto__ comes back as a key of its own': async ({ store }) => {
    await store.put({ ...key, body: JSON.parse('{"__proto__":{"polluted":true},"a":1}') as Json }, 'any');
    const body = (await store.get(key))?.body as object;
    expect(Object.keys(body).sort()).toStrictEqual(['__proto__', 'a']);
    expect(Object.getOwnPropertyDescriptor(body, '__proto__')?.value).toStrictEqual({ polluted: true });
    expect('polluted' in body).toBe(false);
  },

  'a value of 90 levels comes back as it is': async ({ store }) => {
    await store.put({ ...key, body: nested(90) }, 'any');
    expect((await store.get(key))?.body).toStrictEqual(nested(90));
  },

  'any JSON value comes back as it is': async ({ store }) => {
    let round = 0;
    const roundTrips = fc.asyncProperty(anyJson, async (value) => {
      const id = `k${(round += 1)}`;
      await store.put({ partition: 'p', id, body: value as Json }, 'absent');
      expect((await store.get({ partition: 'p', id }))?.body).toStrictEqual(JSON.parse(JSON.stringify(value)));
    });
    await fc.assert(roundTrips, { seed: PROPERTY_SEED, numRuns: 150 });
  },

  'what is changed in a body after it was given or gotten does not change the store': async ({ store }) => {
    const body = { list: [1] };
    await store.put({ ...key, body }, 'any');
    body.list.push(2);
    const first = (await store.get(key))?.body as { list: number[] };
    expect(first).toStrictEqual({ list: [1] });
    first.list.push(3);
    expect((await store.get(key))?.body).toStrictEqual({ list: [1] });
  },

  'a body of 256 KiB is stored, one byte more is too-large': async ({ store }) => {
    for (const character of ['x', 'é', '😀']) {
      // The quotes of the JSON text count, and so does every byte of UTF-8.
      const bytes = Buffer.byteLength(character);
      const fill = Math.floor((STORE_LIMITS.bodyBytes - 2) / bytes);
      const largest = character.repeat(fill) + 'x'.repeat(STORE_LIMITS.bodyBytes - 2 - fill * bytes);
      await store.put({ ...key, body: largest }, 'any');
      expect((await store.get(key))?.body === largest).toBe(true);
      expect(await codeOf(store.put({ ...key, body: `${largest}x` }, 'any'))).toBe('too-large');
      expect((await store.get(key))?.body === largest).toBe(true);
    }
  },

  'what is no JSON value is invalid': async ({ store }) => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    for (const body of [undefined, () => 1, Symbol('x'), 10n, cyclic]) {
      expect(await codeOf(store.put({ ...key, body: body as Json }, 'any'))).toBe('invalid');
    }
    expect(await store.get(key)).toBeUndefined();
  },

  'a partition or id that no service takes is invalid for every method': async ({ store }) => {
    for (const hostile of HOSTILE_KEYS) {
      const expected = [hostile.slice(0, 20), ...times(7, () => 'invalid')];
      expect([hostile.slice(0, 20), ...(await codesOf(store, 'p', hostile))]).toStrictEqual(expected);
      expect([hostile.slice(0, 20), ...(await codesOf(store, hostile, 'a'))]).toStrictEqual(expected);
      expect(await codeOf(store.query(hostile, { limit: 1 }))).toBe('invalid');
    }
    expect(await readIds(store, 'p')).toStrictEqual([]);
  },

  'every other partition and id up to 1000 bytes is taken, and names one document': async ({ store }) => {
    for (const fine of FINE_KEYS) {
      await store.put({ partition: 'p', id: fine, body: fine }, 'absent');
      expect(words(await store.append([{ partition: fine, id: fine, body: fine }]))).toStrictEqual(['stored']);
    }
    for (const fine of FINE_KEYS) {
      expect((await store.get({ partition: 'p', id: fine }))?.body).toBe(fine);
      expect(await readIds(store, fine)).toStrictEqual([fine]);
      await store.transact(fine, [{ kind: 'delete', id: fine, expected: 'any' }]);
    }
    expect((await readIds(store, 'p')).length).toBe(FINE_KEYS.length);
  },
} satisfies Record<string, StoreClause>;
