// The faults of a seeded history: what may go wrong, and how it is brought about in the world.
import { START } from '../support/fake-clock.ts';
import { type Random, seeded } from './random.ts';
import { CELL_IDS, CELLS, type CellId, type Place, ROUTERS, type Way } from './setting.ts';
import type { World } from './world.ts';

/** Something that goes wrong, from an instant on, for a while; in milliseconds since the beginning. */
export interface Fault {
  readonly at: number;
  readonly forMs: number;
  readonly what:
    | { readonly kind: 'way'; readonly from: Place | '*'; readonly to: readonly Place[]; readonly way: Way }
    | { readonly kind: 'skew'; readonly place: Place; readonly byMs: number }
    | { readonly kind: 'stop'; readonly place: Place }
    | { readonly kind: 'cache-behind'; readonly byMs: number }
    /** Writes to the read cache take up to so long. */
    | { readonly kind: 'slow-writes'; readonly byMs: number }
    /** Clients send part of their body, and no more. */
    | { readonly kind: 'slow-bodies' }
    /** A cell and one router are cut off from all the rest, and reach each other. */
    | { readonly kind: 'island'; readonly cell: CellId; readonly router: (typeof ROUTERS)[number] }
    | { readonly kind: 'platform'; readonly cell: CellId }
    | { readonly kind: 'slow-store'; readonly cell: CellId; readonly byMs: number }
    | { readonly kind: 'unsure-bus' }
    | { readonly kind: 'operator'; readonly does: 'fail-over' | 'fail-back'; readonly cell: CellId };
}

/** With an island: until the lease of its cell is over, and its standby has had effects. */
export const ISLAND_MS = 130_000;

/** The faults of a seed. */
export function faultsOf(seed: number): readonly Fault[] {
  const random = seeded(seed);
  return Array.from({ length: 1 + random.below(5) }, () => ({
    at: 5000 + random.below(30_000),
    forMs: 2000 + random.below(25_000),
    what: faultOf(random),
  }))
    .map((fault) => (fault.what.kind === 'island' ? { ...fault, at: 6000, forMs: ISLAND_MS - 10_000 } : fault))
    .concat(moreFaultsOf(seed))
    .sort((a, b) => a.at - b.at);
}

/** Faults that came later, drawn apart, so that the histories of earlier seeds stay what they were. */
function moreFaultsOf(seed: number): readonly Fault[] {
  const random = seeded(seed ^ 0x1a7e);
  const faults: Fault[] = [];
  const lost: Way = { how: random.chance(0.7) ? 'refused' : 'silent' };
  if (random.chance(0.1))
    faults.push({
      at: 0,
      forMs: 1500 + random.below(3000),
      what: { kind: 'way', from: '*', to: ['issuer'], way: lost },
    });
  if (random.chance(0.1))
    faults.push({ at: 10_000 + random.below(20_000), forMs: 10_000, what: { kind: 'slow-bodies' } });
  if (random.chance(0.1)) {
    // Two changes of one cell, the second while the first is still being written.
    const [cell, at] = [random.pick(CELL_IDS), 8000 + random.below(20_000)];
    faults.push(
      { at: 5000, forMs: 50_000, what: { kind: 'slow-writes', byMs: 10_000 + random.below(6000) } },
      { at, forMs: 1, what: { kind: 'operator', does: 'fail-over', cell } },
      { at: at + 1000 + random.below(5000), forMs: 1, what: { kind: 'operator', does: 'fail-back', cell } },
    );
  }
  return faults;
}

