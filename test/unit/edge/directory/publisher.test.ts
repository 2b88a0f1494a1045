// The publisher: bounded batches, one run at a time, and what fails is kept for later.
import { MemoryDirectoryStorage } from '../../../../adapters/memory/memory-directory-storage.ts';
import { MemoryRouteCache } from '../../../../adapters/memory/memory-route-cache.ts';
import { PUBLISHER_LIMITS, publisher } from '../../../../core/edge/directory/publisher.ts';
import type { AuditEntry, DirectoryRecord } from '../../../../core/edge/ports/directory-model.ts';
import { PortError } from '../../../../core/ports/errors.ts';
import { RecordingLog } from '../../../support/recording-log.ts';

const record = (id: string, revision: number): DirectoryRecord => ({
  kind: 'tenant',
  value: { id, cell: 'alpha', standby: null, epochBase: 1, residency: 'eu', tier: 'standard', pinned: false, revision },
});

const entry = (revision: number): AuditEntry => ({
  revision,
  at: '2026-11-21T07:41:03.000Z',
  actor: 'ops',
  reason: 'test',
  command: { kind: 'drain-cell', cell: 'alpha' },
  outcome: 'applied',
  changes: [],
});

function open(put?: (record: DirectoryRecord) => Promise<void>) {
  const storage = new MemoryDirectoryStorage();
  const cache = new MemoryRouteCache();
  const log = new RecordingLog();
  const write = (id: string, revision: number) => storage.write([record(id, revision)], entry(revision));
  const publish = publisher({ storage, cache: { put: put ?? ((each) => cache.put(each)) }, log });
  return { storage, cache, log, write, publish };
}

test('what has changed reaches the cache, and nothing is left', async () => {
  const { storage, cache, write, publish } = open();
  write('a', 1);
  write('b', 2);
  write('a', 3);
  expect(await publish()).toEqual({ published: 2, failed: 0, nextInMs: null });
  expect([(await cache.tenant('a'))?.revision, (await cache.tenant('b'))?.revision]).toEqual([3, 2]);
  expect(storage.unpublished(10)).toEqual([]);
  expect(await publish()).toEqual({ published: 0, failed: 0, nextInMs: null });
});

test('a run takes one batch, so many at a time, and the next one is due at once', async () => {
  let atOnce = 0;
  let most = 0;
  const { storage, write, publish } = open(async () => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    await Promise.resolve();
    atOnce -= 1;
  });
  for (let index = 0; index <= PUBLISHER_LIMITS.batch; index += 1) write(`t${index}`, index + 1);
  expect(await publish()).toEqual({ published: PUBLISHER_LIMITS.batch, failed: 0, nextInMs: 0 });
  expect(most).toBe(PUBLISHER_LIMITS.concurrency);
  expect(storage.unpublished(10)).toHaveLength(1);
  expect(await publish()).toEqual({ published: 1, failed: 0, nextInMs: null });
});

test('what fails is kept, does not stop the others, and is tried again after longer and longer pauses', async () => {
  let isBroken = true;
  const { storage, log, write, publish } = open(async ({ value }) => {
    if (isBroken && value.id === 'bad') throw new PortError('throttled', 'slow down');
  });
  write('bad', 1);
  write('good', 2);
  expect(await publish()).toEqual({ published: 1, failed: 1, nextInMs: 1000 });
  const pauses: (number | null)[] = [];
  for (let run = 0; run < 8; run += 1) pauses.push((await publish()).nextInMs);
  expect(pauses).toEqual([2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  expect(storage.unpublished(10).map(({ value }) => value.id)).toEqual(['bad']);
  expect(log.messages('warn')).toHaveLength(9);
  isBroken = false;
  expect(await publish()).toEqual({ published: 1, failed: 0, nextInMs: null });
  isBroken = true;
  write('bad', 3);
  expect((await publish()).nextInMs).toBe(1000);
});

test('a record that is written again while it is on its way is published again', async () => {
  const cache = new MemoryRouteCache();
  const { write, publish } = open(async (each) => {
    if (each.value.revision === 1) write('a', 2);
    await cache.put(each);
  });
  write('a', 1);
  expect(await publish()).toEqual({ published: 1, failed: 0, nextInMs: 0 });
  expect(await publish()).toEqual({ published: 1, failed: 0, nextInMs: null });
  expect((await cache.tenant('a'))?.revision).toBe(2);
});

test('two runs at once are one: an old record never comes in behind a new one', async () => {
  const order: number[] = [];
  const { write, publish } = open(async ({ value }) => {
    order.push(value.revision);
  });
  write('a', 1);
  const first = publish();
  write('a', 2);
  expect(publish()).toBe(first);
  await first;
  await publish();
  expect(order).toEqual([1, 2]);
});

test('a fault of our own is not hidden', async () => {
  const { write, publish } = open(async () => {
    throw new TypeError('a bug');
  });
  write('a', 1);
  await expect(publish()).rejects.toThrow('a bug');
});
