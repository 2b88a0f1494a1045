// What appending does when a service refuses a request as a whole: how many requests and pauses it costs.

import { PortError } from '../../../core/ports/errors.ts';
import { type AppendService, appendWith } from '../../../core/store/append.ts';
import { EagerClock } from '../../support/fake-clock.ts';
import { countingIds } from '../../support/ids.ts';

const DOCUMENTS = Array.from({ length: 25 }, (_, index) => ({ partition: 'p', id: `${index}`, body: index }));

/** A service that refuses every request with one of the ids in it; `before` may reject first, by number of the request. */
function picky(refused: readonly string[], before: (request: number) => PortError | undefined = () => undefined) {
  const clock = new EagerClock();
  const sizes: number[] = [];
  const service: AppendService<string> = {
    clock,
    ids: countingIds(),
    retry: { attempts: 4, baseMs: 100, maximumMs: 250, budgetMs: 1000 },
    concurrentRequests: 1,
    toRow: ({ id }) => id,
    toRequests: (rows) => [rows],
    write: async (rows) => {
      sizes.push(rows.length);
      const failure = before(sizes.length);
      if (failure !== undefined) throw failure;
      if (rows.some((id) => refused.includes(id))) throw new PortError('invalid', 'refused');
      return rows.map(() => undefined);
    },
    readExisting: async (rows) => rows.map(() => 'none'),
    put: () => Promise.reject(new Error('unreachable')),
    toPortError: (error) => error as PortError,
  };
  const append = async () =>
    (await appendWith(service, DOCUMENTS)).map((outcome) =>
      outcome.status === 'failed' ? outcome.error.code : outcome.status,
    );
  return { append, sizes, clock };
}

const expected = (bad: readonly number[], code: string) =>
  DOCUMENTS.map((_, id) => (bad.includes(id) ? code : 'stored'));

test('one bad document is halved out, without a pause', async () => {
  const { append, sizes, clock } = picky(['7']);
  expect(await append()).toEqual(expected([7], 'invalid'));
  expect(sizes).toEqual([25, 13, 7, 6, 3, 2, 1, 1, 1, 3, 12]);
  expect(clock.slept).toEqual([]);
});

test('25 bad ones cost 49 requests, and no more', async () => {
  const { append, sizes } = picky(DOCUMENTS.map(({ id }) => id));
  expect(await append()).toEqual(DOCUMENTS.map(() => 'invalid'));
  expect(sizes).toHaveLength(49);
});

test('the halves share one budget of tries', async () => {
  const { append, sizes, clock } = picky(['0'], (request) =>
    request > 1 ? new PortError('throttled', 'slow down') : undefined,
  );
  expect(await append()).toEqual(DOCUMENTS.map(() => 'throttled'));
  expect(sizes).toEqual([25, 13, 13, 13, 13, 12]);
  expect(clock.slept).toHaveLength(3);
});

test('an answer lost before the halving leaves what then fails in doubt', async () => {
  const { append } = picky(['0'], (request) => {
    if (request === 1) return new PortError('unknown-outcome', 'no answer');
    return request > 2 ? new PortError('throttled', 'slow down') : undefined;
  });
  expect(await append()).toEqual(DOCUMENTS.map(() => 'unknown-outcome'));
});
