// The change feed: starts, scopes, positions, splits, and a reader that restarts at random points.
import { ChangeFeedMode, ChangeFeedStartFrom, type Container } from '@azure/cosmos';
import { failureOf, type Harness, START, startHarness } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ partitionRanges: 3 });
});
afterAll(async () => {
  await harness.stop();
});

interface Change {
  id: string;
  n: number;
  _lsn: number;
}

/** Reads until nothing is new; returns the changes and the continuation. */
async function drain(
  container: Container,
  start: ChangeFeedStartFrom,
  maxItemCount = 10,
): Promise<{ changes: Change[]; token: string }> {
  const iterator = container.items.getChangeFeedIterator({ changeFeedStartFrom: start, maxItemCount });
  const changes: Change[] = [];
  for (;;) {
    const page = await iterator.readNext();
    changes.push(...(page.result as unknown as Change[]));
    if (page.statusCode === 304) return { changes, token: page.continuationToken };
  }
}

const ids = (changes: readonly { id: string }[]): string[] => changes.map(({ id }) => id).sort();

test('from the beginning every item comes once, with its last version', async () => {
  const container = await harness.container('beginning');
  for (let n = 0; n < 30; n++) await container.items.upsert({ id: `i${n % 12}`, pk: `p${n % 12}`, n });
  await container.item('i3', 'p3').delete();
  const { changes } = await drain(container, ChangeFeedStartFrom.Beginning(), 2);
  expect(ids(changes)).toEqual(['i0', 'i1', 'i10', 'i11', 'i2', 'i4', 'i5', 'i6', 'i7', 'i8', 'i9']);
  expect(changes.find(({ id }) => id === 'i5')?.n).toBe(29);
});

test('from now, from a time, and from a continuation', async () => {
  const container = await harness.container('starts');
  await container.items.create({ id: 'old', pk: 'a', n: 0 });
  const now = await drain(container, ChangeFeedStartFrom.Now());
  expect(now.changes).toEqual([]);
  harness.emulator.advanceClock(10_000);
  await container.items.create({ id: 'new', pk: 'b', n: 1 });
  expect(ids((await drain(container, ChangeFeedStartFrom.Continuation(now.token))).changes)).toEqual(['new']);
  const time = new Date(harness.emulator.inspect().now);
  expect(time.getTime()).toBeGreaterThan(START);
  expect(ids((await drain(container, ChangeFeedStartFrom.Time(new Date(time.getTime() - 1000)))).changes)).toEqual([
    'new',
  ]);
  expect((await drain(container, ChangeFeedStartFrom.Time(time))).changes).toEqual([]);
});

test('by partition key, by range, and by hierarchical prefix', async () => {
  const container = await harness.container('scopes');
  for (let n = 0; n < 20; n++) await container.items.create({ id: `i${n}`, pk: `p${n % 5}`, n });
  expect(ids((await drain(container, ChangeFeedStartFrom.Beginning('p3'))).changes)).toEqual([
    'i13',
    'i18',
    'i3',
    'i8',
  ]);
  const seen: string[] = [];
  for (const range of await container.getFeedRanges()) {
    seen.push(...ids((await drain(container, ChangeFeedStartFrom.Beginning(range))).changes));
  }
  expect(seen).toHaveLength(20);
  expect(new Set(seen).size).toBe(20);
  const levels = await harness.container('levels', {
    key: { paths: ['/t', '/u'], version: 2, kind: 'MultiHash' } as never,
  });
  for (let n = 0; n < 12; n++) await levels.items.create({ id: `i${n}`, t: `t${n % 3}`, u: n });
  expect(ids((await drain(levels, ChangeFeedStartFrom.Beginning(['t1']))).changes)).toEqual(['i1', 'i10', 'i4', 'i7']);
});

test('ranges are read breadth first', async () => {
  const container = await harness.container('breadth');
  for (let n = 0; n < 30; n++) await container.items.create({ id: `i${n}`, pk: `p${n}`, n });
  const iterator = container.items.getChangeFeedIterator({
    changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
    maxItemCount: 1,
  });
  const ranges: unknown[] = [];
  for (let page = 0; page < 3; page++)
    ranges.push((await iterator.readNext()).headers['x-ms-documentdb-partitionkeyrangeid']);
  expect(ranges).toEqual(['0', '1', '2']);
});

test('expired and deleted items do not show in the latest-version feed', async () => {
  const container = await harness.container('expiring', { more: { defaultTtl: 5 } });
  await container.items.create({ id: 'a', pk: 'a', n: 0 });
  await container.items.create({ id: 'b', pk: 'b', n: 0, ttl: -1 });
  harness.emulator.advanceClock(6000);
  expect(ids((await drain(container, ChangeFeedStartFrom.Beginning())).changes)).toEqual(['b']);
});

/** Of the test below, which restarts its reader some hundred times meanwhile. */
const CHANGES = 50_000;
const ITEMS = 300;

