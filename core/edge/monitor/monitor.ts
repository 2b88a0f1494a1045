// The health monitor: probes every cell, commands failovers, fences cells that have lost tenants, and reports its status.

import type { ProbeResult } from '../../cell/health-probe.ts';
import { type Clock, type EpochMs, epochMs } from '../../ports/clock.ts';
import { describeError } from '../../ports/errors.ts';
import type { Json } from '../../ports/json.ts';
import type { Log } from '../../ports/log.ts';
import { type CellOverview, type Directory, MAXIMUM_CELLS } from '../ports/directory.ts';
import type { Cell, CellState, DirectoryOutcome, FailoverPolicy } from '../ports/directory-model.ts';
import { failureDomain, isServing, MONITOR } from '../ports/directory-model.ts';
import type { CatchingUp, CatchingUpProgress } from './catching-up.ts';
import { drawn, isAnswering, type Verdict } from './evidence.ts';
import {
  type CellMemory,
  decide,
  EMPTY_MEMORY,
  type FailoverOrder,
  type HoldReason,
  type MonitorMemory,
  type Notice,
  type Rules,
  restored,
  settle,
  worthSaving,
} from './failure-detector.ts';
import type { Fencing, FencingProgress } from './fencing.ts';
import type { MonitorSettings } from './monitor-settings.ts';
import type { MonitorStorage } from './monitor-storage.ts';
import type { OverviewAnswer, OverviewKeeper } from './overview.ts';
import type { Prober, Question } from './prober.ts';
import type { SeenSigner, SignerLedger } from './signers.ts';
import { VANTAGE_LIMITS } from './vantage.ts';

export const ROUND_LIMITS = {
  /** Steps of one round while a cell does not answer and there is no conclusion; the next round continues. */
  steps: 8,
  /** Witnesses asked about one silent cell per step. */
  witnesses: 2,
  /** Silent cells that witnesses are asked about per step. */
  asked: 3,
} as const;

/** Cells per saved value; a value can hold 128 KiB. */
const CELLS_PER_VALUE = 100;

/** The fraction of an interval during which fencing may start further steps. */
const FENCING_SHARE = 0.5;

const SAVED = 'monitor/cells/';

/** Why the monitor fails a cell back, for the audit log. */
const RESCUE = 'it answers, and the standbys of its tenants do not serve them';

export interface MonitorDeps {
  readonly directory: Pick<Directory, 'cells' | 'change'>;
  readonly prober: Prober;
  readonly fencing: Fencing;
  readonly catchingUp: CatchingUp;
  readonly storage: MonitorStorage;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: MonitorSettings;
  /** Takes in each round for operators; without it there is no overview. */
  readonly overview?: OverviewKeeper;
  /** Knows which keys the edge signs with; without it the status does not say. */
  readonly signers?: Pick<SignerLedger, 'list'>;
  /** Replaces the default rules; for tests. */
  readonly rules?: Rules;
}

export interface MonitorStatus {
  /** When this status was made, RFC 3339. */
  readonly at: string;
  readonly settings: MonitorSettings;
  /** When the latest round that reached the directory began; `null` before the first one. */
  readonly roundAt: string | null;
  /** What prevents the monitor from working, or `null`. */
  readonly trouble: string | null;
  readonly cells: readonly {
    readonly id: string;
    readonly state: CellState;
    readonly policy: FailoverPolicy;
    readonly verdict: Verdict;
    readonly since: string;
    /** Oldest first: `.` an answer, `s` a late one, `x` a failure, `?` inconclusive, because the monitor itself was late. */
    readonly probes: string;
    readonly detail: string;
    /** Why it is not failed over although it is failing. */
    readonly stay: HoldReason | null;
    readonly refusal: string | null;
    /** Whether other cells reach it, for those that were asked lately. */
    readonly seenBy: Readonly<Record<string, boolean>>;
  }[];
  readonly fencing: { readonly waiting: number; readonly jobs: readonly FencingProgress[] };
  readonly catchingUp: CatchingUpProgress;
  /** The keys that this object and the routers sign with, and when each was last seen to be used. */
  readonly signers?: readonly SeenSigner[];
}

export interface Monitor {
  /** Runs one round. Never rejects: a failure is logged, reported in the status, and changes nothing. */
  round(): Promise<void>;
  status(): MonitorStatus;
  /** The overview for operators; `null` before the first round. `known`: the entity tag that the viewer has. */
  overview(known: string | null): OverviewAnswer | null;
}

