// Replicas that share a feed: whatever crashes, splits, scales or stands still, nothing is skipped, and no item's changes change their order.
import type { MemoryFeedKind } from '../../../adapters/memory/memory-feed.ts';
import { seeded } from '../../simulation/random.ts';
import { type Crash, FeedWorld, WORLD_TIMES } from '../../support/feed-world.ts';

const KINDS: readonly MemoryFeedKind[] = ['named', 'handed'];
const ITEMS = Array.from({ length: 10 }, (_, index) => `item-${index}`);

/** Two replicas under load while a shard splits and one of the children splits again; the first may crash. Returns its number of calls. */
async function splitUnderLoad(
  kind: MemoryFeedKind,
  crash?: Crash,
): Promise<{ calls: number; broken: readonly string[] }> {
  const world = new FeedWorld(kind);
  await world.write(...ITEMS);
  const first = world.start('r0', crash);
  await world.run(100);
  world.start('r1');
  await world.run(2100);
  await world.write(...ITEMS, ...ITEMS);
  world.feed.split('s0');
  await world.write(...ITEMS);
  await world.run(1500);
  world.feed.split('s0.1');
  await world.write(...ITEMS);
  await world.run(1500);
  const { calls } = first;
  await world.settle();
  return { calls, broken: world.broken };
}

test.each(KINDS)(
  'feed with children that are %s: a crash at every call of one replica, while shards split, loses nothing',
  async (kind) => {
    const { calls, broken } = await splitUnderLoad(kind);
    expect(broken).toEqual([]);
    expect(calls).toBeGreaterThan(20);
    for (let call = 1; call <= calls; call += 1)
      for (const when of ['before', 'after'] as const) {
        const run = await splitUnderLoad(kind, { call, when });
        expect({ call, when, broken: run.broken }).toEqual({ call, when, broken: [] });
      }
  },
);

test.each(KINDS)('feed with children that are %s: scaled from one to three and back under load', async (kind) => {
  const world = new FeedWorld(kind, { shards: 4 });
  const one = world.start('r0');
  for (let second = 0; second < 30; second += 1) {
    await world.write(...ITEMS);
    if (second === 5) world.start('r1');
    if (second === 6) world.start('r2');
    if (second === 14) world.feed.split('s2');
    if (second === 15)
      expect([...world.processes.values()].map(({ replica }) => replica.health.shards.length)).not.toContain(0);
    if (second === 20) for (const name of ['r1', 'r2']) void world.processes.get(name)?.replica.stop();
    await world.run(1000);
  }
  await world.settle();
  expect(world.broken).toEqual([]);
  await world.run(3000);
  expect([...one.replica.health.shards].sort()).toEqual([...world.feed.open].sort());
});

test.each(KINDS)(
  'feed with children that are %s: a replica that stood still is refused when it goes on',
  async (kind) => {
    const world = new FeedWorld(kind, { shards: 1 });
    const late = world.start('late');
    await world.run(1500);
    world.start('next');
    await world.run(1500);
    await world.write(...ITEMS);
    // It stands still between a page and the record of it.
    world.answer = () => {
      late.stall();
      world.answer = () => ({ status: 'done' });
      return { status: 'done' };
    };
    await world.run(15_000);
    await world.write(...ITEMS);
    await world.settle();
    expect(world.processes.get('next')?.replica.health.shards).toEqual(['s0']);
    late.wake();
    await world.run(1);
    expect(late.replica.health.shards).toEqual([]);
    await world.write(...ITEMS);
    await world.settle();
    expect(world.broken).toEqual([]);
  },
);

test('a replica that stood still cannot end a shard that another one has taken over', async () => {
  const world = new FeedWorld('named', { shards: 1, pageRecords: 50 });
  const late = world.start('late');
  await world.run(1500);
  world.start('next');
  await world.run(1500);
  await world.write(...ITEMS);
  world.feed.split('s0');
  world.answer = () => {
    late.stall();
    world.answer = () => ({ status: 'done' });
    return { status: 'done' };
  };
  await world.run(15_000);
  late.wake();
  await world.write(...ITEMS);
  await world.settle();
  expect(world.broken).toEqual([]);
});

