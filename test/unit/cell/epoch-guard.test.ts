// The fence of a cell: older epochs are refused, newer ones are durable before anything is answered.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { epochGuard } from '../../../core/cell/epoch-guard.ts';
import type { ErrorCode } from '../../../core/ports/errors.ts';
import type { Json } from '../../../core/ports/json.ts';
import type { Store } from '../../../core/ports/store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { brokenStore, faultyStore, writesOf } from '../../support/faulty-store.ts';

const memory = () => new MemoryStore({ clock: new FakeClock() });

const stored = async (store: Store, tenant = 'acme'): Promise<Json | undefined> =>
  (await store.get({ partition: `tenant|${tenant}`, id: 'epoch' }))?.body;

test('the first epoch that is seen is adopted', async () => {
  const store = memory();
  expect(await epochGuard(store)('acme', 7)).toEqual({ status: 'current' });
  expect(await stored(store)).toEqual({ epoch: 7 });
});

test('the known epoch is current, and costs no write', async () => {
  const store = faultyStore(memory());
  const guard = epochGuard(store);
  await guard('acme', 7);
  expect(writesOf(store)).toBe(1);
  expect(await guard('acme', 7)).toEqual({ status: 'current' });
  expect(writesOf(store)).toBe(1);
});

test('an older epoch is refused with the known one, and changes nothing', async () => {
  const store = memory();
  const guard = epochGuard(store);
  await guard('acme', 7);
  expect(await guard('acme', 6)).toEqual({ status: 'stale', known: 7 });
  expect(await guard('acme', 1)).toEqual({ status: 'stale', known: 7 });
  expect(await stored(store)).toEqual({ epoch: 7 });
});

test('a newer epoch is adopted, and from then on the one before is old everywhere', async () => {
  const store = memory();
  await epochGuard(store)('acme', 7);
  expect(await epochGuard(store)('acme', 9)).toEqual({ status: 'current' });
  expect(await epochGuard(store)('acme', 7)).toEqual({ status: 'stale', known: 9 });
});

test("tenants' epochs have nothing to do with each other", async () => {
  const store = memory();
  const guard = epochGuard(store);
  await guard('acme', 7);
  expect(await guard('globex', 1)).toEqual({ status: 'current' });
  expect(await stored(store, 'globex')).toEqual({ epoch: 1 });
});

test('it is durable before it is answered', async () => {
  const store = memory();
  const events: string[] = [];
  const slow: Store = {
    ...faultyStore(store),
    put: async (document, expected) => {
      const version = await store.put(document, expected);
      events.push('stored');
      return version;
    },
  };
  await epochGuard(slow)('acme', 2);
  events.push('answered');
  expect(events).toEqual(['stored', 'answered']);
});

test.each(['upwards', 'downwards', 'mixed'])('20 adopters at the same time, %s, end at the highest', async (order) => {
  const store = memory();
  const epochs = Array.from({ length: 20 }, (_, index) => index + 1);
  if (order === 'downwards') epochs.reverse();
  if (order === 'mixed') epochs.sort((a, b) => ((a * 7) % 20) - ((b * 7) % 20));
  const guard = epochGuard(store);
  const verdicts = await Promise.all(epochs.map((epoch) => guard('acme', epoch)));
  expect(await stored(store)).toEqual({ epoch: 20 });
  expect(verdicts[epochs.indexOf(20)]).toEqual({ status: 'current' });
  for (const [index, verdict] of verdicts.entries()) {
    if (verdict.status === 'stale') expect(verdict.known).toBeGreaterThan(epochs[index] ?? 0);
  }
});

test('20 adopters of one epoch at the same time are all current', async () => {
  const guard = epochGuard(memory());
  const verdicts = await Promise.all(Array.from({ length: 20 }, () => guard('acme', 3)));
  expect(verdicts).toEqual(Array.from({ length: 20 }, () => ({ status: 'current' })));
});

test.each<ErrorCode>(['unavailable', 'throttled', 'denied', 'not-found', 'unknown'])(
  'a store that answers %s: nothing is said about the epoch',
  async (code) => {
    await expect(epochGuard(brokenStore(code))('acme', 1)).rejects.toMatchObject({ name: 'PortError', code });
  },
);

test.each<ErrorCode>(['unavailable', 'unknown-outcome'])(
  'a store that cannot write (%s): a newer epoch is not answered, the known one is',
  async (code) => {
    const store = memory();
    await epochGuard(store)('acme', 1);
    const guard = epochGuard(faultyStore(store, (method) => (method === 'put' ? { code, when: 'before' } : undefined)));
    await expect(guard('acme', 2)).rejects.toMatchObject({ code });
    expect(await guard('acme', 1)).toEqual({ status: 'current' });
  },
);

test('an answer that was lost after the epoch was stored: the repeat is current', async () => {
  const store = memory();
  let lost = false;
  const guard = epochGuard(
    faultyStore(store, (method) => {
      if (method !== 'put' || lost) return undefined;
      lost = true;
      return { code: 'unknown-outcome', when: 'after' };
    }),
  );
  await expect(guard('acme', 2)).rejects.toMatchObject({ code: 'unknown-outcome' });
  expect(await guard('acme', 2)).toEqual({ status: 'current' });
});

test('a store that keeps answering conflict does not block the caller', async () => {
  const guard = epochGuard(
    faultyStore(memory(), (method) => (method === 'put' ? { code: 'conflict', when: 'before' } : undefined)),
  );
  await expect(guard('acme', 2)).rejects.toMatchObject({ code: 'unavailable' });
});
