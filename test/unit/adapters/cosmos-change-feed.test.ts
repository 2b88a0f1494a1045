// The change feed's batches: they get ahead with each try although the trigger repeats them whole, in slices bounded by count and bytes.
import { ChangeFeedRetry, cosmosChangeFeed, FEED_LIMITS } from '../../../adapters/azure/cosmos-change-feed.ts';
import type { ChangeRecord } from '../../../core/ports/change-stream.ts';

const item = (index: number, more: object = {}) => ({
  p: 'acme|pump-1',
  id: `r-${index}`,
  b: { value: index },
  _lsn: 7,
  _etag: `e-${index}`,
  _ts: 1,
  ...more,
});

/** Fails at the records of these ids, and remembers what it was given. */
function recording(failing: Set<string>) {
  const slices: string[][] = [];
  const feed = cosmosChangeFeed(async (records: readonly ChangeRecord[]) => {
    slices.push(records.map(({ id }) => id));
    const failedAt = records.findIndex(({ id }) => failing.has(id));
    return failedAt < 0 ? { status: 'done' } : { status: 'retry', failedAt };
  });
  return { slices, feed };
}

test('a batch that is repeated goes on where it failed', async () => {
  const failing = new Set(['r-60']);
  const { slices, feed } = recording(failing);
  const batch = Array.from({ length: 100 }, (_, index) => item(index));
  await expect(feed(batch)).rejects.toThrow(ChangeFeedRetry);
  expect(slices.map(({ length }) => length)).toEqual([25, 25, 25]);
  slices.length = 0;
  await expect(feed(batch)).rejects.toThrow('The batch of 100 changes comes again; 60 of them are done.');
  expect(slices).toEqual([Array.from({ length: 25 }, (_, index) => `r-${60 + index}`)]);
  slices.length = 0;
  failing.clear();
  await feed(batch);
  expect(slices.flat()).toEqual(Array.from({ length: 40 }, (_, index) => `r-${60 + index}`));
});

test('a later write of an item that is done is handled', async () => {
  const { slices, feed } = recording(new Set(['r-1']));
  await expect(feed([item(0), item(1)])).rejects.toThrow(ChangeFeedRetry);
  await expect(feed([item(0, { _etag: 'later' }), item(1)])).rejects.toThrow(ChangeFeedRetry);
  expect(slices).toEqual([
    ['r-0', 'r-1'],
    ['r-0', 'r-1'],
  ]);
});

test('what is done is forgotten with its batch: delivered once more, it is handled once more', async () => {
  const failing = new Set(['r-1']);
  const { slices, feed } = recording(failing);
  await expect(feed([item(0), item(1)])).rejects.toThrow(ChangeFeedRetry);
  failing.clear();
  await feed([item(0), item(1)]);
  await feed([item(0), item(1)]);
  expect(slices).toEqual([['r-0', 'r-1'], ['r-1'], ['r-0', 'r-1']]);
});

test('slices are bounded by bytes', async () => {
  const { slices, feed } = recording(new Set());
  const padding = 'x'.repeat(100 * 1024);
  await feed(Array.from({ length: 6 }, (_, index) => item(index, { b: { padding } })));
  expect(Math.max(...slices.map(({ length }) => length))).toBeLessThanOrEqual(FEED_LIMITS.sliceBytes / (100 * 1024));
  expect(slices.flat()).toHaveLength(6);
  expect(slices.length).toBeGreaterThan(1);
});

test('a failure at a record that is not in the batch counts none as done', async () => {
  let handled = 0;
  const feed = cosmosChangeFeed(async (records) => {
    handled += records.length;
    return handled > 2 ? { status: 'done' } : { status: 'retry', failedAt: 99 };
  });
  await expect(feed([item(0), item(1)])).rejects.toThrow(RangeError);
  await feed([item(0), item(1)]);
  expect(handled).toBe(4);
});

test('an empty batch is no work', async () => {
  const { slices, feed } = recording(new Set());
  await feed([]);
  expect(slices).toEqual([]);
});

test('partitions with few bytes come first, and each in its order: large documents hold up no one else’s', async () => {
  const { slices, feed } = recording(new Set());
  const large = (index: number) => item(index, { p: 'mallory|padded', b: { padding: 'x'.repeat(200 * 1024) } });
  await feed([
    ...Array.from({ length: 20 }, (_, index) => large(index)),
    item(20),
    item(21, { p: 'acme|pump-2' }),
    item(22),
  ]);
  expect(slices[0]).toEqual(['r-21', 'r-20', 'r-22']);
  expect(slices.flat().slice(3)).toEqual(Array.from({ length: 20 }, (_, index) => `r-${index}`));
});