/** Returns a monitor; rounds must not overlap. */
export function createMonitor(deps: MonitorDeps): Monitor {
  const { directory, prober, fencing, catchingUp, storage, clock, log, settings, overview, signers, rules } = deps;
  let memory: MonitorMemory | undefined;
  let counted: readonly CellOverview[] = [];
  let cells: readonly Cell[] = [];
  let saved: readonly string[] = [];
  let trouble: string | null = null;
  /** Cells in whose place something else answers, as far as it has been reported. */
  const impostors = new Set<string>();
  /** Which cell is asked next for its view while all is well. */
  let turn = 0;

  const recall = async (): Promise<MonitorMemory> => {
    const pages = await storage.list<Json>({ prefix: SAVED, limit: MAXIMUM_CELLS / CELLS_PER_VALUE });
    saved = [...pages.values()].map((page) => JSON.stringify(page));
    return restored([...pages.values()].flatMap((page) => page as unknown as CellMemory['saved'][]));
  };

  /** Writes the pages that have changed; none while all is well. */
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

  const report = (notices: readonly Notice[]): void => {
    for (const { level, cell, message } of notices) log[level](message, cell === null ? {} : { cell });
  };

  /** Reports at once, and once, that something else than the cell answers at its endpoint: requests and tokens are sent there. */
  const reportImpostors = (results: ReadonlyMap<string, readonly ProbeResult[]>): void => {
    for (const [cell, found] of results) {
      const latest = found.findLast(({ answer }) => answer === 'alive' || answer === 'refused');
      if (latest?.impostor === true) {
        if (!impostors.has(cell))
          log.error('what answers at its endpoint has not proved that it is the cell', { cell, detail: latest.detail });
        impostors.add(cell);
      } else if (latest?.answer === 'alive') impostors.delete(cell);
    }
  };

  /** `undefined` when a preview was refused again: the refusal has been reported, and nothing has changed. */
  const command = async (wanted: FailoverOrder): Promise<DirectoryOutcome> => {
    const { cell, previewFirst, reason, answering, silent } = wanted;
    // Tenants without a usable standby lose nothing by it, and must not hold back those that have one.
    const order = {
      ...({ kind: 'fail-over', cell, partial: true } as const),
      ...(answering.length > 0 && { answering }),
      ...(silent.length > 0 && { silent }),
    };
    if (previewFirst) {
      const preview = await directory.change(order, { actor: MONITOR, reason, dryRun: true });
      if (preview.status === 'refused') return preview;
    }
    return directory.change(order, { actor: MONITOR, reason });
  };

  const readCells = async (): Promise<void> => {
    counted = await directory.cells();
    cells = counted.map((each) => each.cell);
  };

  /** Sends probes, waits briefly, and decides on the results. Resolves with whether the next step should follow at once. */
  const step = async (): Promise<boolean> => {
    memory ??= await recall();
    await readCells();
    const probed = cells.filter(({ state }) => state !== 'retired');
    const questions = questionsOf(memory, probed, turn, clock.now());
    turn += 1;
    await prober.send(probed, questions, settings.urgentMs);
    const findings = prober.take();
    reportImpostors(findings.results);
    const decision = decide(memory, cells, findings, clock.now(), settings, rules);
    memory = decision.memory;
    report(decision.notices);
    for (const order of decision.orders) {
      const settled = settle(memory, order.cell, await command(order), clock.now(), settings);
      memory = settled.memory;
      report(settled.notices);
    }
    let rescued = false;
    for (const { cell, silent } of decision.rescues) {
      const command = { kind: 'fail-back', cell, rescue: true, ...(silent.length > 0 && { silent }) } as const;
      const { status } = await directory.change(command, { actor: MONITOR, reason: RESCUE });
      if (status !== 'applied') continue;
      rescued = true;
      log.warn('It answers and is failed back, as no other cell serves its tenants.', { cell });
    }
    await remember(memory);
    // The directory's cells after the changes just made.
    if (decision.orders.length > 0 || rescued) await readCells();
    return decision.urgent;
  };

  const watch = async (): Promise<void> => {
    for (let steps = 1; ; steps += 1) {
      const startedAt = clock.now();
      const urgent = await step();
      if (!urgent || steps === ROUND_LIMITS.steps) break;
      const spentMs = clock.now() - startedAt;
      if (spentMs < settings.urgentMs) await clock.sleep(settings.urgentMs - spentMs);
    }
    const until = epochMs(clock.now() + settings.intervalMs * FENCING_SHARE);
    // Not waited for: a cell may take its time over each step.
    void catchingUp.round(cells, (cell) => answersNow(memory ?? EMPTY_MEMORY, cell));
    await fencing.round(cells, (cell) => answersNow(memory ?? EMPTY_MEMORY, cell), until);
    await overview?.round({ cells: counted, memory: memory ?? EMPTY_MEMORY, fencing });
  };

  return {
    async round() {
      try {
        await watch();
        if (trouble !== null) log.info('the monitor works again');
        trouble = null;
      } catch (error) {
        const { code, message } = describeError(error);
        if (trouble === null) log.error('the monitor cannot do its work; nothing is changed', { code, message });
        trouble = `${code}: ${message}`;
      }
    },

    status: () =>
      statusOf(memory ?? EMPTY_MEMORY, cells, trouble, settings, clock.now(), {
        fencing: fencing.progress(),
        catchingUp: catchingUp.progress(),
        ...(signers !== undefined && { signers: signers.list() }),
      }),

    overview: (known) => overview?.answer(trouble ?? heldBy(memory ?? EMPTY_MEMORY), known) ?? null,
  };
}

