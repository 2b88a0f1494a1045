// One seeded history: faults, clients and operators on the world, and the invariants that must hold after each step and at the end.
import { LEASE } from '../../core/cell/lease.ts';
import type { TestCell } from '../support/cell.ts';
import { candidate } from '../support/events.ts';
import { START } from '../support/fake-clock.ts';
import { type Random, seeded } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { CELL_IDS, CELLS, type CellId, type Mutant, type Place, ROUTERS, TENANTS, type Way } from './setting.ts';
import { World } from './world.ts';

/** Something that goes wrong, from an instant on, for a while; in milliseconds since the beginning. */
export interface Fault {
  readonly at: number;
  readonly forMs: number;
  readonly what:
    | { readonly kind: 'way'; readonly from: Place | '*'; readonly to: readonly Place[]; readonly way: Way }
    | { readonly kind: 'skew'; readonly place: Place; readonly byMs: number }
    | { readonly kind: 'stop'; readonly place: Place }
    | { readonly kind: 'cache-behind'; readonly byMs: number }
    /** A cell and one router are cut off from all the rest, and reach each other. */
    | { readonly kind: 'island'; readonly cell: CellId; readonly router: (typeof ROUTERS)[number] }
    | { readonly kind: 'platform'; readonly cell: CellId }
    | { readonly kind: 'slow-store'; readonly cell: CellId; readonly byMs: number }
    | { readonly kind: 'unsure-bus' }
    | { readonly kind: 'operator'; readonly does: 'fail-over' | 'fail-back'; readonly cell: CellId };
}

export interface Violation {
  readonly atMs: number;
  readonly invariant: string;
  readonly detail: string;
}

const LENGTH_MS = 60_000;
/** With an island: until the lease of its cell is over, and its standby has had effects. */
const ISLAND_MS = 130_000;
/** Whatever changes, an effect that has begun may take this long before another cell begins one. */
const EFFECT_MS = LEASE.effectMs;
/** After the faults: everything is healed, and operators fail back what is down. */
const CALM_MS = 20_000;
const EVERY_MS = 500;
/** A tenant with a cell that all can reach is served within this; two tries of a request are part of it. */
const SERVED_WITHIN_MS = 12_000;

