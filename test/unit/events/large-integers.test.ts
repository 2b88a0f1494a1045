// Integers that a double cannot hold, found in JSON text with the path to each.
import fc from 'fast-check';
import { largeIntegers, type Path } from '../../../core/events/large-integers.ts';
import { property } from '../../support/properties.ts';

test.each([
  ['9007199254740992', []],
  ['{"a":9007199254740992,"b":-9007199254740992}', []],
  ['{"a":9007199254740993}', [['a']]],
  ['{"a":-9007199254740993}', [['a']]],
  ['[1,{"id":"x","data":{"value":12345678901234567890}}]', [[1, 'data', 'value']]],
  ['[[0,0,9007199254740993]]', [[0, 2]]],
  ['{"a":"9007199254740993","9007199254740993":1}', []],
  ['{"a":1e400,"b":9007199254740993e0,"c":1.7e308,"d":9.007199254740993E15}', []],
  ['{"a":0.9007199254740993}', []],
  ['{"a":9007199254740993.5}', [['a']]],
  ['{"a\\"\\\\":{"\\u0062":[true,false,null,"]}",9007199254740993]}}', [['a"\\', 'b', 4]]],
  ['{"a":{"b":{}},"c":[],"d":9007199254740993}', [['d']]],
  [' {\n"a" :\t9007199254740993 , "b":[ 9007199254740994 ] }', [['a'], ['b', 0]]],
  ['[9007199254740993,[9007199254740993,9007199254740993],1]', [[0], [1, 0]]],
] as [string, Path[]][])('%s', (text, expected) => {
  expect(largeIntegers(text)).toEqual(expected);
});

test('every event of a batch is reported once', () => {
  const text = `[${Array.from({ length: 500 }, () => '{"x":[9007199254740993,9007199254740993]}').join()}]`;
  expect(largeIntegers(text)).toEqual(Array.from({ length: 500 }, (_, index) => [index, 'x', 0]));
});

/** Values with a marker in place of each large integer, so that the expected paths can be found by walking them. */
const MARK = 'the large integer of this test';
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'grapheme' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Math.abs(number) < 2 ** 53 ? number : 0.5)),
    fc.constantFrom(null, true, MARK),
    fc.array(tie('value')),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { noNullPrototype: true }),
  ),
}));

function marked(found: unknown, path: Path = []): Path[] {
  if (found === MARK) return [path];
  if (typeof found !== 'object' || found === null) return [];
  return Array.isArray(found)
    ? found.flatMap((each, index) => marked(each, [...path, index]))
    : Object.entries(found).flatMap(([name, each]) => marked(each, [...path, name]));
}

property('all of them are found, and nothing else', fc.tuple(fc.array(value), fc.boolean()), ([values, indented]) => {
  const text = JSON.stringify(values, null, indented ? 2 : 0).replaceAll(`"${MARK}"`, '9007199254740993');
  const first = new Map(
    marked(values)
      .reverse()
      .map((path) => [path[0], path]),
  );
  expect([...largeIntegers(text)]).toEqual([...first.values()].sort((a, b) => Number(a[0]) - Number(b[0])));
});