test('a replica that cannot show that it is alive stops handling before the others take it for dead', async () => {
  const world = new FeedWorld('named', { shards: 1, pageRecords: 1 });
  const silent = world.start('silent');
  await world.run(1500);
  silent.cutOff = true;
  const since = world.clock.now();
  for (let second = 0; second < 4; second += 1) {
    // It handles a page at most, which it cannot record; a handler that fails would have it try on and on.
    world.answer = () => ({ status: 'retry', failedAt: 0 });
    await world.write(...ITEMS);
    await world.run(1000);
  }
  const late = world.handling.filter(({ name, at }) => name === 'silent' && at - since >= WORLD_TIMES.silentMs);
  expect(world.handling.length).toBeGreaterThan(0);
  expect(late).toEqual([]);
  world.answer = () => ({ status: 'done' });
  silent.cutOff = false;
  await world.settle();
  expect(world.broken).toEqual([]);
});

test('a slow store and many shards do not make a replica look dead to another one', async () => {
  const world = new FeedWorld('named', { shards: 16 });
  world.start('slow').latencyMs = 900;
  world.start('fast');
  for (let round = 0; round < 4; round += 1) {
    await world.write(...ITEMS);
    await world.run(3 * WORLD_TIMES.deadMs);
  }
  await world.settle();
  expect([world.broken, world.log.messages('warn')]).toEqual([[], []]);
  expect([...world.processes.values()].map(({ replica }) => replica.health.shards.length)).toEqual([8, 8]);
});

test('replicas that died by the hundred are buried, and what they left is read', async () => {
  const world = new FeedWorld('named');
  const rows = async () => (await world.state.query('feed|test', { limit: 1000, prefix: 'replica:' })).items.length;
  for (let index = 0; index < 300; index += 1)
    await world.state.put({ partition: 'feed|test', id: `replica:dead-${index}`, body: {} }, 'absent');
  world.start('r0');
  await world.write(...ITEMS);
  await world.settle();
  await world.run(2 * WORLD_TIMES.deadMs);
  expect([world.broken, await rows()]).toEqual([[], 1]);
});

test('more shards than the replicas may read at once are said so, once, and read when there are more replicas', async () => {
  const world = new FeedWorld('named', { shards: 6, times: { shards: 2 } });
  world.start('r0');
  await world.write(...ITEMS);
  await world.run(5000);
  const SAID = 'the change stream has more shards than its replicas read: add replicas';
  expect([world.processes.get('r0')?.replica.health.shards.length, world.log.messages('error')]).toEqual([2, [SAID]]);
  for (const name of ['r1', 'r2']) world.start(name);
  await world.settle();
  expect(world.broken).toEqual([]);
});

test('what a handler fails on comes again from there, and a store that is away ends nothing', async () => {
  const world = new FeedWorld('named', { shards: 1, pageRecords: 5 });
  world.start('r0');
  let failures = 0;
  world.answer = (records) => {
    failures += 1;
    if (failures % 3 === 0) throw new Error('the bus is away');
    return failures < 12 && records.length > 1 ? { status: 'retry', failedAt: 1 } : { status: 'done' };
  };
  for (let round = 0; round < 5; round += 1) await world.write(...ITEMS);
  await world.settle(200_000);
  expect(world.broken).toEqual([]);
});

const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);

test.each(KINDS)(
  'feed with children that are %s: 40 seeded histories of crashes, stalls, stops, starts and splits',
  async (kind) => {
    for (const seed of SEEDS) {
      const random = seeded(seed);
      const world = new FeedWorld(kind, { shards: 1 + random.below(3), pageRecords: 1 + random.below(4) });
      let names = 0;
      const start = () => world.start(`r${names++}`);
      start();
      for (let step = 0; step < 25; step += 1) {
        await world.write(...ITEMS.filter(() => random.chance(0.5)));
        const live = [...world.processes.values()].filter(({ dead, stalled }) => !dead && stalled === undefined);
        const some = live.length > 0 ? random.pick(live) : undefined;
        const action = random.below(8);
        if (action === 0 || live.length === 0) start();
        else if (action === 1) some?.kill();
        else if (action === 2) some?.stall();
        else if (action === 3) void some?.replica.stop().then(() => some.kill());
        else if (action === 4 && world.feed.open.length < 12) world.feed.split(random.pick(world.feed.open));
        else if (action === 5) for (const process of world.processes.values()) process.wake();
        await world.run(random.below(4000));
      }
      for (const process of world.processes.values()) process.wake();
      start();
      await world.settle();
      expect({ seed, broken: world.broken }).toEqual({ seed, broken: [] });
    }
  },
);