const answersNow = (memory: MonitorMemory, cell: string): boolean => {
  const known = memory.cells.get(cell);
  return known !== undefined && isAnswering(known.evidence) === true;
};

/**
 * The questions to ask witnesses now: for each silent cell, some answering cells in other failure domains; and, once a minute for each, one
 * cell about another, so that it is known which cells have outbound connectivity before that matters.
 */
function questionsOf(memory: MonitorMemory, cells: readonly Cell[], turn: number, now: EpochMs): readonly Question[] {
  const answering = cells.filter(({ id }) => answersNow(memory, id));
  const silent = cells.filter((cell) => {
    const known = memory.cells.get(cell.id);
    return isServing(cell) && known !== undefined && isAnswering(known.evidence) === false;
  });
  const { provenAt } = memory.vantage;
  const unproven = answering.filter(({ id }) => now - (provenAt.get(id) ?? 0) >= VANTAGE_LIMITS.renewMs);
  const witness = unproven[turn % Math.max(1, unproven.length)];
  const others = answering.filter((cell) => cell !== witness);
  const about = others[turn % Math.max(1, others.length)];
  const proof = witness === undefined || about === undefined ? [] : [{ witness, about, spare: true }];
  const domains = new Set(silent.map(failureDomain));
  // A single silent domain is lost whatever the others see, so no witness is asked.
  if (domains.size <= 1) return proof;
  return [
    ...proof,
    ...silent.slice(0, ROUND_LIMITS.asked).flatMap((lost) =>
      answering
        .filter((cell) => failureDomain(cell) !== failureDomain(lost))
        // Witnesses of another cloud first: the whole cloud may be lost.
        .sort((a, b) => Number(a.cloud === lost.cloud) - Number(b.cloud === lost.cloud))
        .slice(0, ROUND_LIMITS.witnesses)
        .map((cell) => ({ witness: cell, about: lost, spare: false })),
    ),
  ];
}

const heldBy = ({ held }: MonitorMemory): string | null =>
  held ? 'Cells of several clouds do not answer, and no other cell confirms it; they are not failed over.' : null;

const time = (at: EpochMs): string => new Date(at).toISOString();

function statusOf(
  memory: MonitorMemory,
  cells: readonly Cell[],
  trouble: string | null,
  settings: MonitorSettings,
  now: EpochMs,
  work: Pick<MonitorStatus, 'fencing' | 'catchingUp' | 'signers'>,
): MonitorStatus {
  return {
    at: time(now),
    settings,
    roundAt: memory.roundAt === null ? null : time(memory.roundAt),
    trouble: trouble ?? heldBy(memory),
    cells: cells.flatMap(({ id, state, failover }) => {
      const known = memory.cells.get(id);
      if (known === undefined) return [];
      const { saved, evidence } = known;
      const { verdict, since, stay, refusal } = saved;
      return [
        {
          id,
          state,
          policy: failover,
          verdict,
          since: time(since),
          probes: drawn(evidence, settings),
          detail: evidence.probes.at(-1)?.detail ?? '',
          stay,
          refusal: refusal === '' ? null : refusal,
          seenBy: Object.fromEntries(
            [...memory.vantage.views.values()]
              .filter((view) => view.about === id)
              .map((view) => [view.witness, view.reached]),
          ),
        },
      ];
    }),
    ...work,
  };
}
