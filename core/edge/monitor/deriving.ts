// Orders cells to derive what they have left underived as log-only standbys: after a takeover, and once a standby is to be warm.
import { BoundedCache } from '../../lib/bounded-cache.ts';
import { mapConcurrently } from '../../lib/concurrently.ts';
import { pauseAfter } from '../../lib/retry.ts';
import type { Clock } from '../../ports/clock.ts';
import { describeError } from '../../ports/errors.ts';
import { isJsonObject, type Json } from '../../ports/json.ts';
import type { ReplicaDeriver } from '../cells/replica-pusher.ts';
import type { Directory } from '../ports/directory.ts';
import { type Cell, isServing } from '../ports/directory-model.ts';
import { type CatchingUp, type CatchingUpDeps, createCatchingUp } from './catching-up.ts';

export const DERIVING_LIMITS = {
  /** Tenants that wait; at the limit no more are taken in, and the cells’ notes show them again. */
  waiting: 1000,
  /** Cells' steps at the same time: each reads a log and writes state beside what its cell serves. */
  concurrent: 2,
  /** Tenants of the directory that are read at once. */
  tenants: 100,
  /** After a step that did not get on, a pause that doubles with each further one, in milliseconds: a cell that is throttled gets time. */
  firstPauseMs: 1000,
  longestPauseMs: 30_000,
  /** Steps in a row that do not get on, before the tenant is left until the cell's notes show it again. */
  idleSteps: 10,
  /** Of a cell that leaves copies as it is to, the directory is asked again only so often, in milliseconds. */
  lookMs: 300_000,
  /** Such notes that are remembered. */
  looked: 100_000,
  /** Work of one round, in milliseconds; the next round goes on. */
  roundMs: 10_000,
} as const;

export interface DerivingDeps {
  readonly directory: Pick<Directory, 'lookup' | 'tenants'>;
  readonly derive: ReplicaDeriver;
  readonly clock: Clock;
}

/** The field names are part of the control API. */
export interface DerivingProgress {
  /** Tenants that wait for their state, each in one cell. */
  readonly waiting: number;
  /** The latest that did not get on, and why; `null` if none. */
  readonly problem: string | null;
}

export interface Deriving {
  /** Takes in a page of what a cell has noted. */
  noted(cell: string, items: Json | undefined): void;
  /** Goes on in the background. The promise is for tests; it never rejects. */
  round(cells: readonly Cell[], answers: (cell: string) => boolean): Promise<void>;
  progress(): DerivingProgress;
}

/** What a cell is to derive of a tenant. */
interface Item {
  readonly tenant: string;
  readonly at: string;
  /** Steps in a row that have not got on. */
  readonly idle: number;
  readonly notBefore: number;
}

/** Tenants of one home that are looked up page by page. */
interface Sweep {
  readonly home: string;
  readonly cursor: string | null;
}

