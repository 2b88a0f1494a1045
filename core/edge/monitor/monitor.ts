// The health monitor: probes every cell, commands the failovers that are decided, has cells fenced, and tells how things stand.

import { mapConcurrently } from '../../lib/concurrently.ts';
import { type Clock, type EpochMs, epochMs } from '../../ports/clock.ts';
import { describeError } from '../../ports/errors.ts';
import type { Json } from '../../ports/json.ts';
import type { Log } from '../../ports/log.ts';
import { type Directory, MAXIMUM_CELLS } from '../ports/directory.ts';
import type { Cell, CellState, DirectoryOutcome, FailoverPolicy } from '../ports/directory-model.ts';
import { MONITOR } from '../ports/directory-model.ts';
import {
  type CellMemory,
  decide,
  EMPTY_MEMORY,
  type FailoverOrder,
  type HoldReason,
  type MonitorMemory,
  type Notice,
  type ProbeResult,
  restored,
  settle,
  type Verdict,
  worthSaving,
} from './failure-detector.ts';
import type { Fencing, FencingProgress } from './fencing.ts';
import type { MonitorSettings } from './monitor-settings.ts';
import type { MonitorStorage } from './monitor-storage.ts';

/** Probes at the same time; more than six connections wait for each other on Workers anyway. */
export const PROBES_AT_ONCE = 6;

/** Cells of one saved value, which may have 128 KiB. */
const CELLS_PER_VALUE = 100;

/** Of an interval, the part in which fencing may begin further steps. */
const FENCING_SHARE = 0.5;

const SAVED = 'monitor/cells/';

export interface MonitorDeps {
  readonly directory: Pick<Directory, 'cells' | 'change'>;
  readonly probe: (cell: Cell) => Promise<ProbeResult>;
  readonly fencing: Fencing;
  readonly storage: MonitorStorage;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: MonitorSettings;
}

export interface MonitorStatus {
  /** When this was made, RFC 3339. */
  readonly at: string;
  readonly settings: MonitorSettings;
  /** When the latest round that reached the directory began; `null` before the first one. */
  readonly roundAt: string | null;
  /** What keeps the monitor from its work, or `null`. */
  readonly trouble: string | null;
  readonly cells: readonly {
    readonly id: string;
    readonly state: CellState;
    readonly policy: FailoverPolicy;
    readonly verdict: Verdict;
    readonly since: string;
    /** Oldest first: `.` an answer, `x` a failure. */
    readonly probes: string;
    readonly detail: string;
    /** Why it is not failed over although it is failing. */
    readonly stay: HoldReason | null;
    readonly refusal: string | null;
  }[];
  readonly fencing: { readonly waiting: number; readonly jobs: readonly FencingProgress[] };
}

export interface Monitor {
  /** One round. Never rejects: what goes wrong is logged and told in the status, and changes nothing. */
  round(): Promise<void>;
  status(): MonitorStatus;
}

/** Returns a monitor; rounds must not overlap. */
export function createMonitor(deps: MonitorDeps): Monitor {
  const { directory, probe, fencing, storage, clock, log, settings } = deps;
  let memory: MonitorMemory | undefined;
  let cells: readonly Cell[] = [];
  let saved: readonly string[] = [];
  let trouble: string | null = null;

  const recall = async (): Promise<MonitorMemory> => {
    const pages = await storage.list<Json>({ prefix: SAVED, limit: MAXIMUM_CELLS / CELLS_PER_VALUE });
    saved = [...pages.values()].map((page) => JSON.stringify(page));
    return restored([...pages.values()].flatMap((page) => page as unknown as CellMemory['saved'][]));
  };

  /** Writes the pages that have changed: none at all while all is well. */
  const remember = async (current: MonitorMemory): Promise<void> => {
    const all = worthSaving(current);
    const pages: string[] = [];
    for (let from = 0; from < all.length; from += CELLS_PER_VALUE)
      pages.push(JSON.stringify(all.slice(from, from + CELLS_PER_VALUE)));
    for (let index = 0; index < Math.max(pages.length, saved.length); index += 1) {
      const key = SAVED + String(index).padStart(4, '0');
      const page = pages[index];
      if (page === undefined) await storage.delete(key);
      else if (page !== saved[index]) await storage.put(key, JSON.parse(page) as Json);
    }
    saved = pages;
  };

  const tell = (notices: readonly Notice[]): void => {
    for (const { level, cell, message } of notices) log[level](message, cell === null ? {} : { cell });
  };

  /** `undefined` when a preview was refused again: it has been told, and nothing has changed. */
  const command = async ({ cell, previewFirst, reason }: FailoverOrder): Promise<DirectoryOutcome> => {
    // Tenants without a usable standby lose nothing by it, and must not hold back those who have one.
    const order = { kind: 'fail-over', cell, partial: true } as const;
    if (previewFirst) {
      const preview = await directory.change(order, { actor: MONITOR, reason, dryRun: true });
      if (preview.status === 'refused') return preview;
    }
    return directory.change(order, { actor: MONITOR, reason });
  };

  const watch = async (startedAt: EpochMs): Promise<void> => {
    memory ??= await recall();
    cells = (await directory.cells()).map((each) => each.cell);
    const probed = cells.filter(({ state }) => state !== 'retired');
    const results = new Map<string, ProbeResult>();
    await mapConcurrently(probed, PROBES_AT_ONCE, async (cell) => {
      results.set(cell.id, await probe(cell));
    });
    const decision = decide(memory, cells, results, clock.now(), settings);
    memory = decision.memory;
    tell(decision.notices);
    for (const order of decision.orders) {
      const settled = settle(memory, order.cell, await command(order), clock.now(), settings);
      memory = settled.memory;
      tell(settled.notices);
    }
    await remember(memory);
    // The directory's cells as they are after what has just been changed.
    if (decision.orders.length > 0) cells = (await directory.cells()).map((each) => each.cell);
    const until = epochMs(Math.max(startedAt, clock.now()) + settings.intervalMs * FENCING_SHARE);
    await fencing.round(cells, (cell) => results.get(cell)?.alive === true, until);
  };

  return {
    async round() {
      try {
        await watch(clock.now());
        if (trouble !== null) log.info('the monitor works again');
        trouble = null;
      } catch (error) {
        const { code, message } = describeError(error);
        if (trouble === null) log.error('the monitor cannot do its work; nothing is changed', { code, message });
        trouble = `${code}: ${message}`;
      }
    },

    status: () => statusOf(memory ?? EMPTY_MEMORY, cells, trouble, settings, clock.now(), fencing),
  };
}

const time = (at: EpochMs): string => new Date(at).toISOString();

function statusOf(
  memory: MonitorMemory,
  cells: readonly Cell[],
  trouble: string | null,
  settings: MonitorSettings,
  now: EpochMs,
  fencing: Fencing,
): MonitorStatus {
  const held = memory.held ? 'Most cells do not answer; nothing is failed over.' : null;
  return {
    at: time(now),
    settings,
    roundAt: memory.roundAt === null ? null : time(memory.roundAt),
    trouble: trouble ?? held,
    cells: cells.flatMap(({ id, state, failover }) => {
      const known = memory.cells.get(id);
      if (known === undefined) return [];
      const { saved, probes, last } = known;
      const { verdict, since, stay, refusal } = saved;
      return [
        {
          id,
          state,
          policy: failover,
          verdict,
          since: time(since),
          probes: probes.map((alive) => (alive ? '.' : 'x')).join(''),
          detail: last?.detail ?? '',
          stay,
          refusal: refusal === '' ? null : refusal,
        },
      ];
    }),
    fencing: fencing.progress(),
  };
}
