// The work of queries: matchers without backtracking, counted steps, bounded JOINs and trees, and walks that pause and go on.
import { DocumentOperations } from '../../documents.ts';
import type { Json, Value } from '../../json.ts';
import { QueryCache } from '../../sql/cache.ts';
import { makeEnv } from '../../sql/compile-expression.ts';
import { DOCUMENT_SLOT } from '../../sql/compiled-query.ts';
import { executeQuery } from '../../sql/execute.ts';
import { Meter, type MeterLimits } from '../../sql/meter.ts';
import { runAll } from '../../sql/run.ts';
import { indexIn, lastIndexIn, pieces } from '../../sql/text-search.ts';
import { Account } from '../../store/account.ts';
import { Clock } from '../../store/clock.ts';
import { NO_LOG } from '../../store/journal-types.ts';

const cache = new QueryCache();
const run = (sql: string, document: Json = {}, meter = new Meter()): Json[] =>
  runAll(cache.prepare(sql).query, makeEnv(new Map<string, Value>(), 0, meter), [document]);
const value = (expression: string, document: Json = {}): Json | undefined =>
  run(`SELECT VALUE ${expression} FROM c`, document)[0];

const LONG = 'a'.repeat(20_000);

test.each([
  ['c.s LIKE "%a%a%a%a%a%a%b"', false],
  ['c.s LIKE "%a%a%a%a%a%a%"', true],
  ['c.s LIKE "%_a_%_a_%b"', false],
  ['REGEXMATCH(c.s, "^(a+)+$")', true],
  ['REGEXMATCH(CONCAT(c.s, "b"), "^(a+)+$")', false],
  ['REGEXMATCH(c.s, "(a|aa)+b")', false],
  ['REGEXMATCH(c.s, "A{3}", "i")', true],
  ['REGEXMATCH("a\\nb", "^b $", "mx")', true],
  ['REGEXMATCH("a", "(")', undefined],
  ['"abcabc" LIKE "%b%b%"', true],
  ['"abcabc" LIKE "%b%b%b%"', false],
  ['"ab" LIKE "ab%b"', false],
  ['"" LIKE "%"', true],
  ['"" LIKE ""', true],
  ['"a]c" LIKE "a[]]c"', false],
])('%s takes a time that is bounded by the text', (expression, expected) => {
  expect(value(expression, { s: LONG })).toBe(expected);
});

test.each([
  ['(?=a)', 'a look-around'],
  ['(a)\\\\1', 'a back reference'],
  ['(?>a)', 'an atomic group'],
])('RegexMatch refuses %s by name, because it needs backtracking', (pattern, name) => {
  expect(() => value(`REGEXMATCH("aa", "${pattern}")`)).toThrow(`RegexMatch with ${name}`);
});

const SPLIT = `${'a'.repeat(40)}b`;

test('long texts are found as short ones are', () => {
  const meter = new Meter();
  const text = `${'a'.repeat(500)}b${'a'.repeat(90)}b`;
  expect(indexIn(text, SPLIT, 0, meter)).toBe(460);
  expect(indexIn(text, SPLIT, 461, meter)).toBe(551);
  expect(indexIn(text, SPLIT, 552, meter)).toBe(-1);
  expect(lastIndexIn(text, SPLIT, meter)).toBe(551);
  expect(pieces(text, SPLIT, meter).map(({ length }) => length)).toEqual([460, 50, 0]);
  expect(pieces('a'.repeat(100), 'a'.repeat(40), meter)).toEqual(['', '', 'a'.repeat(20)]);
});

test('finding a long text costs no more than the lengths of both', () => {
  const meter = new Meter();
  const half = 'a'.repeat(100_000);
  expect(indexIn('a'.repeat(1_000_000), `${half}b${half}`, 0, meter)).toBe(-1);
  expect(meter.used).toBeLessThan(200_000);
});

