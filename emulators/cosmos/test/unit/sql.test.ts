// Parser and evaluator: values of expressions, row semantics and plans, with literal expectations.
import type { Json, Value } from '../../json.ts';
import { QueryCache, readParameters } from '../../sql/cache.ts';
import { makeEnv } from '../../sql/compile-expression.ts';
import { planQuery } from '../../sql/plan.ts';
import { runAll } from '../../sql/run.ts';

const cache = new QueryCache();
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function run(sql: string, documents: Json[] = [{}], parameters: Record<string, Value> = {}): Json[] {
  const { query } = cache.prepare(sql);
  const list = Object.entries(parameters).map(([name, value]) => ({ name: `@${name}`, value: value ?? null }));
  const params = readParameters(query, list);
  return runAll(query, makeEnv(params, NOW), documents);
}

/** The value of an expression; `undefined` shows as a missing row. */
const value = (expression: string, document: Json = {}): Json | undefined =>
  run(`SELECT VALUE ${expression} FROM c`, [document])[0];

const DOCUMENT = {
  n: 5,
  s: 'Text',
  t: true,
  z: null,
  a: [1, 'x', { k: 1 }],
  o: { p: { q: 2 } },
  'odd name': 1,
  constructor: 'own',
};

const EXPRESSIONS: [string, Json | undefined][] = [
  // Paths
  ['c.n', 5],
  ['c["odd name"]', 1],
  ['c.o.p.q', 2],
  ['c.a[1]', 'x'],
  ['c.a[9]', undefined],
  ['c.absent.deep', undefined],
  ['c.constructor', 'own'],
  ['c.toString', undefined],
  ['c.s.length', undefined],
  ['c.value', undefined],
  // Arithmetic and precedence
  ['1 + 2 * 3', 7],
  ['(1 + 2) * 3', 9],
  ['-c.n + 1', -4],
  ['7 % 4', 3],
  ['1 / 0', undefined],
  ['c.n + "1"', undefined],
  ['5 & 3 | 8', 9],
  ['5 ^ 1', 4],
  ['1 << 4', 16],
  ['-16 >>> 28', 15],
  ['~5', -6],
  ['"a" || "b" || c.s', 'abText'],
  ['0x1F', 31],
  ['1.5e3', 1500],
  // Comparison: values of different types are unequal and have no order
  ['1 = 1.0', true],
  ['1 = "1"', false],
  ['c.n != null', true],
  ['c.absent != null', undefined],
  ['c.z = null', true],
  ['c.absent = null', undefined],
  ['"a" < "b"', true],
  ['1 < "b"', undefined],
  ['true > false', true],
  ['[1,2] = [1,2]', true],
  ['{"a":1,"b":2} = {"b":2,"a":1}', true],
  ['c.n != 4', true],
  ['c.n <> 5', false],
  ['[1] < [2]', undefined],
  // Three-valued logic
  ['c.absent AND false', false],
  ['c.absent AND true', undefined],
  ['c.absent OR true', true],
  ['c.absent OR false', undefined],
  ['NOT c.absent', undefined],
  ['NOT false', true],
  ['1 AND true', undefined],
  // Tests
  ['c.n IN (1, 5)', true],
  ['c.n IN (1, 2)', false],
  ['c.n NOT IN (1, 2)', true],
  ['c.absent IN (1)', undefined],
  ['c.n BETWEEN 5 AND 6', true],
  ['c.n NOT BETWEEN 1 AND 6', false],
  ['c.s LIKE "T%t"', true],
  ['c.s LIKE "t%"', false],
  ['"50%" LIKE "50!%" ESCAPE "!"', true],
  ['"abc" LIKE "[a-c]b_"', true],
  ['"abc" LIKE "[^a]%"', false],
  ['"a.c" LIKE "a.c"', true],
  ['"abc" LIKE "a.c"', false],
  // Ternary and coalescing
  ['c.t ? "yes" : "no"', 'yes'],
  ['c.absent ? 1 : 2', 2],
  ['c.absent ?? c.z ?? 3', null],
  ['c.n > 3 ? c.n < 9 ? "mid" : "high" : "low"', 'mid'],
  // Literals
  ['undefined', undefined],
  ['[1, undefined, "x"]', [1, 'x']],
  ['{a: 1, "b": c.absent, "c": [null]}', { a: 1, c: [null] }],
  ['"\\u0041\\n\\"q\\""', 'A\n"q"'],
  ["'it\\'s'", "it's"],
  // Subqueries
  ['ARRAY(SELECT VALUE x FROM x IN c.a)', [1, 'x', { k: 1 }]],
  ['EXISTS(SELECT VALUE x FROM x IN c.a WHERE x = 2)', false],
  ['(SELECT VALUE COUNT(1) FROM x IN c.a)', 3],
  // Strings
  ['CONCAT("a", "b", c.s)', 'abText'],
  ['CONTAINS(c.s, "EX")', false],
  ['CONTAINS(c.s, "EX", true)', true],
  ['STARTSWITH(c.s, "te", true)', true],
  ['ENDSWITH(c.s, "xt")', true],
  ['STRINGEQUALS("a", "A", true)', true],
  ['INDEX_OF("abcabc", "c", 3)', 5],
  ['LEFT("abc", 2)', 'ab'],
  ['RIGHT("abc", 2)', 'bc'],
  ['SUBSTRING("abcdef", 1, 3)', 'bcd'],
  ['LENGTH("鱀b")', 2],
  ['LOWER("AbC")', 'abc'],
  ['UPPER("AbC")', 'ABC'],
  ['REVERSE("abc")', 'cba'],
  ['TRIM("  a ")', 'a'],
  ['LTRIM("  a ")', 'a '],
  ['RTRIM("xa", "a")', 'x'],
  ['REPLACE("a$b", "$", "$&")', 'a$&b'],
  ['REPLICATE("ab", 3)', 'ababab'],
  ['REGEXMATCH("abc", "^A", "i")', true],
  ['TOSTRING([1])', '[1]'],
  ['STRINGTONUMBER("1.5")', 1.5],
  ['STRINGTOBOOLEAN("x")', undefined],
  ['STRINGTOARRAY("[1,2]")', [1, 2]],
  ['STRINGTOOBJECT("{}")', {}],
  ['STRINGTONULL("null")', null],
  ['STRINGJOIN(["a","b"], "-")', 'a-b'],
  ['STRINGSPLIT("a-b", "-")', ['a', 'b']],
  ['LENGTH(5)', undefined],
  ['CONCAT("a", 1)', undefined],
  // Mathematics
  ['ABS(-2)', 2],
  ['CEILING(1.2)', 2],
  ['FLOOR(-1.2)', -2],
  ['ROUND(2.5)', 3],
  ['ROUND(-2.5)', -3],
  ['ROUND(1.005, 2)', 1.01],
  ['TRUNC(-1.7)', -1],
  ['SIGN(-3)', -1],
  ['POWER(2, 10)', 1024],
  ['SQRT(9)', 3],
  ['SQRT(-1)', undefined],
  ['SQUARE(3)', 9],
  ['LOG(8, 2)', 3],
  ['LOG10(1000)', 3],
  ['EXP(0)', 1],
  ['PI() > 3.14', true],
  ['INTADD(1, 2)', 3],
  ['INTDIV(7, 2)', 3],
  ['INTBITAND(6, 3)', 2],
  ['NUMBERBIN(37, 10)', 30],
  // Arrays, objects and types
  ['ARRAY_LENGTH(c.a)', 3],
  ['ARRAY_CONTAINS(c.a, {"k": 1})', true],
  ['ARRAY_CONTAINS([{"k":1,"m":2}], {"k":1}, true)', true],
  ['ARRAY_CONTAINS([{"k":1,"m":2}], {"k":1})', false],
  ['ARRAY_CONCAT([1], [2], [3])', [1, 2, 3]],
  ['ARRAY_SLICE([1,2,3,4], -2, 1)', [3]],
  ['SETINTERSECT([1,2,2,3], [2,3])', [2, 3]],
  ['SETUNION([1,2], [2,3])', [1, 2, 3]],
  ['ARRAY_CONTAINS_ANY([1,2], 5, 2)', true],
  ['ARRAY_CONTAINS_ALL([1,2], 1, 5)', false],
  ['CHOOSE(2, "a", "b")', 'b'],
  ['IIF(c.t, 1, 2)', 1],
  ['OBJECTTOARRAY({"a": 1})', [{ k: 'a', v: 1 }]],
  ['IS_DEFINED(c.absent)', false],
  ['IS_NULL(c.z)', true],
  ['IS_NUMBER(c.n)', true],
  ['IS_STRING(c.n)', false],
  ['IS_BOOL(c.t)', true],
  ['IS_ARRAY(c.a)', true],
  ['IS_OBJECT(c.o)', true],
  ['IS_OBJECT(c.a)', false],
  ['IS_PRIMITIVE(c.z)', true],
  ['IS_INTEGER(1.5)', false],
  ['is_finite_number(1)', true],
  // Dates
  ['GETCURRENTTIMESTAMP()', NOW],
  ['GETCURRENTDATETIME()', '2026-01-02T03:04:05.6780000Z'],
  ['DATETIMEADD("mm", 1, "2026-01-31T00:00:00Z")', '2026-02-28T00:00:00.0000000Z'],
  ['DATETIMEADD("hh", -1, "2026-01-01T00:30:00.1234567Z")', '2025-12-31T23:30:00.1234567Z'],
  ['DATETIMEDIFF("day", "2025-12-31T23:00:00Z", "2026-01-01T01:00:00Z")', 1],
  ['DATETIMEPART("yyyy", "2026-03-04T05:06:07Z")', 2026],
  ['DATETIMETOTIMESTAMP("1970-01-01T00:00:01Z")', 1000],
  ['TIMESTAMPTODATETIME(1000)', '1970-01-01T00:00:01.0000000Z'],
  ['DATETIMEFROMPARTS(2026, 2, 3)', '2026-02-03T00:00:00.0000000Z'],
  ['DATETIMEFROMPARTS(2026, 2, 30)', undefined],
  ['DATETIMEBIN("2026-01-02T03:04:05Z", "hh", 2)', '2026-01-02T02:00:00.0000000Z'],
];

