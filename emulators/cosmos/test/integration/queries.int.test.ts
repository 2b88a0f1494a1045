// Queries within a partition and over all ranges, through the SDK's own pipeline; expectations are literals.
import type { Container } from '@azure/cosmos';
import { failureOf, type Harness, rows, startHarness } from './harness.ts';

let harness: Harness;
let container: Container;
beforeAll(async () => {
  harness = await startHarness({ partitionRanges: 4 });
  container = await harness.container('families');
  const people = [
    { id: '1', pk: 'a', name: 'Ann', age: 30, team: 'x', tags: ['p', 'q'], address: { city: 'Oslo' } },
    { id: '2', pk: 'b', name: 'Bob', age: 25, team: 'y', tags: [], address: { city: 'Rome' } },
    { id: '3', pk: 'c', name: 'Cid', age: 35, team: 'x', tags: ['q'], address: null },
    { id: '4', pk: 'd', name: 'Dan', age: 25, team: 'z', tags: ['p', 'r', 's'] },
    { id: '5', pk: 'a', name: 'Eve', team: 'x', tags: ['r'], address: { city: 'Oslo' } },
    { id: '6', pk: 'e', name: 'fay', age: 41.5, team: 'y', tags: ['q', 'q'] },
  ];
  for (const person of people) await container.items.create(person);
});
afterAll(async () => {
  await harness.stop();
});

const cases: [string, unknown[]][] = [
  ['SELECT VALUE c.id FROM c WHERE c.age > 25 ORDER BY c.age', ['1', '3', '6']],
  [
    'SELECT c.name, c.age FROM c WHERE c.team = "y" ORDER BY c.name',
    [
      { name: 'Bob', age: 25 },
      { name: 'fay', age: 41.5 },
    ],
  ],
  [
    'SELECT c.id AS key, c.address.city ?? "none" AS city FROM c WHERE c.id IN ("1", "3") ORDER BY c.id',
    [
      { key: '1', city: 'Oslo' },
      { key: '3', city: 'none' },
    ],
  ],
  ['SELECT TOP 2 VALUE c.name FROM c ORDER BY c.name DESC', ['fay', 'Eve']],
  ['SELECT VALUE c.id FROM c ORDER BY c.id OFFSET 2 LIMIT 3', ['3', '4', '5']],
  ['SELECT VALUE c.name FROM c WHERE c.name LIKE "%a_" ORDER BY c.name', ['Dan', 'fay']],
  ['SELECT VALUE c.id FROM c WHERE c.age BETWEEN 25 AND 30 AND NOT c.team = "z" ORDER BY c.id', ['1', '2']],
  ['SELECT VALUE c.id FROM c WHERE NOT IS_DEFINED(c.age)', ['5']],
  ['SELECT VALUE c.id FROM c WHERE IS_NULL(c.address)', ['3']],
  ['SELECT VALUE c.id FROM c WHERE ARRAY_CONTAINS(c.tags, "p") ORDER BY c.id', ['1', '4']],
  ['SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = "r") ORDER BY c.id', ['4', '5']],
  ['SELECT VALUE t FROM c JOIN t IN c.tags WHERE c.id = "4"', ['p', 'r', 's']],
  [
    'SELECT VALUE {"id": c.id, "n": ARRAY_LENGTH(c.tags)} FROM c WHERE c.pk = "a" ORDER BY c.id',
    [
      { id: '1', n: 2 },
      { id: '5', n: 1 },
    ],
  ],
  ['SELECT VALUE COUNT(1) FROM c', [6]],
  ['SELECT VALUE COUNT(c.age) FROM c', [5]],
  ['SELECT VALUE SUM(c.age) FROM c', [156.5]],
  ['SELECT VALUE AVG(c.age) FROM c WHERE c.team = "y"', [33.25]],
  ['SELECT VALUE MIN(c.name) FROM c', ['Ann']],
  ['SELECT VALUE MAX(c.age) FROM c', [41.5]],
  ['SELECT VALUE SUM(c.name) FROM c', []],
  ['SELECT VALUE MAX(c.absent) FROM c', []],
  ['SELECT VALUE SUM(c.age) FROM c WHERE false', [0]],
  ['SELECT COUNT(1), MIN(c.age) AS youngest FROM c', [{ $1: 6, youngest: 25 }]],
  ['SELECT VALUE COUNT(1) FROM c ORDER BY c.age', [6]],
  ['SELECT DISTINCT VALUE c.team FROM c ORDER BY c.team', ['x', 'y', 'z']],
  ['SELECT VALUE COUNT(1) FROM c JOIN t IN c.tags', [9]],
];

test.each(cases)('over all ranges: %s', async (query, expected) => {
  expect(await rows(container, query)).toEqual(expected);
});

test('groups are combined over ranges', async () => {
  const grouped = await rows(
    container,
    'SELECT c.team, COUNT(1) AS n, AVG(c.age) AS age, MAX(c.name) AS last FROM c GROUP BY c.team',
  );
  expect((grouped as { team: string }[]).sort((a, b) => (a.team < b.team ? -1 : 1))).toEqual([
    { team: 'x', n: 3, age: 32.5, last: 'Eve' },
    { team: 'y', n: 2, age: 33.25, last: 'fay' },
    { team: 'z', n: 1, age: 25, last: 'Dan' },
  ]);
  expect((await rows(container, 'SELECT VALUE c.team FROM c GROUP BY c.team')).sort()).toEqual(['x', 'y', 'z']);
  expect((await rows(container, 'SELECT DISTINCT c.address.city FROM c')).length).toBe(3);
});