test('thousands of terms of OR and AND are one chain, not a tree as deep', () => {
  const terms = Array.from({ length: 20_000 }, (_, n) => `c.n = ${n}`);
  expect(run(`SELECT VALUE c.n FROM c WHERE ${terms.join(' OR ')}`, { n: 19_999 })).toEqual([19_999]);
  expect(run(`SELECT VALUE c.n FROM c WHERE ${terms.map((term) => `NOT ${term}`).join(' AND ')}`, { n: -1 })).toEqual([
    -1,
  ]);
});

test.each([
  ['a sum', `SELECT VALUE ${Array(5000).fill('1').join(' + ')} FROM c`],
  ['a path', `SELECT VALUE c${'.a'.repeat(5000)} FROM c`],
  ['a chain of IN', `SELECT VALUE 1${' IN (1)'.repeat(5000)} FROM c`],
])('%s that is deeper than the stack is refused', (_, sql) => {
  expect(() => run(sql)).toThrow(/SC1011/);
});

test('a chain of a thousand parts is not too deep', () => {
  expect(run(`SELECT VALUE ${Array(900).fill('1').join(' + ')} FROM c`)).toEqual([900]);
});

test('ten JOINs are allowed, those of subqueries included, and no more', () => {
  const joins = (count: number): string => Array.from({ length: count }, (_, n) => ` JOIN j${n} IN c.a`).join('');
  expect(run(`SELECT VALUE 1 FROM c${joins(10)}`, { a: [0] })).toEqual([1]);
  expect(() => run(`SELECT VALUE 1 FROM c${joins(11)}`)).toThrow(/at most 10 JOINs/);
  const inner = '(SELECT VALUE COUNT(1) FROM x IN c.a JOIN y IN c.a)';
  expect(() => run(`SELECT VALUE ${inner} FROM c${joins(10)}`)).toThrow(/at most 10 JOINs/);
});

const TRIPLE = 'FROM x IN c.a JOIN y IN c.a JOIN z IN c.a';

test.each([
  ['rows of a subquery', `(SELECT VALUE COUNT(1) ${TRIPLE})`],
  ['kept rows', `ARRAY_LENGTH(ARRAY(SELECT VALUE 1 ${TRIPLE}))`],
  ['texts that grow', `(SELECT VALUE REPLACE(c.s, "a", c.s) ${TRIPLE})`],
  ['long texts compared', `(SELECT VALUE COUNTIF(CONTAINS(c.s, "b")) ${TRIPLE})`],
  ['equal arrays compared', `(SELECT VALUE COUNTIF(c.a = c.b) FROM x IN c.a JOIN y IN c.a)`],
])('%s are counted: the query ends with 408', (_, expression) => {
  const a = Array.from({ length: 1000 }, (_value, n) => n);
  expect(() => value(expression, { a, b: [...a], s: LONG })).toThrow(
    expect.objectContaining({ status: 408, code: 'RequestTimeout' }),
  );
});

test('sets of many values are made in the time of their number', () => {
  const a = Array.from({ length: 50_000 }, (_, n) => n);
  const meter = new Meter();
  expect(run('SELECT VALUE ARRAY_LENGTH(SETUNION(c.a, c.a)) FROM c', { a }, meter)).toEqual([50_000]);
  expect(run('SELECT VALUE ARRAY_CONTAINS_ALL(c.a, c.a) FROM c', { a }, meter)).toEqual([true]);
  expect(meter.used).toBeLessThan(1_000_000);
});

