// Registers: what two cells keep of the same writes is equal, whatever order they come in and whatever their clocks say.
import fc from 'fast-check';
import { parseTime } from '../../../core/events/time.ts';
import { epochMs } from '../../../core/ports/clock.ts';
import {
  basisOf,
  collisionsOf,
  EMPTY,
  hybridTime,
  type Item,
  isBefore,
  joined,
  newestOf,
  type Stamp,
  valuesOf,
  written,
} from '../../../core/replication/registers.ts';
import { property } from '../../support/properties.ts';

const stamp = (epoch: number, time: string, origin = 'a', identity = 'x'): Stamp => ({
  epoch,
  position: `2026-11-21T07:41:${time}!${identity}`,
  origin,
});
const set = (fields: Record<string, string | null>, at: Stamp, basis?: string) => written({ fields, basis }, at);
const remove = (at: Stamp, basis?: string) => written({ removed: true, basis }, at);

test('the epoch decides first, then the time, then the cell, then the identity', () => {
  const inOrder = [
    stamp(1, '59', 'b', 'z'),
    stamp(2, '01', 'a', 'y'),
    stamp(2, '01', 'a', 'z'),
    stamp(2, '01', 'b', 'a'),
    stamp(2, '01.000001', 'a', 'a'),
    stamp(2, '02', 'a', 'a'),
  ];
  for (const [index, a] of inOrder.entries())
    for (const [other, b] of inOrder.entries()) expect(isBefore(a, b)).toBe(index < other);
});

test('a removal and a write are in one order: what the cell of a later epoch did stands, though its clock is behind', () => {
  const before = set({ name: 'x', site: 'y' }, stamp(1, '50', 'a'));
  const removed = joined(before, remove(stamp(2, '10', 'b')));
  expect(valuesOf(removed)).toBeUndefined();
  expect(valuesOf(joined(removed, set({ site: 'z' }, stamp(1, '59', 'a'))))).toBeUndefined();
  expect(valuesOf(joined(removed, set({ site: 'z' }, stamp(2, '11', 'b'))))).toEqual({ site: 'z' });
});

test('the time of a write is behind all that the item shows of its epoch, and the clock’s where an earlier epoch is ahead', () => {
  const now = epochMs(Date.parse('2026-11-21T07:41:30Z'));
  expect(hybridTime(EMPTY, 1, now)).toBe('2026-11-21T07:41:30.000Z');
  expect(hybridTime(set({ a: 'x' }, stamp(1, '30')), 1, now)).toBe('2026-11-21T07:41:30.000001Z');
  expect(hybridTime(set({ a: 'x' }, stamp(1, '59.999999')), 1, now)).toBe('2026-11-21T07:42:00.000Z');
  expect(hybridTime(remove(stamp(1, '40.123456789')), 1, now)).toBe('2026-11-21T07:41:40.123457Z');
  expect(hybridTime(set({ a: 'x' }, stamp(1, '59')), 2, now)).toBe('2026-11-21T07:41:30.000Z');
});

describe('a collision', () => {
  const base = set({ name: 'x' }, stamp(1, '01', 'a'), 'none');
  const lost = set({ name: 'from a', site: 's' }, stamp(1, '05', 'a'), 'none');

  test('is a write that lost against one which had not seen it, whichever came first', () => {
    const won = set({ name: 'from b' }, stamp(2, '03', 'b'), basisOf(base, 'b'));
    const expected = [{ loser: stamp(1, '05', 'a'), winner: stamp(2, '03', 'b'), fields: ['name'] }];
    expect(collisionsOf(joined(base, won), lost)).toEqual(expected);
    expect(collisionsOf(joined(base, lost), won)).toEqual(expected);
  });

  test('is found behind a later write of the same cell, too', () => {
    const once = joined(base, set({ name: 'from b' }, stamp(2, '03', 'b'), basisOf(base, 'b')));
    const twice = joined(once, set({ name: 'b again' }, stamp(2, '04', 'b'), basisOf(once, 'b')));
    expect(collisionsOf(twice, lost)).toMatchObject([{ winner: stamp(2, '04', 'b'), fields: ['name'] }]);
  });

  test('is none where the winner had seen the loser, where both are one cell’s, and where both say the same', () => {
    const seen = joined(base, lost);
    expect(collisionsOf(seen, set({ name: 'y' }, stamp(2, '06', 'b'), basisOf(seen, 'b')))).toEqual([]);
    expect(collisionsOf(base, set({ name: 'y' }, stamp(1, '06', 'a'), 'none'))).toEqual([]);
    expect(collisionsOf(lost, set({ name: 'from a' }, stamp(2, '06', 'b'), 'none'))).toEqual([]);
    // What a client posts itself does not say what it had seen.
    expect(collisionsOf(lost, set({ name: 'y' }, stamp(2, '06', 'b')))).toEqual([]);
  });

  test('is a removal that had not seen a write, and a write that had not seen a removal', () => {
    expect(collisionsOf(lost, remove(stamp(2, '03', 'b'), basisOf(base, 'b')))).toEqual([
      { loser: stamp(1, '05', 'a'), winner: stamp(2, '03', 'b'), fields: ['name', 'site'] },
    ]);
    const removed = remove(stamp(1, '05', 'a'), 'none');
    expect(collisionsOf(removed, set({ name: 'y' }, stamp(2, '03', 'b'), 'none'))).toMatchObject([
      { loser: stamp(1, '05', 'a') },
    ]);
  });
});

