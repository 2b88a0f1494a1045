// An exhaustive search: a router, the directory with its read cache, a monitor and two cells, in every order, for effects of two cells at once.
import { LEASE, leaseLeft, leaseOver } from '../../core/cell/lease.ts';
import { grantLease, withEffectsFrom } from '../../core/edge/directory/leases.ts';
import {
  type Cell,
  type DirectoryChange,
  EPOCH_STRIDE,
  epochOf,
  resolveTenant,
  type Tenant,
} from '../../core/edge/ports/directory-model.ts';
import type { LeaseAnswer } from '../../core/ports/lease.ts';
import { breadthFirst, type Found } from './breadth-first.ts';

const CELLS = ['a', 'b'] as const;
type Id = (typeof CELLS)[number];

/** The clock of the model moves in steps of this. */
const UNIT = LEASE.stepMs;
/** Time 0 of the model; later than any lease is long, so that nothing lies before 1970. */
const START = 1_000_000;
/** An answer is this long on its way at most: the cell gives up sooner. */
const DELAY = 2 * UNIT;
/** An effect is done within its limit by the cell's count, and the platform may let it overrun by as much again. */
const LONGEST = 2 * LEASE.effectMs;

/** What a cell knows and does. */
interface CellState {
  /** When it asked what it now holds; `null` without a lease. */
  readonly held: number | null;
  /** When it asked what is granted in the answer that is on its way. */
  readonly asked: number | null;
  /** The highest epoch that it has seen. */
  readonly epoch: number;
  /** When the effect that is under way has surely ended; `null` if there is none. */
  readonly busyUntil: number | null;
}

interface Records {
  readonly cells: Readonly<Record<Id, Cell>>;
  readonly tenant: Tenant;
}

export interface State {
  readonly now: number;
  readonly records: Records;
  readonly leases: Readonly<Record<Id, number>>;
  /** What the read cache holds. */
  readonly cached: Records;
  /** Where the router sends the tenant's requests, and under which epoch. */
  readonly route: { readonly cell: Id | null; readonly epoch: number };
  readonly at: Readonly<Record<Id, CellState>>;
  /** Who has a wrong clock: the directory's is ahead, or a cell's behind, by the skew that is allowed. */
  readonly wrong: 'directory' | Id | null;
  readonly changes: number;
}

/** The rules of which a variant may be wrong, to see that the search finds it. */
export interface Rules {
  readonly left: typeof leaseLeft;
  /** What a cell requires to be left before an effect. */
  readonly needMs: number;
  readonly changed: (state: State, changes: readonly DirectoryChange[], now: number) => readonly DirectoryChange[];
  readonly answer: (state: State, cell: Id, now: number) => { readonly answer: LeaseAnswer; readonly until: number };
  /** From when a cell counts its lease. */
  readonly countsFrom: 'question' | 'answer';
  /** Whether a request with a current route token counts as an answer to the cell. */
  readonly tokensRenew: boolean;
}

const storageOf = ({ records, leases }: State, record: (until: number) => void = () => undefined) => ({
  cell: (id: string) => records.cells[id as Id],
  tenant: () => records.tenant,
  homesByStandby: (cell: string) =>
    records.tenant.cell === cell ? [{ standby: records.tenant.standby, tenants: 1 }] : [],
  leaseUntil: (cell: string) => leases[cell as Id],
  recordLease: (_: string, until: number) => record(until),
  effectsFloor: () => 0,
});

/** What is built. */
export const RULES: Rules = {
  left: leaseLeft,
  needMs: LEASE.effectMs,
  changed: (state, changes, now) => withEffectsFrom(storageOf(state), changes, now),
  answer: (state, cell, now) => {
    let until = state.leases[cell];
    const storage = storageOf(state, (later) => {
      until = later;
    });
    const key = state.records.cells[cell].keys?.[0] ?? null;
    const outcome = grantLease(storage, { cell, key, tenants: ['acme'] }, now);
    return { answer: outcome.status === 'answered' ? (outcome.answers.acme ?? 'elsewhere') : 'elsewhere', until };
  },
  countsFrom: 'question',
  tokensRenew: false,
};

