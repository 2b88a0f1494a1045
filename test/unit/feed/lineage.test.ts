// Which shards a replica may read, takes and gives back.
import fc from 'fast-check';
import { assign, forgettable, readable, type ShardState } from '../../../core/feed/lineage.ts';

const SEED = 20_261_127;

const shard = (id: string, more: Partial<ShardState> = {}): ShardState => ({
  id,
  parents: [],
  ended: false,
  owner: undefined,
  ...more,
});

const take = (shards: readonly ShardState[], alive: readonly string[], me: string, most = 32) =>
  assign({ shards, alive, me, most });

describe('a shard may be read', () => {
  test('once every parent that is known has ended, and not after its own end', () => {
    const shards = [
      shard('old', { ended: true }),
      shard('open'),
      shard('child of old', { parents: ['old'] }),
      shard('child of open', { parents: ['open'] }),
      shard('merged', { parents: ['old', 'open'] }),
      shard('child of one that is gone', { parents: ['gone'] }),
    ];
    expect(readable(shards).map(({ id }) => id)).toEqual(['open', 'child of old', 'child of one that is gone']);
  });

  test('an ended shard is forgotten once the feed does not name it and no open one came out of it', () => {
    const shards = [
      shard('a', { ended: true }),
      shard('b', { ended: true, parents: ['a'] }),
      shard('c', { parents: ['b'] }),
    ];
    expect(forgettable(shards, [])).toEqual(['a']);
    expect(forgettable(shards, ['a'])).toEqual([]);
  });
});

describe('a replica', () => {
  test('takes free shards and those of the dead up to its fair share, and leaves those of the living', () => {
    const shards = [shard('a', { owner: 'dead' }), shard('b'), shard('c', { owner: 'other' }), shard('d')];
    expect(take(shards, ['me', 'other'], 'me')).toEqual({ take: ['a', 'b'], release: [] });
    expect(take(shards, ['me'], 'me').take).toHaveLength(4);
  });

  test('gives back what it has beyond its share when another one comes', () => {
    const shards = ['a', 'b', 'c', 'd'].map((id) => shard(id, { owner: 'me' }));
    expect(take(shards, ['me', 'new'], 'me')).toEqual({ take: [], release: ['c', 'd'] });
    expect(take(shards, ['me', 'new'], 'new')).toEqual({ take: [], release: [] });
  });

  test('of two with equal shares the first gives one to a third that has none', () => {
    const shards = [
      ...['a', 'b'].map((id) => shard(id, { owner: 'one' })),
      ...['c', 'd'].map((id) => shard(id, { owner: 'two' })),
    ];
    const alive = ['one', 'two', 'three'];
    expect(alive.map((me) => take(shards, alive, me))).toEqual([
      { take: [], release: ['b'] },
      { take: [], release: [] },
      { take: [], release: [] },
    ]);
  });

  test('keeps the only shard when a second replica comes', () => {
    const shards = [shard('a', { owner: 'me' })];
    expect(take(shards, ['me', 'a-second'], 'me')).toEqual({ take: [], release: [] });
    expect(take(shards, ['me', 'a-second'], 'a-second')).toEqual({ take: [], release: [] });
  });

  test('takes no more than it can read at once', () => {
    const shards = Array.from({ length: 50 }, (_, index) => shard(`s${index}`));
    expect(take(shards, ['me'], 'me', 32).take).toHaveLength(32);
    const held = shards.map((each, index) => (index < 32 ? { ...each, owner: 'me' } : each));
    expect(take(held, ['me'], 'me', 32)).toEqual({ take: [], release: [] });
  });

  test(`from any state, rounds in any order come to rest with all shards read, and shares that differ by one at most (seed ${SEED})`, () => {
    const states = fc.record({
      owners: fc.array(fc.constantFrom(undefined, 'r0', 'r1', 'r2', 'r3', 'dead'), { minLength: 1, maxLength: 12 }),
      replicas: fc.integer({ min: 1, max: 4 }),
      order: fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
    });
    const property = fc.property(states, ({ owners, replicas, order }) => {
      const alive = Array.from({ length: replicas }, (_, index) => `r${index}`);
      let shards = owners.map((owner, index) => shard(`s${index}`, { owner }));
      let quiet = 0;
      for (let round = 0; quiet < replicas && round < 200; round += 1) {
        // Each replica has its turn, in an order of its own each time.
        const turn = (round + (order[Math.floor(round / replicas) % order.length] ?? 0)) % replicas;
        const me = alive[turn] ?? '';
        const { take: taken, release } = take(shards, alive, me);
        quiet = taken.length + release.length === 0 ? quiet + 1 : 0;
        shards = shards.map((each) =>
          taken.includes(each.id)
            ? { ...each, owner: me }
            : release.includes(each.id)
              ? { ...each, owner: undefined }
              : each,
        );
      }
      const counts = alive.map((replica) => shards.filter(({ owner }) => owner === replica).length);
      return (
        shards.every(({ owner }) => owner !== undefined && alive.includes(owner)) &&
        Math.max(...counts) - Math.min(...counts) <= 1
      );
    });
    fc.assert(property, { seed: SEED, numRuns: 300 });
  });
});