function faultOf(random: Random): Fault['what'] {
  const cell = random.pick(CELL_IDS);
  const lost: Way = { how: random.chance(0.7) ? 'refused' : 'silent' };
  switch (random.below(13)) {
    case 0:
      return { kind: 'way', from: '*', to: [cell], way: lost };
    case 1: {
      const cloud = random.pick(['aws', 'azure'] as const);
      return { kind: 'way', from: '*', to: CELL_IDS.filter((id) => CELLS[id] === cloud), way: lost };
    }
    case 2:
      return { kind: 'way', from: 'monitor', to: [...new Set([cell, random.pick(CELL_IDS)])], way: { how: 'silent' } };
    case 3:
      return { kind: 'way', from: random.pick(ROUTERS), to: ['directory', 'cache'], way: { how: 'silent' } };
    case 4:
      return { kind: 'way', from: '*', to: [cell], way: { how: 'slow', extraMs: 1100 + random.below(1200) } };
    case 5:
      return { kind: 'skew', place: random.pick([...CELL_IDS, ...ROUTERS]), byMs: random.below(4000) - 2000 };
    case 6:
      return { kind: 'stop', place: 'monitor' };
    case 9:
      return { kind: 'island', cell, router: random.pick(ROUTERS) };
    case 10:
      return { kind: 'platform', cell };
    case 11:
      return { kind: 'slow-store', cell, byMs: 100 + random.below(600) };
    case 12:
      return { kind: 'unsure-bus' };
    case 7:
      return { kind: 'cache-behind', byMs: random.below(60_000) };
    default:
      return { kind: 'operator', does: random.chance(0.6) ? 'fail-over' : 'fail-back', cell };
  }
}

/** Whether the faults leave the way from routers and monitor to a cell, and to what reports on it, as it should be. */
export const disturbs = ({ what }: Fault, cell: CellId): boolean =>
  what.kind === 'stop' ||
  (what.kind === 'way' && (what.to.includes(cell) || what.to.includes('directory'))) ||
  ((what.kind === 'island' || what.kind === 'platform' || what.kind === 'slow-store') && what.cell === cell);

const CUT: Way = { how: 'silent' };

/** Brings a fault about, and ends it. */
export function inject(world: World, { at, forMs, what }: Fault): void {
  const { scheduler, ways } = world;
  const during = (begin: () => void, end: () => void) => {
    scheduler.at(START + at, begin);
    scheduler.at(START + at + forMs, end);
  };
  switch (what.kind) {
    case 'way':
      for (const to of what.to)
        during(
          () => ways.begin(`${what.from} ${to}`, what.way),
          () => ways.end(`${what.from} ${to}`, what.way),
        );
      return;
    case 'skew':
      during(
        () => {
          world.clock(what.place).skewMs = what.byMs;
        },
        () => {
          world.clock(what.place).skewMs = 0;
        },
      );
      return;
    case 'stop':
      scheduler.at(START + at, () => {
        world.clock(what.place).stoppedUntil = START + at + Math.min(forMs, 8000);
      });
      return;
    case 'cache-behind':
      during(
        () => {
          world.cache.delayMs = what.byMs;
        },
        () => {
          world.cache.delayMs = 0;
        },
      );
      return;
    case 'slow-writes':
      during(
        () => {
          world.cache.writeMs = what.byMs;
        },
        () => {
          world.cache.writeMs = 0;
        },
      );
      return;
    case 'slow-bodies':
      during(
        () => {
          world.hasSlowClients = true;
        },
        () => {
          world.hasSlowClients = false;
        },
      );
      return;
    case 'island': {
      const outside = ['monitor', ...ROUTERS.filter((each) => each !== what.router)] as const;
      const broken = [
        ...[...outside, ...CELL_IDS].map((from) => `${from} ${what.cell}`),
        ...CELL_IDS.map((to) => `${what.cell} ${to}`),
        `${what.cell} directory`,
        `${what.router} directory`,
        `${what.router} cache`,
      ];
      for (const way of broken)
        during(
          () => ways.begin(way, CUT),
          () => ways.end(way, CUT),
        );
      return;
    }
    case 'platform':
      during(
        () => world.failing.add(what.cell),
        () => world.failing.delete(what.cell),
      );
      return;
    case 'slow-store':
      during(
        () => world.storeMs.set(what.cell, what.byMs),
        () => world.storeMs.delete(what.cell),
      );
      return;
    case 'unsure-bus':
      during(
        () => {
          world.isBusUnsure = true;
        },
        () => {
          world.isBusUnsure = false;
        },
      );
      return;
    case 'operator':
      scheduler.at(START + at, () => void world.command({ kind: what.does, cell: what.cell }));
  }
}
