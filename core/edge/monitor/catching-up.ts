// Orders the cells to send what the other cell of a tenant lacks: after outages, after switches, and at intervals.
import { BoundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../ports/clock.ts';
import { describeError } from '../../ports/errors.ts';
import { isJsonObject, type JsonObject } from '../../ports/json.ts';
import type { Holdings, HoldingsQuestion } from '../cells/holdings-question.ts';
import type { ReplicaPusher } from '../cells/replica-pusher.ts';
import type { Directory } from '../ports/directory.ts';
import { type Cell, epochOf } from '../ports/directory-model.ts';
import type { ReplicaWatch } from './replica-watch.ts';

export const CATCHING_UP_LIMITS = {
  /** Pushes that wait; at the limit, nothing more is looked for, and nothing is lost. */
  waiting: 1000,
  /** Tenants of the directory that are read at once. */
  tenants: 100,
  /** Each cell that answers is asked so often which tenants it is behind with, in milliseconds. */
  askMs: 30_000,
  /** Tenants of a cell that is down and answers are compared so often, both ways, so that it can be failed back; in milliseconds. */
  downMs: 60_000,
  /** All tenants are compared so often, in milliseconds: what has never reached a bus is found by nothing else. */
  everyMs: 3_600_000,
  /** Steps of a push that bring nothing, or have no answer, before it is left for later. */
  idleSteps: 3,
  /** Work of one round, in milliseconds; the next round goes on. */
  roundMs: 10_000,
} as const;

export interface CatchingUpDeps {
  readonly directory: Pick<Directory, 'lookup' | 'tenants'>;
  readonly push: ReplicaPusher;
  readonly replicas: Holdings['replicas'];
  readonly hear: HoldingsQuestion['hear'];
  /** Takes in what the cells have noted, too. */
  readonly watch: Pick<ReplicaWatch, 'page'>;
  readonly clock: Clock;
}

export interface CatchingUpProgress {
  /** Pushes that wait, each of one tenant from one of its cells. */
  readonly waiting: number;
  /** The latest that did not get on, and why; `null` if none. */
  readonly problem: string | null;
  /** Cells that derive what they have left underived. */
  readonly deriving?: { readonly waiting: number; readonly problem: string | null };
}

export interface CatchingUp {
  /** Goes on in the background, one request at a time: rounds of probes do not wait for it. The promise is for tests; it never rejects. */
  round(cells: readonly Cell[], answers: (cell: string) => boolean): Promise<void>;
  progress(): CatchingUpProgress;
}

/** A tenant whose events one of its cells is to send. */
interface Item {
  readonly tenant: string;
  readonly from: string;
  readonly idle: number;
  /** What the step before brought. */
  readonly before: string;
  /** The epoch of the lease that it was ordered for; with another one it is not wanted any more. */
  readonly epoch?: number;
}

/** Tenants of one home, or of all, that are looked up page by page. */
interface Sweep {
  readonly home: string | null;
  readonly bothWays: boolean;
  readonly cursor: string | null;
}

/** How far a cell is with asking what became of its pending copies. */
interface Listened {
  readonly at: number;
  readonly cursor: string | null;
  /** Whether it goes on at once. */
  readonly isUnderWay: boolean;
  /** Whether a step of this pass got on, and could not see the end of a list. */
  readonly hasMore: boolean;
  /** Why it has not answered last. */
  readonly problem?: string;
}

interface Round {
  readonly cells: readonly Cell[];
  readonly answers: (cell: string) => boolean;
}

/** Returns the work of one monitor. It keeps nothing durably: another one begins with all tenants. */
export function createCatchingUp({ directory, push, replicas, hear, watch, clock }: CatchingUpDeps): CatchingUp {
  const queue = new Map<string, Item>();
  const sweeps: Sweep[] = [];
  /** Cell → when it was asked last, and where its answer goes on. */
  const asked = new Map<string, { readonly at: number; readonly cursor: string | null }>();
  /** Cell → its switches, and when its tenants were looked up last while it was down. */
  const seen = new Map<string, { readonly switches: number; readonly at: number }>();
  let sweptAt = Number.NEGATIVE_INFINITY;
  let problem: string | null = null;
  let underWay: Promise<void> | undefined;

  /** Cell → when it last asked what became of its pending copies, and where that goes on. */
  const heard = new Map<string, Listened>();
  /** Tenant and cell → when a comparison for a lease was ordered last, and how long none is then. */
  const ordered = new BoundedCache<string, { readonly at: number; readonly pauseMs: number }>(
    CATCHING_UP_LIMITS.waiting,
  );

  const add = (tenant: string, from: string, epoch?: number): void => {
    const key = `${tenant} ${from}`;
    if (queue.has(key)) return;
    queue.set(key, { tenant, from, idle: 0, before: '', ...(epoch !== undefined && { epoch }) });
  };

  /** Orders the comparison that a lease needs; less and less often, if it does not pass. */
  const settle = (tenant: string, from: string, epoch: number): void => {
    const key = `${tenant} ${from} ${epoch}`;
    const now = clock.now();
    const last = ordered.get(key);
    if (last !== undefined && now - last.at < last.pauseMs) return;
    const pauseMs = Math.min(2 * (last?.pauseMs ?? CATCHING_UP_LIMITS.askMs / 2), CATCHING_UP_LIMITS.everyMs);
    ordered.set(key, { at: now, pauseMs });
    add(tenant, from, epoch);
  };

  /** Notes which homes have to be swept. */
  const look = ({ cells, answers }: Round): void => {
    const now = clock.now();
    if (now - sweptAt >= CATCHING_UP_LIMITS.everyMs) {
      sweptAt = now;
      sweeps.push({ home: null, bothWays: false, cursor: null });
    }
    for (const { id, state, switches } of cells) {
      const known = seen.get(id);
      if (known === undefined && state !== 'down') seen.set(id, { switches, at: now });
      else if (
        answers(id) &&
        (known?.switches !== switches || (state === 'down' && now - known.at >= CATCHING_UP_LIMITS.downMs))
      ) {
        seen.set(id, { switches, at: now });
        if (!sweeps.some(({ home }) => home === id)) sweeps.push({ home: id, bothWays: true, cursor: null });
      }
    }
  };

  const sweep = async (): Promise<boolean> => {
    const next = sweeps.shift();
    if (next === undefined) return false;
    const { home, bothWays, cursor } = next;
    const page = await directory.tenants({
      limit: CATCHING_UP_LIMITS.tenants,
      ...(home !== null && { cell: home }),
      ...(cursor !== null && { cursor }),
    });
    for (const { id, cell, standby } of page.items) {
      if (standby === null) continue;
      add(id, cell);
      if (bothWays) add(id, standby);
    }
    if (page.next !== null) sweeps.unshift({ home, bothWays, cursor: page.next });
    return true;
  };

  const ask = async ({ cells, answers }: Round): Promise<boolean> => {
    const now = clock.now();
    const cell = cells.find(({ id, state, keys }) => {
      const known = asked.get(id);
      const isDue = known === undefined || known.cursor !== null || now - known.at >= CATCHING_UP_LIMITS.askMs;
      return isDue && keys !== undefined && state !== 'retired' && answers(id);
    });
    if (cell === undefined) return false;
    const cursor = asked.get(cell.id)?.cursor ?? undefined;
    const page = await replicas(cell, cursor);
    if (typeof page === 'string') {
      asked.set(cell.id, { at: now, cursor: null });
      return true;
    }
    for (const note of (page.items as readonly JsonObject[] | undefined) ?? []) {
      if (!isJsonObject(note)) continue;
      if (note.direction === 'to' && typeof note.behindSince === 'number') add(String(note.tenant), cell.id);
      // A cell that has a lease wants to know that nothing is missing of which the other one has had effects.
      if (note.direction === 'from' && typeof note.leasedEpoch === 'number' && note.settledAt === null)
        settle(String(note.tenant), String(note.peer), note.leasedEpoch);
    }
    const next = typeof page.next === 'string' ? page.next : null;
    asked.set(cell.id, { at: now, cursor: next });
    await watch.page(cell.id, page.items, { first: cursor === undefined, last: next === null });
    return true;
  };

  /** Has one cell ask what became of its pending copies: the one that was asked longest ago. */
  const listen = async ({ cells, answers }: Round): Promise<boolean> => {
    const now = clock.now();
    const dueAt = ({ id }: Cell): number => {
      const known = heard.get(id);
      if (known === undefined) return Number.NEGATIVE_INFINITY;
      return known.isUnderWay ? known.at : known.at + CATCHING_UP_LIMITS.askMs;
    };
    const [cell] = cells
      .filter((each) => each.keys !== undefined && each.state !== 'retired' && answers(each.id) && dueAt(each) <= now)
      .sort((one, other) => dueAt(one) - dueAt(other));
    if (cell === undefined) return false;
    const { cursor: from = null, hasMore = false, problem: before } = heard.get(cell.id) ?? {};
    const progress = await hear(cell, from ?? undefined);
    if (typeof progress === 'string') {
      // A cursor that the cell takes no more, as of another release, is given up with the second failure.
      const cursor = before === undefined ? from : null;
      heard.set(cell.id, { at: now, cursor, isUnderWay: false, hasMore, problem: progress });
      return true;
    }
    const cursor = typeof progress.next === 'string' ? progress.next : null;
    const gotOn = Number(progress.ended ?? 0) + Number(progress.sent ?? 0) > 0;
    const isMore = hasMore || (gotOn && Number(progress.unfinished) > 0);
    // A pass that has left something is followed by another one at once, if it gets on.
    heard.set(cell.id, { at: now, cursor, isUnderWay: cursor !== null || isMore, hasMore: cursor !== null && isMore });
    return true;
  };

  const step = async ({ answers }: Round): Promise<boolean> => {
    const [first] = queue;
    if (first === undefined) return false;
    const [key, item] = first;
    const { tenant: id, from, idle, before } = item;
    queue.delete(key);
    const { tenant, cells } = await directory.lookup(id);
    const home = cells.find((cell) => cell.id === tenant?.cell);
    const standby = cells.find((cell) => cell.id === tenant?.standby);
    if (tenant === null || home?.keys === undefined || standby?.keys === undefined) return true;
    if (item.epoch !== undefined && item.epoch !== epochOf(tenant, home)) return true;
    if (![home.id, standby.id].includes(from) || !answers(home.id) || !answers(standby.id)) return true;
    const progress = await push({ tenant, home, standby, from, restart: false, verify: false });
    if (typeof progress === 'string') {
      problem = `${id}: ${progress}`;
      if (idle + 1 < CATCHING_UP_LIMITS.idleSteps) queue.set(key, { ...item, idle: idle + 1 });
    } else if (progress.done === true) problem = null;
    else {
      const { waiting, ...counts } = progress;
      const now = JSON.stringify(counts);
      const again = now === before ? idle + 1 : 0;
      if (waiting !== undefined) problem = `${id} from ${from}: ${String(waiting)}`;
      if (again < CATCHING_UP_LIMITS.idleSteps) queue.set(key, { ...item, idle: again, before: now });
    }
    return true;
  };

  const work = async (round: Round): Promise<void> => {
    const until = clock.now() + CATCHING_UP_LIMITS.roundMs;
    try {
      look(round);
      for (let worked = true; worked && clock.now() < until; ) {
        const hasRoom = queue.size + 2 * CATCHING_UP_LIMITS.tenants <= CATCHING_UP_LIMITS.waiting;
        const found = hasRoom && ((await sweep()) || (await ask(round)));
        const listened = await listen(round);
        worked = (await step(round)) || found || listened;
      }
    } catch (error) {
      const { code, message } = describeError(error);
      problem = `${code}: ${message}`;
    }
  };

  return {
    round(cells, answers) {
      underWay ??= work({ cells, answers }).finally(() => {
        underWay = undefined;
      });
      return underWay;
    },

    progress() {
      const [unheard] = [...heard].flatMap(([id, { problem: why }]) => (why === undefined ? [] : `${id}: ${why}`));
      return { waiting: queue.size, problem: problem ?? unheard ?? null };
    },
  };
}