function begin(): State {
  const cell = (id: Id): Cell => ({
    ...{ id, cloud: id === 'a' ? 'aws' : 'azure', region: id, jurisdiction: 'eu', endpoint: `https://${id}.example` },
    ...{ capacity: 1, price: 1, failover: 'automatic', state: 'active', switches: 0, revision: 1 },
    keys: [{ kty: 'OKP', crv: 'Ed25519', kid: id, x: id }],
  });
  const tenant: Tenant = {
    ...{ id: 'acme', cell: 'a', standby: 'b', epochBase: 1, residency: 'any', tier: 'standard' },
    ...{ pinned: false, revision: 1 },
  };
  const records = { cells: { a: cell('a'), b: cell('b') }, tenant };
  const idle: CellState = { held: null, asked: null, epoch: 0, busyUntil: null };
  return {
    ...{ now: START, records, cached: records, leases: { a: 0, b: 0 }, route: { cell: 'a', epoch: 1 } },
    ...{ at: { a: idle, b: idle }, wrong: null, changes: 0 },
  };
}

const directoryNow = ({ now, wrong }: State): number => now + (wrong === 'directory' ? LEASE.skewMs : 0);
const cellNow = ({ now, wrong }: State, id: Id): number => now - (wrong === id ? LEASE.skewMs : 0);

const withCell = (state: State, id: Id, more: Partial<CellState>): State => ({
  ...state,
  at: { ...state.at, [id]: { ...state.at[id], ...more } },
});

/** What two records say of the tenant. */
function routeOf({ cells, tenant }: Records): State['route'] {
  const home = cells[tenant.cell as Id];
  const resolution = resolveTenant(tenant, (id) => cells[id as Id]);
  return {
    cell: resolution.status === 'served' ? (resolution.cell as Id) : null,
    epoch: epochOf(tenant, home),
  };
}

/** The changes that monitor and operators may make now. */
function changesOf({ records: { cells, tenant } }: State): readonly (readonly [string, readonly DirectoryChange[]])[] {
  const found: (readonly [string, readonly DirectoryChange[]])[] = [];
  for (const id of CELLS) {
    const before = cells[id];
    const isDown = before.state === 'down';
    const after: Cell = { ...before, state: isDown ? 'active' : 'down', switches: before.switches + 1 };
    found.push([`${isDown ? 'fail back' : 'fail over'} ${id}`, [{ kind: 'cell', id, before, after }]]);
  }
  for (const [cell, standby] of [
    ['a', 'b'],
    ['b', 'a'],
    ['a', null],
    ['b', null],
  ] as const) {
    if (cell === tenant.cell && standby === tenant.standby) continue;
    const after: Tenant = { ...tenant, cell, standby, epochBase: tenant.epochBase + EPOCH_STRIDE };
    found.push([
      `place it in ${cell} with standby ${standby}`,
      [{ kind: 'tenant', id: 'acme', before: tenant, after }],
    ]);
  }
  return found;
}

const written = ({ cells, tenant }: Records, changes: readonly DirectoryChange[]): Records => ({
  cells: {
    ...cells,
    ...Object.fromEntries(changes.flatMap(({ kind, id, after }) => (kind === 'cell' ? [[id, after]] : []))),
  } as Records['cells'],
  tenant: (changes.find(({ kind }) => kind === 'tenant')?.after as Tenant | undefined) ?? tenant,
});

type Step = readonly [what: string, next: State];