/** The faults of a seed. */
export function faultsOf(seed: number): readonly Fault[] {
  const random = seeded(seed);
  return Array.from({ length: 1 + random.below(5) }, () => ({
    at: 5000 + random.below(30_000),
    forMs: 2000 + random.below(25_000),
    what: faultOf(random),
  }))
    .map((fault) => (fault.what.kind === 'island' ? { ...fault, at: 6000, forMs: ISLAND_MS - 10_000 } : fault))
    .sort((a, b) => a.at - b.at);
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
const disturbs = ({ what }: Fault, cell: CellId): boolean =>
  what.kind === 'stop' ||
  (what.kind === 'way' && (what.to.includes(cell) || what.to.includes('directory'))) ||
  ((what.kind === 'island' || what.kind === 'platform' || what.kind === 'slow-store') && what.cell === cell);

/** Plays a history; resolves with the first violation, or `undefined`. */
export async function play(seed: number, faults: readonly Fault[], mutant?: Mutant): Promise<Violation | undefined> {
  const scheduler = new Scheduler();
  const random = seeded(seed ^ 0x5eed);
  const world = new World(scheduler, random, mutant);
  let violation: Violation | undefined;
  const elapsed = () => scheduler.now - START;
  const lengthMs = faults.some(({ what }) => what.kind === 'island') ? ISLAND_MS : LENGTH_MS;
  const violate = (invariant: string, detail: string) => {
    violation ??= { atMs: Math.round(elapsed()), invariant, detail };
  };
  /** Tenant → cell → when it last began an effect. */
  const effects = new Map<string, Map<CellId, number>>();
  world.onEffect = ({ tenant, cell, begun }) => {
    const known = effects.get(tenant) ?? new Map<CellId, number>();
    for (const [other, at] of known)
      if (other !== cell && Math.abs(begun - at) < EFFECT_MS)
        violate('effects happen in one cell at a time', `${tenant} in ${other}, and ${begun - at} ms later in ${cell}`);
    effects.set(tenant, known.set(cell, begun));
  };
  await world.setUp();
  world.startMonitor();
  for (const cell of world.cells.values()) work(scheduler, cell, () => elapsed() < lengthMs + CALM_MS + 9000);
  for (const fault of faults) inject(world, fault);

  const active = (at: number) => faults.filter((fault) => fault.at <= at && at < fault.at + fault.forMs);
  const acknowledged: { readonly tenant: string; readonly id: string; readonly cell: CellId }[] = [];
  /** Tenant and cell → the highest epoch that was seen there. */
  const lastServed = new Map<string, number>();
  let count = 0;
  const ask = (tenant: string) => {
    if (elapsed() >= lengthMs + CALM_MS) return;
    count += 1;
    const id = `e${count}`;
    const router = random.pick(ROUTERS);
    const body = JSON.stringify(candidate({ id }));
    const headers = {
      authorization: `Bearer tenant:${tenant}`,
      'content-type': 'application/cloudevents+json',
      'content-length': String(body.length),
    };
    const handle = world.routers.get(router);
    void handle?.(new Request('https://edge.example/v1/events', { method: 'POST', headers, body })).then((response) => {
      if (response.status === 500) violate('clients get answers of cells and of the edge alone', `${tenant} got a 500`);
      if (response.status !== 202) return;
      acknowledged.push({ tenant, id, cell: response.headers.get('x-polycell-cell') as CellId });
      lastServed.set(tenant, scheduler.now);
    });
    scheduler.after(EVERY_MS, () => ask(tenant));
  };
  for (const tenant of Object.keys(TENANTS)) {
    lastServed.set(tenant, START);
    scheduler.after(1000 + random.below(EVERY_MS), () => ask(tenant));
  }

  /** Since when a cell could serve all tenants, for all that the faults do to it. */
  const wellSince = (cell: CellId, at: number): number =>
    Math.max(
      0,
      ...faults
        .filter((fault) => disturbs(fault, cell) && fault.at <= at)
        .map((fault) => Math.min(at, fault.at + fault.forMs)),
    );
  const operated = faults.some(({ what }) => what.kind === 'operator');
  const check = () => {
    const at = elapsed();
    const [relapse] = world.relapses;
    if (relapse !== undefined) violate('a cell serves no older epoch', relapse);
    if (at < 8000) return;
    for (const [tenant, { home, standby }] of Object.entries(TENANTS)) {
      const since = Math.max(
        lastServed.get(tenant) ?? START,
        START + Math.min(wellSince(home, at), wellSince(standby, at)),
      );
      // An operator may leave a tenant unserved on purpose; and a cell that is slow as well as its way is counted as disturbed.
      if (!operated || at > lengthMs + SERVED_WITHIN_MS)
        if (scheduler.now - since > SERVED_WITHIN_MS)
          violate('every tenant that can be served is served', `${tenant} for ${scheduler.now - since} ms`);
    }
  };
  await scheduler.runUntil(START + lengthMs, check);
  for (const { cell } of await world.directory.cells())
    if (cell.state === 'down') await world.command({ kind: 'fail-back', cell: cell.id });
  await scheduler.runUntil(START + lengthMs + CALM_MS + 10_000, () => undefined);
  if (active(elapsed()).length > 0) throw new RangeError('A fault outlasts its history.');

  // No healthy cell that all can reach is failed over by the monitor, however slow it is.
  for (const { actor, outcome, command, at } of (await world.directory.audit({ limit: 100 })).items) {
    if (actor !== 'monitor' || outcome !== 'applied' || command.kind !== 'fail-over') continue;
    const when = Date.parse(at) - START;
    const lost = faults.some(
      ({ at: from, forMs, what }) =>
        ((what.kind === 'way' && what.way.how !== 'slow' && what.to.includes(command.cell as CellId)) ||
          ((what.kind === 'island' || what.kind === 'platform') && what.cell === command.cell)) &&
        from <= when &&
        when <= from + forMs + 6000,
    );
    // Three cells that do not answer take all connections of the monitor: there is none left for late answers (ADR 0032).
    const crowded = faults.some(
      ({ at: from, forMs, what }) =>
        what.kind === 'way' &&
        what.way.how === 'silent' &&
        what.to.length > 1 &&
        from <= when &&
        when <= from + forMs + 6000,
    );
    if (!lost && !crowded) violate('a cell that answers is not failed over', `${command.cell} at ${when} ms`);
  }
  await checkLogs(world, acknowledged, violate);
  return violation;
}

async function checkLogs(
  world: World,
  acknowledged: readonly { readonly tenant: string; readonly id: string; readonly cell: CellId }[],
  violate: (invariant: string, detail: string) => void,
): Promise<void> {
  for (const [id, cell] of world.cells) {
    for (const tenant of Object.keys(TENANTS)) {
      const claims = {
        ten: tenant,
        cel: id,
        epo: 2 ** 40,
        iat: Math.floor(cell.clock.now() / 1000),
        exp: Math.floor(cell.clock.now() / 1000) + 60,
      };
      const logged = await cell.call('/v1/devices/pump-1/readings?limit=1000', { token: { claims } });
      const found = ((logged.body.items ?? []) as unknown as { id: string }[]).map((event) => event.id);
      const mine = acknowledged.filter((event) => event.cell === id && event.tenant === tenant);
      const missing = mine.filter((event) => !found.includes(event.id));
      if (missing.length > 0) violate('no acknowledged event is lost', `${missing.length} of ${tenant} in ${id}`);
      if (new Set(found).size !== found.length) violate('no event is stored twice', `${tenant} in ${id}`);
      const rollups = await cell.call('/v1/devices/pump-1/rollups?limit=1000', { token: { claims } });
      const counted = ((rollups.body.items ?? []) as unknown as { count: number }[]).reduce(
        (sum, each) => sum + each.count,
        0,
      );
      if (counted !== found.length)
        violate('every event is counted once', `${tenant} in ${id}: ${counted} of ${found.length}`);
    }
  }
}

/** A cell works on what it has, once a second. */
function work(scheduler: Scheduler, cell: TestCell, goesOn: () => boolean): void {
  const round = () => {
    if (!goesOn()) return;
    void cell.pump(1).then(() => scheduler.after(1000, round));
  };
  scheduler.after(1000, round);
}

function inject(world: World, { at, forMs, what }: Fault): void {
  const { scheduler, ways } = world;
  const during = (begin: () => void, end: () => void) => {
    scheduler.at(START + at, begin);
    scheduler.at(START + at + forMs, end);
  };
  switch (what.kind) {
    case 'way':
      for (const to of what.to)
        during(
          () => ways.set(`${what.from} ${to}`, what.way),
          () => ways.delete(`${what.from} ${to}`),
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
          world.cacheDelayMs = what.byMs;
        },
        () => {
          world.cacheDelayMs = 0;
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
          () => ways.set(way, { how: 'silent' }),
          () => ways.delete(way),
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

/** Removes faults as long as the history still violates the invariant: what is left is what it takes. */
export async function shrink(
  seed: number,
  faults: readonly Fault[],
  invariant: string,
  mutant?: Mutant,
): Promise<readonly Fault[]> {
  let smallest = faults;
  for (let index = 0; index < smallest.length; ) {
    const fewer = smallest.filter((_, at) => at !== index);
    if ((await play(seed, fewer, mutant))?.invariant === invariant) smallest = fewer;
    else index += 1;
  }
  return smallest;
}