/** Returns the work of one monitor. It keeps nothing durably, as the cells do: another one hears of it within a pass over their notes. */
export function createDeriving({ directory, derive, clock }: DerivingDeps): Deriving {
  const queue = new Map<string, Item>();
  const sweeps: Sweep[] = [];
  /** Cell → its switches. */
  const seen = new Map<string, number>();
  const lookedAt = new BoundedCache<string, number>(DERIVING_LIMITS.looked);
  let problem: string | null = null;
  let underWay: Promise<void> | undefined;

  const add = (tenant: string, at: string): void => {
    const key = `${tenant} ${at}`;
    if (queue.has(key) || queue.size >= DERIVING_LIMITS.waiting) return;
    queue.set(key, { tenant, at, idle: 0, notBefore: 0 });
  };

  /** The tenants of a home that was switched have another cell serving them. */
  const look = (cells: readonly Cell[]): void => {
    for (const { id, switches } of cells) {
      const known = seen.get(id);
      seen.set(id, switches);
      if (known !== undefined && known !== switches && !sweeps.some(({ home }) => home === id))
        sweeps.push({ home: id, cursor: null });
    }
  };

  const sweep = async (): Promise<boolean> => {
    if (queue.size + 2 * DERIVING_LIMITS.tenants > DERIVING_LIMITS.waiting) return false;
    const next = sweeps.shift();
    if (next === undefined) return false;
    const { home, cursor } = next;
    const page = await directory.tenants({
      cell: home,
      limit: DERIVING_LIMITS.tenants,
      ...(cursor !== null && { cursor }),
    });
    for (const { id, standby, standbyMode } of page.items)
      if (standbyMode === 'log-only') for (const at of [home, standby]) if (at !== null) add(id, at);
    if (page.next !== null) sweeps.unshift({ home, cursor: page.next });
    return true;
  };

  const step = async ({ tenant: id, at, idle }: Item, answers: (cell: string) => boolean): Promise<void> => {
    const key = `${id} ${at}`;
    queue.delete(key);
    const { tenant, cells } = await directory.lookup(id);
    const home = cells.find((cell) => cell.id === tenant?.cell);
    const standby = cells.find((cell) => cell.id === tenant?.standby) ?? null;
    if (tenant === null || home === undefined || ![home.id, standby?.id].includes(at)) return;
    // As long as its home serves, a log-only standby derives nothing.
    if (at !== home.id && tenant.standbyMode === 'log-only' && isServing(home)) return;
    // Its notes show it again once it answers.
    if (!answers(at)) return;
    const progress = await derive({ tenant, home, standby, at, ahead: false });
    const waits = typeof progress === 'string' ? progress : progress.done === true ? null : progress.waiting;
    if (typeof progress !== 'string' && progress.done === true) {
      problem = null;
      return;
    }
    if (typeof waits === 'string') problem = `${id} at ${at}: ${waits}`;
    const again = typeof waits === 'string' ? idle + 1 : 0;
    if (again >= DERIVING_LIMITS.idleSteps) return;
    const { firstPauseMs, longestPauseMs } = DERIVING_LIMITS;
    const pauseMs = again === 0 ? 0 : pauseAfter(again, firstPauseMs, longestPauseMs);
    queue.set(key, { tenant: id, at, idle: again, notBefore: clock.now() + pauseMs });
  };

  const work = async (cells: readonly Cell[], answers: (cell: string) => boolean): Promise<void> => {
    const until = clock.now() + DERIVING_LIMITS.roundMs;
    try {
      look(cells);
      for (let worked = true; worked && clock.now() < until; ) {
        const found = await sweep();
        const due = [...queue.values()]
          .filter(({ notBefore }) => notBefore <= clock.now())
          .slice(0, DERIVING_LIMITS.concurrent);
        await mapConcurrently(due, DERIVING_LIMITS.concurrent, (item) => step(item, answers));
        worked = found || due.length > 0;
      }
    } catch (error) {
      const { code, message } = describeError(error);
      problem = `${code}: ${message}`;
    }
  };

  return {
    noted(cell, items) {
      for (const note of Array.isArray(items) ? items : []) {
        if (!isJsonObject(note) || note.direction !== 'own' || typeof note.underivedSince !== 'number') continue;
        const tenant = String(note.tenant);
        if (typeof note.derivesSince !== 'number') {
          // As a rule it is a standby whose home serves; the cell may also have missed that it is none any more.
          const key = `${tenant} ${cell}`;
          const known = lookedAt.get(key);
          if (known !== undefined && Math.abs(clock.now() - known) < DERIVING_LIMITS.lookMs) continue;
          lookedAt.set(key, clock.now());
        }
        add(tenant, cell);
      }
    },

    round(cells, answers) {
      underWay ??= work(cells, answers).finally(() => {
        underWay = undefined;
      });
      return underWay;
    },

    progress: () => ({ waiting: queue.size, problem }),
  };
}

/** Returns both: what others lack is sent, and what was left underived is derived, by the same notes of the cells. */
export function catchingUpAndDeriving(deps: CatchingUpDeps & DerivingDeps): CatchingUp {
  const deriving = createDeriving(deps);
  const catchingUp = createCatchingUp({
    ...deps,
    watch: {
      async page(cell, items, is) {
        deriving.noted(cell, items);
        await deps.watch.page(cell, items, is);
      },
    },
  });
  return {
    async round(cells, answers) {
      await Promise.all([catchingUp.round(cells, answers), deriving.round(cells, answers)]);
    },
    progress: () => ({ ...catchingUp.progress(), deriving: deriving.progress() }),
  };
}
