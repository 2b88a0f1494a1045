// One seeded history: faults, clients and operators on the world, and the invariants that must hold after each step and at the end.
import { LEASE } from '../../core/cell/lease.ts';
import type { TestCell } from '../support/cell.ts';
import { candidate } from '../support/events.ts';
import { START } from '../support/fake-clock.ts';
import { disturbs, type Fault, ISLAND_MS, inject } from './faults.ts';
import { seeded } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { type CellId, type Mutant, ROUTERS, TENANTS } from './setting.ts';
import { slowRequest } from './slow-client.ts';
import { World } from './world.ts';

export interface Violation {
  readonly atMs: number;
  readonly invariant: string;
  readonly detail: string;
}

const LENGTH_MS = 60_000;
/** Whatever changes, an effect that has begun may take this long before another cell begins one. */
const EFFECT_MS = LEASE.effectMs;
/** After the faults: everything is healed, and operators fail back what is down. */
const CALM_MS = 20_000;
const EVERY_MS = 500;
/** One of so many requests is followed by one whose body does not come, while clients are slow. */
const SLOW_EVERY = 8;
/** A tenant with a cell that all can reach is served within this; two tries of a request are part of it. */
const SERVED_WITHIN_MS = 12_000;

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
    if (world.hasSlowClients && count % SLOW_EVERY === 0) void askSlowly(handle, tenant);
    scheduler.after(EVERY_MS, () => ask(tenant));
  };
  /** Whether nothing else has been wrong for a while. */
  const isCalm = (since: number) =>
    faults.every(
      ({ at, forMs, what }) => what.kind === 'slow-bodies' || at > elapsed() || at + forMs + SERVED_WITHIN_MS < since,
    );
  const askSlowly = async (handle: ((request: Request) => Promise<Response>) | undefined, tenant: string) => {
    const since = elapsed();
    const response = await handle?.(slowRequest(tenant));
    if (response?.status !== 408 && isCalm(since))
      violate('a client that sends slowly gets an answer that says so', `${tenant} got ${response?.status}`);
  };
  for (const tenant of Object.keys(TENANTS)) {
    lastServed.set(tenant, START);
    scheduler.after(1000 + random.below(EVERY_MS), () => ask(tenant));
  }

  /** Islands with all routers leave none that could learn of another cell. */
  const allCut = ROUTERS.every((router) => faults.some(({ what }) => what.kind === 'island' && what.router === router));
  /** Since when a cell could serve all tenants, for all that the faults do to it. */
  const wellSince = (cell: CellId, at: number): number =>
    Math.max(
      0,
      ...faults
        .filter((fault) => (disturbs(fault, cell) || (allCut && fault.what.kind === 'island')) && fault.at <= at)
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
  for (const { cell } of await world.directory.cells())
    if (world.cache.kept(`cell/${cell.id}`) !== JSON.stringify(cell))
      violate('the read cache comes to hold what the directory says', cell.id);
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
