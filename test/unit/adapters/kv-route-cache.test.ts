// Writes of one key to Workers KV: none arrives after a newer one, however late it is.
import { KV_LIMITS, KvRouteCache } from '../../../adapters/cloudflare/kv-route-cache.ts';
import type { DirectoryRecord } from '../../../core/edge/ports/directory-model.ts';
import { codeOf } from '../../contract/contract.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

interface Arriving {
  readonly key: string;
  readonly revision: number;
  readonly arrive: () => void;
  readonly fail: () => void;
}

/** A namespace whose writes arrive when the test says so. */
function slow() {
  const clock = new FakeClock();
  const begun: Arriving[] = [];
  const stored = new Map<string, number>();
  const namespace = {
    get: async () => null,
    put: (key: string, text: string) =>
      new Promise<void>((resolve, reject) => {
        const { revision } = JSON.parse(text) as { revision: number };
        begun.push({
          key,
          revision,
          arrive: () => {
            stored.set(key, revision);
            resolve();
          },
          fail: () => reject(new Error('KV PUT failed: 500')),
        });
      }),
  };
  // A deletion arrives at once if nothing holds it back.
  const deleting = { ...namespace, delete: async (key: string) => void stored.delete(key) };
  return { clock, begun, stored, cache: new KvRouteCache({ namespace: deleting, clock }) };
}

const record = (revision: number, id = 'acme'): DirectoryRecord =>
  ({ kind: 'tenant', value: { id, revision } }) as unknown as DirectoryRecord;

test('a write that timed out and arrives late does not replace a newer record', async () => {
  const { clock, begun, stored, cache } = slow();
  const first = codeOf(cache.put(record(1)));
  await clock.advance(KV_LIMITS.writeMs);
  expect(await first).toBe('unavailable');
  const second = cache.put(record(2));
  await settle();
  expect(begun.map(({ revision }) => revision)).toEqual([1]);
  begun[0]?.arrive();
  await settle();
  begun[1]?.arrive();
  await second;
  expect([...stored]).toEqual([['tenant/acme', 2]]);
});

test('one that waited for another until it was given up is not sent any more', async () => {
  const { clock, begun, cache } = slow();
  const given = [codeOf(cache.put(record(1))), codeOf(cache.put(record(2)))];
  await clock.advance(KV_LIMITS.writeMs);
  expect(await Promise.all(given)).toEqual(['unavailable', 'unavailable']);
  const third = cache.put(record(3));
  begun[0]?.fail();
  await settle();
  expect(begun.map(({ revision }) => revision)).toEqual([1, 3]);
  begun[1]?.arrive();
  await third;
});

test('a removal waits for a late write of the record that it deletes', async () => {
  const { clock, begun, stored, cache } = slow();
  const first = codeOf(cache.put(record(1)));
  await clock.advance(KV_LIMITS.writeMs);
  expect(await first).toBe('unavailable');
  const removal = cache.put({
    kind: 'removed-tenant',
    value: { id: 'acme', epochFloor: 9, effectsFrom: 0, revision: 2 },
  });
  await settle();
  begun[0]?.arrive();
  await removal;
  expect([...stored]).toEqual([]);
});

test('other keys do not wait', async () => {
  const { begun, cache } = slow();
  const puts = [cache.put(record(1)), cache.put(record(1, 'globex'))];
  await settle();
  expect(begun.map(({ key }) => key)).toEqual(['tenant/acme', 'tenant/globex']);
  for (const { arrive } of begun) arrive();
  await Promise.all(puts);
});

test('a write that never ends is waited for so long, and no longer', async () => {
  const { clock, begun, cache } = slow();
  const first = codeOf(cache.put(record(1)));
  await clock.advance(KV_LIMITS.abandonMs - 1);
  await first;
  const second = codeOf(cache.put(record(2)));
  await clock.advance(KV_LIMITS.writeMs);
  expect(await second).toBe('unavailable');
  const third = cache.put(record(3));
  await settle();
  expect(begun.map(({ revision }) => revision)).toEqual([1, 3]);
  begun[1]?.arrive();
  await third;
});

test('so many writes are under way, and no more', async () => {
  const { begun, cache } = slow();
  const puts = Array.from({ length: KV_LIMITS.writes }, (_, index) => cache.put(record(1, `t-${index}`)));
  await settle();
  expect(await codeOf(cache.put(record(1)))).toBe('throttled');
  for (const { arrive } of begun) arrive();
  await Promise.all(puts);
});
