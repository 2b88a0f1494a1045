// Work on many items, a bounded number at a time.
import { atMost, mapConcurrently } from '../../../core/lib/concurrently.ts';
import { settle } from '../../support/fake-clock.ts';

test('results are in order, and no more than the limit run at once', async () => {
  let running = 0;
  let most = 0;
  const results = await mapConcurrently([5, 3, 1, 4, 2], 2, async (item, index) => {
    running += 1;
    most = Math.max(most, running);
    for (let turn = 0; turn < item; turn += 1) await settle();
    running -= 1;
    return `${index}:${item}`;
  });
  expect(results).toEqual(['0:5', '1:3', '2:1', '3:4', '4:2']);
  expect(most).toBe(2);
});

test('no items are no work', async () => {
  expect(await mapConcurrently([], 4, async () => 1)).toEqual([]);
});

test('after an error nothing more is begun, what was begun ends, and the error is thrown', async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const work = mapConcurrently([0, 1, 2, 3, 4, 5], 2, async (item) => {
    begun.push(item);
    if (item === 1) throw new Error('the first');
    await settle();
    ended.push(item);
    if (item === 0) throw new Error('a later one');
  });
  await expect(work).rejects.toThrow('the first');
  expect(begun).toEqual([0, 1]);
  expect(ended).toEqual([0]);
});

test('work in turn: no more than the limit at once, in order, and a failure passes its turn on', async () => {
  const inTurn = atMost(2);
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  const work = [0, 1, 2, 3, 4, 5].map((item) =>
    inTurn(async () => {
      begun.push(item);
      running += 1;
      most = Math.max(most, running);
      await settle();
      running -= 1;
      if (item < 2) throw new Error(`no ${item}`);
      return item;
    }),
  );
  const outcomes = await Promise.allSettled(work);
  expect(outcomes.map(({ status }) => status)).toEqual([...Array(2).fill('rejected'), ...Array(4).fill('fulfilled')]);
  expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
  expect(most).toBe(2);
  expect(await inTurn(async () => 'later')).toBe('later');
});
