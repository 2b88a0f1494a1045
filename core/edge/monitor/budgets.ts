// How much of each cell's error budget is left: requests and minutes are counted by day, and kept over restarts of the monitor.

import { isJsonObject, type Json } from '../../ports/json.ts';
import { type CellTraffic, NO_TRAFFIC } from '../ports/traffic.ts';
import type { MonitorStorage } from './monitor-storage.ts';
import { budgetShare, type CellObjectives, OBJECTIVE_LIMITS } from './objectives.ts';
import type { Measured } from './samples.ts';

export const BUDGET_LIMITS = {
  /** What is judged as a whole, and how often it is written at most, in milliseconds. */
  minuteMs: 60_000,
  /** Cells of a day; of further ones there is no budget. A day of so many has less than 64 KiB, and is one value of the storage. */
  cells: 200,
  /** Days that are kept, whatever the clock says. */
  days: OBJECTIVE_LIMITS.windowDays,
} as const;

const DAY_MS = 86_400_000;

/** What a budget is of, in the order in which they are shown. */
export const BUDGET_KINDS = ['availability', 'state', 'lag', 'rpo'] as const;
export type BudgetKind = (typeof BUDGET_KINDS)[number];

/** The error budget of one objective. */
export interface Budget {
  /** What it is made of: of `availability` requests, of the others minutes in which there was something to measure. */
  readonly counted: number;
  /** Of these, requests that failed, or minutes in which the objective was not kept. */
  readonly missed: number;
  /** 1: all of it; 0: used up, with the objective just met; below 0: missed. `null` as long as nothing is known. */
  readonly left: number | null;
}

/** The error budgets of a cell over the window. The field names are part of the control API. */
export interface CellBudget extends Readonly<Record<BudgetKind, Budget>> {
  /** The first day that is known, such as 2026-11-28 (UTC); `null` if the window is known from its beginning. */
  readonly since: string | null;
}

/** What is measured of a cell now, in milliseconds; `null` where that is not known. */
export type BudgetSample = Pick<Measured, 'stateMs' | 'lagMs' | 'rpoMs'>;

export interface BudgetDeps {
  readonly storage: MonitorStorage;
  readonly objectives: CellObjectives;
}

export interface Budgets {
  /**
   * Takes in a sample of each cell; `totalOf` is all that was sent to a cell since this object began. Writes once a minute at most. Rejects
   * with the storage's error; then nothing counted is lost, and the next sample tries again.
   */
  take(
    now: number,
    cells: readonly string[],
    sampleOf: (cell: string) => BudgetSample,
    totalOf: (cell: string) => CellTraffic,
  ): Promise<void>;
  /** As of the last whole minute; `null` for a cell that no minute is known of. */
  of(cell: string): CellBudget | null;
}

/** Requests or minutes, and those of them that count against the budget. */
interface Count {
  readonly counted: number;
  readonly missed: number;
}

type Counts = Readonly<Record<BudgetKind, Count>>;

const NONE: Count = { counted: 0, missed: 0 };
const NOTHING: Counts = { availability: NONE, state: NONE, lag: NONE, rpo: NONE };

const plus = (one: Count, other: Count): Count => ({
  counted: one.counted + other.counted,
  missed: one.missed + other.missed,
});

const sumOf = (one: Counts, other: Counts): Counts => ({
  availability: plus(one.availability, other.availability),
  state: plus(one.state, other.state),
  lag: plus(one.lag, other.lag),
  rpo: plus(one.rpo, other.rpo),
});

/** A minute counts once, however many samples it had, and against the budget if any of them was above the objective. */
const minuteOf = (one: Count, other: Count): Count => ({
  counted: Math.max(one.counted, other.counted),
  missed: Math.max(one.missed, other.missed),
});

const judged = (milliseconds: number | null, limitSeconds: number): Count =>
  milliseconds === null ? NONE : { counted: 1, missed: Number(milliseconds > limitSeconds * 1000) };

/** Cell → what was counted of it on a day. */
type Day = ReadonlyMap<string, Counts>;

const SAVED = 'budgets/';

/** The key of a day; days are counted since 1970. */
const keyOf = (day: number): string => SAVED + dateOf(day);