test.each(EXPRESSIONS)('%s', (expression, expected) => {
  expect(value(expression, DOCUMENT)).toEqual(expected);
});

const TEAM: Json[] = [
  { id: '1', team: 'a', n: 1, kids: [{ g: 1 }, { g: 2 }] },
  { id: '2', team: 'b', n: 2, kids: [] },
  { id: '3', team: 'a', n: null, kids: [{ g: 2 }] },
  { id: '4', n: 4 },
];

const QUERIES: [string, Json[]][] = [
  ['SELECT c.id, c.team FROM c WHERE c.n >= 2', [{ id: '2', team: 'b' }, { id: '4' }]],
  ['SELECT c.id x, c.n + 1, c["team"] FROM c WHERE c.id = "1"', [{ x: '1', $1: 2, team: 'a' }]],
  ['SELECT * FROM f IN Family.kids WHERE f.g = 2', [{ g: 2 }, { g: 2 }]],
  ['SELECT VALUE f.g FROM Family.kids[0] f', [1, 2]],
  [
    'SELECT c.id, k.g FROM c JOIN k IN c.kids ORDER BY k.g DESC',
    [
      { id: '1', g: 2 },
      { id: '3', g: 2 },
      { id: '1', g: 1 },
    ],
  ],
  ['SELECT VALUE k.g FROM c JOIN (SELECT VALUE x FROM x IN c.kids WHERE x.g > 1) AS k', [2, 2]],
  ['SELECT VALUE c.team FROM c', ['a', 'b', 'a']],
  ['SELECT DISTINCT VALUE c.team FROM c', ['a', 'b']],
  [
    'SELECT c.team, COUNT(1) AS k, SUM(c.n) AS s FROM c GROUP BY c.team',
    [
      { team: 'a', k: 2 },
      { team: 'b', k: 1, s: 2 },
      { k: 1, s: 4 },
    ],
  ],
  ['SELECT COUNT(c.team) AS k, MIN(c.n) AS lo, MAX(c.n) AS hi FROM c', [{ k: 3, lo: null, hi: 4 }]],
  ['SELECT VALUE COUNT(1) FROM c WHERE c.id = "none"', [0]],
  ['SELECT VALUE AVG(c.n) FROM c WHERE c.id = "none"', []],
  ['SELECT VALUE c.id FROM c ORDER BY c.n DESC', ['4', '2', '1', '3']],
  ['SELECT TOP 2 VALUE c.id FROM c', ['1', '2']],
  ['SELECT VALUE c.id FROM c ORDER BY c.id OFFSET 1 LIMIT 2', ['2', '3']],
  ['SELECT VALUE c.id FROM c WHERE c.id = @id -- a comment', ['2']],
];