test('a walk through the rows of a document pauses, and goes on at its place', () => {
  const { query } = cache.prepare('SELECT VALUE [x, y] FROM c JOIN x IN c.a JOIN y IN c.a WHERE x != y');
  const limits = { slice: 1, unbroken: 100, page: 100, total: 1000 };
  const walk = (after?: readonly number[]) => {
    const env = makeEnv(new Map(), 0, new Meter(limits));
    env.slots[DOCUMENT_SLOT] = { a: [1, 2, 3] };
    const rows = query.rows(env, after);
    const steps: string[] = [];
    for (let step = rows.next(); step !== 'end'; step = rows.next()) {
      steps.push(step === 'row' ? JSON.stringify(query.project(env)) : step);
      env.meter.resumed();
    }
    return steps;
  };
  const whole = ['pause', '[1,2]', '[1,3]', '[2,1]', 'pause', '[2,3]', '[3,1]', '[3,2]', 'pause'];
  expect(walk()).toEqual(whole);
  expect(walk([0, 1, 0])).toEqual(whole.slice(4));
  expect(walk([0, 2, 1])).toEqual(['pause']);
  // The document has become shorter since.
  expect(walk([0, 5, 0])).toEqual([]);
});

test('kept texts are bounded by their length', () => {
  const small = new QueryCache();
  for (let n = 0; n < 20; n++) small.prepare(`SELECT VALUE ${n} -- ${'x'.repeat(500_000)}`);
  expect(small.size).toBe(8);
});

describe('a query that takes turns with others', () => {
  const account = new Account(new Clock(() => 0), NO_LOG, 1);
  account.createDatabase('db', { manual: undefined, autoscaleMax: undefined });
  const container = account.createContainer(
    'db',
    { id: 'docs', partitionKey: { paths: ['/pk'], version: 2 } },
    { manual: undefined, autoscaleMax: undefined },
  );
  const write = (apply: (operations: DocumentOperations) => unknown): void => {
    const transaction = container.begin();
    apply(new DocumentOperations(container, ['a'], transaction));
    transaction.commit();
  };
  for (let n = 0; n < 20; n++) write((operations) => operations.create({ id: `i${n}`, pk: 'a', v: n }));

  const execute = (sql: string, limits: MeterLimits) =>
    executeQuery(
      { container, single: { partition: container.findPartition(['a']) }, accepts: () => true },
      {
        ...cache.prepare(sql),
        params: new Map(),
        pageSize: 100,
        continuation: undefined,
        merged: false,
        meter: new Meter(limits),
      },
    );

  test.each([
    'SELECT VALUE c.v FROM c',
    'SELECT VALUE c.v FROM c ORDER BY c.v',
    'SELECT VALUE c.v FROM c ORDER BY c.id',
    'SELECT VALUE MIN(c.v) FROM c GROUP BY c.v',
  ])('sees the documents as of its beginning: %s', (sql) => {
    const limits = { slice: 50, unbroken: 1e6, page: 1e6, total: 1e6 };
    const undisturbed = execute(sql, { ...limits, slice: 1e6 }).next().value?.rows;
    expect(undisturbed).toHaveLength(20);
    const work = execute(sql, limits);
    expect(work.next()).toEqual({ done: false, value: undefined });
    write((operations) => operations.replace('i19', { id: 'i19', pk: 'a', v: 1000 }, {}));
    write((operations) => operations.remove('i18', {}));
    write((operations) => operations.create({ id: 'i99', pk: 'a', v: 99 }));
    let step = work.next();
    while (step.done !== true) step = work.next();
    expect(step.value.rows).toEqual(undisturbed);
    write((operations) => operations.replace('i19', { id: 'i19', pk: 'a', v: 19 }, {}));
    write((operations) => operations.remove('i99', {}));
    write((operations) => operations.create({ id: 'i18', pk: 'a', v: 18 }));
  });

  test('ends a page early, or the query where that is no answer', () => {
    const limits = { slice: 1e6, unbroken: 1e6, page: 40, total: 400 };
    const { value: page } = execute('SELECT VALUE c.v FROM c', limits).next();
    expect(page?.rows.length).toBeLessThan(20);
    expect(page?.continuation).toBeDefined();
    expect(() => execute('SELECT VALUE c.v FROM c ORDER BY c.v', limits).next()).toThrow(/Request timed out/);
  });
});