function* steps(state: State, rules: Rules, bounds: Bounds): Generator<Step> {
  const { now, at } = state;
  for (const spanMs of [UNIT, LEASE.effectMs]) yield [`${spanMs / 1000} s pass`, { ...state, now: now + spanMs }];
  for (const id of CELLS) {
    const { held, asked, busyUntil } = at[id];
    const clock = cellNow(state, id);
    // The directory is asked at once: a question that takes its time leaves the cell less of what is recorded. What is not granted
    // counts for nothing, as if it never arrived.
    if (asked === null && held !== clock) {
      const { answer, until } = rules.answer(state, id, directoryNow(state));
      const given = { ...state, leases: { ...state.leases, [id]: until } };
      if (answer === 'granted' || answer === 'free')
        yield [`${id} is granted its lease`, withCell(given, id, { asked: clock })];
    }
    if (asked !== null) {
      const since = rules.countsFrom === 'question' ? asked : clock;
      yield [`${id} gets the answer`, withCell(state, id, { asked: null, held: Math.max(held ?? 0, since) })];
    }
    if (busyUntil === null && held !== null && rules.left(held, clock) >= rules.needMs)
      yield [`${id} begins an effect`, withCell(state, id, { busyUntil: now + LONGEST })];
  }
  if (state.route.cell !== null) {
    const { cell, epoch } = state.route;
    if (epoch >= at[cell].epoch) {
      const renewed = rules.tokensRenew && at[cell].held !== null ? { held: cellNow(state, cell) } : {};
      yield [`the router sends ${cell} an event under ${epoch}`, withCell(state, cell, { epoch, ...renewed })];
    }
  }
  yield ['the router reads the directory', { ...state, route: routeOf(state.records) }];
  const cached = routeOf(state.cached);
  if (cached.epoch > state.route.epoch) yield ['the router reads the cache', { ...state, route: cached }];
  yield ['the cache catches up', { ...state, cached: state.records }];
  const current = routeOf(state.records);
  for (const id of CELLS)
    if (current.cell !== id) yield [`${id} is fenced`, withCell(state, id, { epoch: current.epoch })];
  if (state.changes < bounds.changes)
    for (const [what, planned] of changesOf(state)) {
      const changes = rules.changed(state, planned, directoryNow(state));
      yield [what, { ...state, records: written(state.records, changes), changes: state.changes + 1 }];
    }
  if (state.wrong === null && bounds.withFaults)
    for (const wrong of ['directory', ...CELLS] as const)
      yield [`the clock of ${wrong} goes wrong`, { ...state, wrong }];
}

/** What of a state decides on the future: spans instead of times, so that time may pass without end; what is over is equal. */
function keyOf({ now, records, leases, cached, route, at, wrong, changes }: State, bounds: Bounds): string {
  const left = (until: number | null | undefined) => Math.max(0, (until ?? 0) - now);
  const ago = (since: number | null) => (since === null ? null : now - since);
  const { a, b } = records.cells;
  const { cell, standby, effectsFrom } = records.tenant;
  const parts: unknown[] = [
    a.state,
    left(a.effectsFrom),
    b.state,
    left(b.effectsFrom),
    cell,
    standby,
    left(effectsFrom),
  ];
  for (const id of CELLS) {
    const { held, asked, epoch, busyUntil } = at[id];
    // Records of leases are read by changes alone.
    parts.push(changes < bounds.changes ? left(leaseOver(leases[id])) : 0, ago(held), ago(asked), left(busyUntil));
    if (bounds.withRouter) parts.push(epoch);
  }
  if (bounds.withRouter)
    for (const { epoch, cell: to } of [routeOf(records), routeOf(cached), route]) parts.push(epoch, to);
  return `${parts.join()} ${wrong} ${changes}`;
}

export interface Bounds {
  /** Changes that monitor and operators may make. */
  readonly changes: number;
  /** With answers that are late, and a clock that is wrong. */
  readonly withFaults: boolean;
  /** Without router, read cache and epochs, on which no lease may depend; their own search is a shorter one. */
  readonly withRouter: boolean;
  readonly states: number;
}

const isRouting = (what: string): boolean => /router|cache|fenced/.test(what);

export function search(bounds: Bounds, rules: Rules = RULES): Found {
  return breadthFirst<State>({
    ...{ first: begin(), states: bounds.states, keyOf: (state) => keyOf(state, bounds) },
    *stepsOf(state) {
      for (const [what, next] of steps(state, rules, bounds))
        if (bounds.withRouter || !isRouting(what)) yield [what, settled(next, rules, bounds)] as const;
    },
    faultOf: (state) => (CELLS.every((id) => state.at[id].busyUntil !== null) ? [] : null),
  });
}

/** Effects end in time; questions get lost; and a lease that will give room for nothing any more is none. */
function settled(state: State, rules: Rules, { withFaults }: Bounds): State {
  let next = state;
  for (const id of CELLS) {
    const { held, asked, busyUntil } = next.at[id];
    // A clock that goes wrong later will be behind.
    const earliest = cellNow(withFaults ? { ...next, wrong: next.wrong ?? id } : next, id);
    if (busyUntil !== null && busyUntil <= next.now) next = withCell(next, id, { busyUntil: null });
    if (held !== null && rules.left(held, Math.max(earliest, held)) < rules.needMs)
      next = withCell(next, id, { held: null });
    if (asked !== null && next.now - asked > (withFaults ? DELAY : 0)) next = withCell(next, id, { asked: null });
  }
  return next;
}