test.each(QUERIES)('%s', (sql, expected) => {
  expect(run(sql, TEAM, { id: '2' })).toEqual(expected);
});

test.each([
  'SELECT',
  'SELECT * FROM',
  'SELECT * FROM c WHERE (c.a',
  'SELECT c. FROM c',
  'SELECT "open FROM c',
  'SELECT * FROM c ORDER c.a',
  'SELECT * FROM c LIMIT 1',
  'SELECT * FROM c HAVING 1',
  "SELECT 'x\\u00zz' FROM c",
  'SELECT * FROM c; DROP',
  'SELECT #',
  `SELECT ${'('.repeat(500)}1${')'.repeat(500)}`,
])('the text %j is refused', (sql) => {
  expect(() => run(sql)).toThrow(/SC[12]0\d\d/);
});

const plan = (sql: string): Record<string, unknown> => {
  const { query } = cache.prepare(sql);
  return planQuery(sql, query, makeEnv(new Map(), NOW)).queryInfo as Record<string, unknown>;
};

test('the plan of an ORDER BY asks each range for sort keys and payload', () => {
  expect(plan('SELECT c.a, c.b AS x FROM c WHERE c.a > 1 ORDER BY c.a DESC OFFSET 2 LIMIT 3')).toMatchObject({
    orderBy: ['Descending'],
    orderByExpressions: ['c.a'],
    offset: 2,
    limit: 3,
    hasSelectValue: false,
    rewrittenQuery:
      'SELECT c._rid, [{"item": c.a}] AS orderByItems, {"a": c.a, "x": c.b} AS payload FROM c WHERE (c.a > 1) AND ({documentdb-formattableorderbyquery-filter}) ORDER BY c.a DESC OFFSET 0 LIMIT 5',
  });
});