test('a reader restarted at random points, over writes and splits, sees every last version and never an older after a newer, in 50,000 changes', async () => {
  const container = await harness.container('restarts');
  let seed = 20260101;
  const random = (below: number): number => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return (seed >>> 0) % below;
  };
  const newest = new Map<string, number>();
  const latest = new Map<string, number>();
  let token: string | undefined;
  const older: Change[] = [];
  let n = 0;
  const read = async (pages: number): Promise<boolean> => {
    const start = token === undefined ? ChangeFeedStartFrom.Beginning() : ChangeFeedStartFrom.Continuation(token);
    const iterator = container.items.getChangeFeedIterator({
      changeFeedStartFrom: start,
      maxItemCount: 1 + random(400),
    });
    for (let page = 0; page < pages; page++) {
      const { result, statusCode, continuationToken } = await iterator.readNext();
      for (const change of result as unknown as Change[]) {
        // A plain comparison: `expect` takes longer than everything else here together.
        if (change.n < (newest.get(change.id) ?? -1)) older.push(change);
        newest.set(change.id, change.n);
      }
      // A crash between reading and saving the position makes a page come again, and again in order.
      if (random(4) > 0) token = continuationToken;
      else return false;
      if (statusCode === 304) return true;
    }
    return false;
  };
  for (let round = 0; n < CHANGES; round++) {
    // In bulk, 100 at most for a range; an id comes once in a request, for its operations have no order among them.
    const ids = new Set(Array.from({ length: 1 + random(ITEMS) }, () => random(ITEMS)));
    const operations = [...ids].slice(0, Math.min(100, CHANGES - n)).map((item) => {
      const id = `i${item}`;
      n += 1;
      latest.set(id, n);
      return { operationType: 'Upsert' as const, partitionKey: `p${id}`, resourceBody: { id, pk: `p${id}`, n } };
    });
    const written = await container.items.bulk(operations);
    expect(written.every(({ statusCode }) => statusCode === 200 || statusCode === 201)).toBe(true);
    if (round % 250 === 100) {
      const [summary] = harness.emulator
        .inspect()
        .databases.flatMap(({ containers }) => containers.filter(({ id }) => id === 'restarts'));
      harness.emulator.split('db', 'restarts', summary?.ranges[random(summary.ranges.length)]?.id);
    }
    await read(1 + random(6));
  }
  let drained = false;
  for (let round = 0; round < 500 && !drained; round++) drained = await read(200);
  expect(drained).toBe(true);
  expect(older).toEqual([]);
  expect(n).toBe(CHANGES);
  expect(Object.fromEntries([...newest].sort())).toEqual(Object.fromEntries([...latest].sort()));
});

test('all versions and deletes: creates, replaces, deletes and expiry with their former images', async () => {
  const container = await harness.container('versions', { more: { defaultTtl: -1 } });
  await container.items.create({ id: 'before', pk: 'a', n: 0 });
  const iterator = container.items.getChangeFeedIterator({
    changeFeedStartFrom: ChangeFeedStartFrom.Now('a'),
    changeFeedMode: ChangeFeedMode.AllVersionsAndDeletes,
  });
  expect((await iterator.readNext()).statusCode).toBe(304);
  await container.items.create({ id: 'x', pk: 'a', n: 1 });
  await container.items.upsert({ id: 'x', pk: 'a', n: 2 });
  await container.item('x', 'a').delete();
  await container.items.create({ id: 'y', pk: 'a', n: 3, ttl: 5 });
  harness.emulator.advanceClock(5000);
  const { result } = await iterator.readNext();
  const summary = (
    result as unknown as { current: Change; previous?: Change; metadata: Record<string, unknown> }[]
  ).map(({ current, previous, metadata }) => [
    metadata.operationType,
    current.n,
    previous?.n,
    metadata.timeToLiveExpired,
  ]);
  expect(summary).toEqual([
    ['create', 1, undefined, undefined],
    ['replace', 2, 1, undefined],
    ['delete', undefined, 2, false],
    ['create', 3, undefined, undefined],
    ['delete', undefined, 3, true],
  ]);
  const beginning = container.items.getChangeFeedIterator({
    changeFeedStartFrom: ChangeFeedStartFrom.Beginning('a'),
    changeFeedMode: ChangeFeedMode.AllVersionsAndDeletes,
  });
  const { message } = await failureOf(beginning.readNext());
  expect(message).toContain('You must read the change feed from within the retention period.');
});

test('a container created anew does not accept the old continuation', async () => {
  const first = await harness.container('anew');
  const { token } = await drain(first, ChangeFeedStartFrom.Beginning());
  await first.delete();
  const second = await harness.container('anew');
  const { message } = await failureOf(drain(second, ChangeFeedStartFrom.Continuation(token)));
  expect(message).toContain('The continuation token is not for the current container definition');
});