const single: [string, unknown[]][] = [
  ['SELECT c.team, COUNT(1) AS n FROM c GROUP BY c.team', [{ team: 'x', n: 2 }]],
  ['SELECT VALUE AVG(c.age) FROM c', [30]],
  ['SELECT DISTINCT VALUE c.address.city FROM c', ['Oslo']],
  ['SELECT VALUE c.name FROM c ORDER BY c.name DESC', ['Eve', 'Ann']],
  ['SELECT VALUE c.id FROM c ORDER BY c.age', ['5', '1']],
  ['SELECT TOP 1 VALUE c.id FROM c', ['1']],
  ['SELECT VALUE c.id FROM c OFFSET 1 LIMIT 5', ['5']],
  ['SELECT VALUE c.id FROM c WHERE c.id > "1" ORDER BY c.id DESC', ['5']],
  ['SELECT VALUE c.id FROM c WHERE STARTSWITH(c.id, "5") ORDER BY c.id', ['5']],
];

test.each(single)('within one partition: %s', async (query, expected) => {
  expect(await rows(container, query, {}, { partitionKey: 'a' })).toEqual(expected);
});

test('parameters of every type, also for TOP', async () => {
  const query =
    'SELECT TOP @top VALUE c.id FROM c WHERE c.team = @team AND c.age >= @age AND ARRAY_CONTAINS(@ids, c.id) ORDER BY c.id';
  expect(await rows(container, query, { top: 1, team: 'x', age: 30, ids: ['3', '1'] })).toEqual(['1']);
  expect(await rows(container, 'SELECT VALUE c.id FROM c WHERE c.address = @o', { o: { city: 'Rome' } })).toEqual([
    '2',
  ]);
});

test('ORDER BY puts types in the order undefined, null, boolean, number, string', async () => {
  const mixed = await harness.container('mixed');
  const values = ['s', 2, null, true, undefined, false, 1];
  for (const [index, v] of values.entries()) await mixed.items.create({ id: `${index}`, pk: 'a', v });
  expect(await rows(mixed, 'SELECT VALUE c.id FROM c ORDER BY c.v', {}, { partitionKey: 'a' })).toEqual([
    '4',
    '2',
    '5',
    '3',
    '6',
    '1',
    '0',
  ]);
  expect(await rows(mixed, 'SELECT VALUE c.id FROM c WHERE c.v > 1', {}, { partitionKey: 'a' })).toEqual(['1']);
  expect(await rows(mixed, 'SELECT VALUE c.id FROM c WHERE c.v != 1', {}, { partitionKey: 'a' })).toEqual([
    '0',
    '1',
    '2',
    '3',
    '5',
  ]);
});

test('an ORDER BY with several terms needs its composite index, once the container has any', async () => {
  const sorted = await harness.container('sorted', {
    more: {
      indexingPolicy: {
        compositeIndexes: [
          [
            { path: '/a', order: 'ascending' },
            { path: '/b', order: 'descending' },
          ],
        ],
      },
    },
  });
  for (const [id, a, b] of [
    ['1', 1, 1],
    ['2', 1, 2],
    ['3', 0, 9],
  ])
    await sorted.items.create({ id: `${id}`, pk: `${id}`, a, b });
  expect(await rows(sorted, 'SELECT VALUE c.id FROM c ORDER BY c.a, c.b DESC')).toEqual(['3', '2', '1']);
  expect(await rows(sorted, 'SELECT VALUE c.id FROM c ORDER BY c.a DESC, c.b')).toEqual(['1', '2', '3']);
  const { code, message } = await failureOf(rows(sorted, 'SELECT VALUE c.id FROM c ORDER BY c.a, c.b'));
  expect(code).toBe(400);
  expect(message).toContain(
    'The order by query does not have a corresponding composite index that it can be served from.',
  );
});

test.each([
  ['SELECT * FROM c WHERE', 'SC1001'],
  ['SELECT c.id FROM d', 'SC2001'],
  ['SELECT NOPE(c.id) FROM c', 'SC2005'],
  ['SELECT LENGTH(c.id, 1) FROM c', 'SC2050'],
  ['SELECT * FROM c GROUP BY c.id', 'SC2041'],
  ['SELECT * FROM c JOIN t IN c.tags', 'SC2040'],
  ['SELECT TOP -1 * FROM c', 'SC2060'],
  ['SELECT c.id, COUNT(1) FROM c', 'SC2102'],
  ['SELECT * FROM c WHERE COUNT(1) > 1', 'SC2101'],
  ['SELECT * FROM c WHERE c.id = @absent', 'SC2001'],
])('a wrong query is 400 with the code of the service: %s', async (query, expected) => {
  const { code, message } = await failureOf(rows(container, query));
  expect({ code, named: message.includes(`"code":"${expected}"`) ? expected : message }).toEqual({
    code: 400,
    named: expected,
  });
});

test('unsupported functions are refused by name', async () => {
  const { code, message } = await failureOf(rows(container, 'SELECT VALUE ST_DISTANCE(c.a, c.b) FROM c'));
  expect(code).toBe(501);
  expect(message).toContain('ST_DISTANCE');
});