const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** Returns the budgets; they go on from what `storage` has kept. */
export function cellBudgets({ storage, objectives }: BudgetDeps): Budgets {
  const { windowDays, stateSeconds, lagSeconds, rpoSeconds } = objectives;
  let days: Map<number, Day> | undefined;
  let open: { readonly minute: number; readonly cells: Map<string, Counts> } | undefined;
  /** Days with counts that are not written yet, and keys of days that are gone. */
  const unsaved = new Set<number>();
  const gone = new Set<number>();
  /** Cell → what had been sent to it at the last sample. */
  let seen = new Map<string, CellTraffic>();
  let sums: ReadonlyMap<string, CellBudget> = new Map();

  const load = async (): Promise<Map<number, Day>> => {
    const stored = await storage.list<Json>({ prefix: SAVED, limit: BUDGET_LIMITS.days + 1 });
    return new Map(
      [...stored].flatMap(([key, body]) => {
        const day = Date.parse(key.slice(SAVED.length)) / DAY_MS;
        return Number.isInteger(day) && keyOf(day) === key ? [[day, readDay(body)] as const] : [];
      }),
    );
  };

  const save = async (known: ReadonlyMap<number, Day>): Promise<void> => {
    for (const day of gone) {
      await storage.delete(keyOf(day));
      gone.delete(day);
    }
    for (const day of unsaved) {
      await storage.put(keyOf(day), { cells: Object.fromEntries(known.get(day) ?? []) } as unknown as Json);
      unsaved.delete(day);
    }
  };

  /** Adds a minute to its day. A day is kept as long as there are not too many nearer ones: a clock that jumps takes no others with it. */
  const close = (known: Map<number, Day>, { minute, cells }: NonNullable<typeof open>): void => {
    const day = Math.floor((minute * BUDGET_LIMITS.minuteMs) / DAY_MS);
    const before = known.get(day) ?? new Map<string, Counts>();
    const after = new Map(before);
    for (const [cell, counts] of cells) {
      if (!after.has(cell) && after.size >= BUDGET_LIMITS.cells) continue;
      after.set(cell, sumOf(after.get(cell) ?? NOTHING, counts));
    }
    if (JSON.stringify([...after]) !== JSON.stringify([...before])) unsaved.add(day);
    known.set(day, after);
    while (known.size > windowDays) {
      const furthest = [...known.keys()].reduce((far, each) =>
        Math.abs(each - day) > Math.abs(far - day) ? each : far,
      );
      known.delete(furthest);
      unsaved.delete(furthest);
      gone.add(furthest);
    }
  };

  /** The sums over the window that ends with this day. */
  const summed = (known: ReadonlyMap<number, Day>, today: number): ReadonlyMap<string, CellBudget> => {
    const first = today - windowDays + 1;
    const inWindow = [...known].filter(([day]) => day >= first && day <= today).sort(([one], [other]) => one - other);
    const all = new Map<string, { readonly counts: Counts; readonly from: number }>();
    for (const [day, cells] of inWindow)
      for (const [cell, counts] of cells) {
        const before = all.get(cell) ?? { counts: NOTHING, from: day };
        all.set(cell, { counts: sumOf(before.counts, counts), from: before.from });
      }
    const share = budgetShare(objectives);
    return new Map(
      [...all].map(([cell, { counts, from }]) => [
        cell,
        {
          since: from === first ? null : dateOf(from),
          availability: budgetOf(counts.availability, share),
          state: budgetOf(counts.state, share),
          lag: budgetOf(counts.lag, share),
          rpo: budgetOf(counts.rpo, share),
        },
      ]),
    );
  };

  return {
    async take(now, cells, sampleOf, totalOf) {
      const today = Math.floor(now / DAY_MS);
      if (days === undefined) {
        days = await load();
        sums = summed(days, today);
      }
      const minute = Math.floor(now / BUDGET_LIMITS.minuteMs);
      if (open !== undefined && open.minute !== minute) {
        close(days, open);
        open = undefined;
        sums = summed(days, today);
      }
      open ??= { minute, cells: new Map() };
      const watched = cells.slice(0, BUDGET_LIMITS.cells);
      const totals = new Map(watched.map((cell) => [cell, totalOf(cell)]));
      for (const [cell, total] of totals) {
        const before = open.cells.get(cell) ?? NOTHING;
        const { stateMs, lagMs, rpoMs } = sampleOf(cell);
        const known = seen.get(cell) ?? NO_TRAFFIC;
        // Fewer than before: they are counted anew.
        const from = total.requests < known.requests ? NO_TRAFFIC : known;
        open.cells.set(cell, {
          availability: plus(before.availability, {
            counted: total.requests - from.requests,
            missed: total.failures - from.failures,
          }),
          state: minuteOf(before.state, judged(stateMs, stateSeconds)),
          lag: minuteOf(before.lag, judged(lagMs, lagSeconds)),
          rpo: minuteOf(before.rpo, judged(rpoMs, rpoSeconds)),
        });
      }
      seen = totals;
      await save(days);
    },

    of: (cell) => sums.get(cell) ?? null,
  };
}

/** `share`: of what is counted, so much may be missed. */
function budgetOf({ counted, missed }: Count, share: number): Budget {
  const left = counted === 0 ? null : Number((1 - missed / (counted * share)).toFixed(6));
  // No negative zero.
  return { counted, missed, left: left === 0 ? 0 : left };
}

/** What is stored of a day. What another release has written otherwise is left out, and the rest counts. */
function readDay(body: Json): Day {
  const cells = isJsonObject(body) && isJsonObject(body.cells) ? body.cells : {};
  return new Map(
    Object.entries(cells)
      .slice(0, BUDGET_LIMITS.cells)
      .flatMap(([cell, stored]) =>
        isJsonObject(stored)
          ? [
              [
                cell,
                {
                  availability: readCount(stored.availability),
                  state: readCount(stored.state),
                  lag: readCount(stored.lag),
                  rpo: readCount(stored.rpo),
                },
              ] as const,
            ]
          : [],
      ),
  );
}

function readCount(stored: Json | undefined): Count {
  if (!isJsonObject(stored)) return NONE;
  const { counted, missed } = stored;
  const isCount = (value: Json | undefined): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
  return isCount(counted) && isCount(missed) && missed <= counted ? { counted, missed } : NONE;
}