test('the plan of aggregates and groups asks each range for what can be combined', () => {
  expect(plan('SELECT VALUE AVG(c.n) FROM c')).toMatchObject({
    aggregates: ['Average'],
    rewrittenQuery: 'SELECT VALUE [{"item": {"sum": SUM(c.n), "count": COUNT(c.n)}}] FROM c',
  });
  expect(plan('SELECT c.t, MIN(c.n) AS m FROM c GROUP BY c.t')).toMatchObject({
    aggregates: [],
    groupByExpressions: ['c.t'],
    groupByAliases: ['t', 'm'],
    groupByAliasToAggregateType: { t: null, m: 'Min' },
    rewrittenQuery:
      'SELECT [{"item": c.t}] AS groupByItems, {"t": c.t, "m": {"item": MIN(c.n), "item2": {"min": MIN(c.n), "count": COUNT(c.n)}}} AS payload FROM c GROUP BY c.t',
  });
  expect(plan('SELECT DISTINCT VALUE c.t FROM c ORDER BY c.t')).toMatchObject({ distinctType: 'Ordered' });
  expect(plan('SELECT DISTINCT c.t FROM c')).toMatchObject({ distinctType: 'Unordered', rewrittenQuery: '' });
  expect(() => plan('SELECT VALUE SUM(c.n) + 1 FROM c')).toThrow(/Compositions of aggregates/);
});