const NAMES = ['name', 'site'] as const;
const writes: fc.Arbitrary<Item> = fc
  .record({
    epoch: fc.integer({ min: 1, max: 3 }),
    second: fc.nat({ max: 3 }),
    fields: fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom('x', 'y', null)),
    removed: fc.boolean(),
    identity: fc.constantFrom('k', 'l', 'm'),
  })
  .map(({ epoch, second, fields, removed, identity }) => {
    // One event says one thing: what it says follows from its identity and its stamp.
    const at = stamp(epoch, `0${second}`, epoch === 2 ? 'b' : 'a', identity + Object.entries(fields).sort() + removed);
    return removed ? remove(at) : set(fields as Record<string, string | null>, at);
  });

property(
  'writes in any order, grouping and number make one item',
  fc.tuple(fc.array(writes, { maxLength: 8 }), fc.array(fc.nat({ max: 7 }), { maxLength: 16 }), fc.nat({ max: 8 })),
  ([all, order, cut]) => {
    const straight = all.reduce(joined, EMPTY);
    const shuffled = [...order.flatMap((index) => all[index] ?? []), ...[...all].reverse()];
    expect(shuffled.reduce(joined, EMPTY)).toEqual(straight);
    const part = shuffled.slice(0, cut).reduce(joined, EMPTY);
    const rest = shuffled.slice(cut).reduce(joined, EMPTY);
    expect(joined(part, rest)).toEqual(straight);
    expect(joined(rest, part)).toEqual(straight);
    expect(joined(straight, straight)).toEqual(straight);
  },
  500,
);

/** What happens to a tenant’s two cells: a write at one of them, a failover, or that one gets some of the other’s writes. */
const happenings = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('write' as const), name: fc.constantFrom(...NAMES), seconds: fc.nat({ max: 2 }) }),
    fc.record({ kind: fc.constant('remove' as const), seconds: fc.nat({ max: 2 }) }),
    fc.record({ kind: fc.constant('failover' as const) }),
    // Only the cell that serves no more: a router that is cut off goes on with the epoch before.
    fc.record({ kind: fc.constant('cut off' as const), name: fc.constantFrom(...NAMES) }),
    fc.record({ kind: fc.constant('replicate' as const), share: fc.constantFrom(2, 1) }),
  ),
  { maxLength: 24 },
);

property(
  'two cells with epochs and clocks that differ agree once each has the other’s writes, and the last write of the home stands in its own eyes',
  fc.tuple(happenings, fc.integer({ min: -90, max: 90 })),
  ([all, skewSeconds]) => {
    const cells = ['a', 'b'].map((id, index) => ({
      id,
      skew: index * skewSeconds * 1000,
      item: EMPTY,
      log: [] as Item[],
    }));
    let epoch = 1;
    let now = Date.parse('2026-11-21T07:30:00Z');
    let serial = 0;
    const accept = (index: number, under: number, name?: string) => {
      const cell = cells[index % 2];
      if (cell === undefined) throw new Error('There are two cells.');
      serial += 1;
      const time = hybridTime(cell.item, under, epochMs(now + cell.skew));
      const at = { epoch: under, position: `${parseTime(time)?.sortKey}!${serial}`, origin: cell.id };
      const basis = basisOf(cell.item, cell.id);
      const event = name === undefined ? remove(at, basis) : set({ [name]: `v${serial}` }, at, basis);
      cell.log.push(event);
      cell.item = joined(cell.item, event);
      // Read your writes: unless the cell knows a later epoch than that of its router.
      if ((newestOf(cell.item)?.epoch ?? 0) <= under)
        expect(valuesOf(cell.item)?.[name ?? '']).toBe(name === undefined ? undefined : `v${serial}`);
    };
    for (const each of all) {
      now += 'seconds' in each ? each.seconds * 1000 : 0;
      if (each.kind === 'write') accept(epoch, epoch, each.name);
      else if (each.kind === 'remove') accept(epoch, epoch);
      else if (each.kind === 'cut off') accept(epoch + 1, Math.max(1, epoch - 1), each.name);
      else if (each.kind === 'failover') epoch += 1;
      else
        for (const [index, cell] of cells.entries()) {
          const other = cells[1 - index]?.log ?? [];
          cell.item = other.filter((_, at) => at % each.share === 0).reduce(joined, cell.item);
        }
    }
    const [a, b] = cells.map(({ item }, index) => (cells[1 - index]?.log ?? []).reduceRight(joined, item));
    expect(a).toEqual(b);
    expect(cells.flatMap(({ log }) => log).reduce(joined, EMPTY)).toEqual(a);
  },
  500,
);
