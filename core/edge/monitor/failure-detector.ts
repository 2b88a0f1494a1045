// Decides from probes which cells are failing and which failovers follow; pure, so that every history can be tested.

import type { ProbeResult } from '../../cell/health-probe.ts';
import { cutUtf8 } from '../../lib/text.ts';
import { type EpochMs, epochMs } from '../../ports/clock.ts';
import { MAXIMUM_CELLS } from '../ports/directory.ts';
import { type Cell, type DirectoryOutcome, isServing } from '../ports/directory-model.ts';
import {
  type Evidence,
  failuresInARow,
  isAnswering,
  isLost,
  NO_EVIDENCE,
  silentSince,
  type Verdict,
  verdictOf,
  withResults,
} from './evidence.ts';
import type { MonitorSettings } from './monitor-settings.ts';
import { type Doubt, doubts, NO_VANTAGE, type PeerView, type Vantage, withViews } from './vantage.ts';

/** Why the monitor does not fail over a failing cell now. */
export type HoldReason =
  /** An operator has to act: the policy is `approve`. */
  | 'proposed'
  /** The policy is `never`. */
  | 'left-to-operators'
  /** It was failed back recently. */
  | 'grace'
  /** Cells of several clouds, or all cells, are silent, so the monitor's own network path is the likelier cause. */
  | 'held'
  /** Cells of several failure domains are silent, but another cell reaches this one. */
  | 'contradicted'
  /** The directory refused. */
  | 'refused';

/** The state kept for a cell; `saved` is the part that survives a restart. */
export interface CellMemory {
  readonly saved: {
    readonly id: string;
    readonly verdict: Verdict;
    /** When the current verdict was reached. */
    readonly since: EpochMs;
    /** Whether it was failed over when the directory was last read. */
    readonly down: boolean;
    /** The monitor does not fail it over before this time. */
    readonly graceUntil: EpochMs;
    /** Why it is not failed over, once that has been reported. */
    readonly stay: HoldReason | null;
    /** What was wrong with the latest probe that failed. */
    readonly detail: string;
    /** Code and detail of the directory's refusal, or empty. */
    readonly refusal: string;
    /** A refused failover is not retried before this time. */
    readonly retryAt: EpochMs;
  };
  readonly evidence: Evidence;
}

export interface MonitorMemory {
  /** Time of the latest round; probes separated by a gap do not form a window. */
  readonly roundAt: EpochMs | null;
  readonly cells: ReadonlyMap<string, CellMemory>;
  /** Whether the monitor held back in the latest round because it may have lost its own connectivity. */
  readonly held: boolean;
  readonly vantage: Vantage;
}

/** The findings of one round. */
export interface Findings {
  /** Results received since the previous round, by cell. */
  readonly results: ReadonlyMap<string, readonly ProbeResult[]>;
  readonly views: readonly PeerView[];
}

/** A failover to command. After a refusal it is previewed first, so that the audit log records each refusal once. */
export interface FailoverOrder {
  readonly cell: string;
  readonly previewFirst: boolean;
  readonly reason: string;
  /** Cells that are down but answer: they may be failed back in the same step if tenants would otherwise go unserved. */
  readonly answering: readonly string[];
  /** Cells that do not answer: they cannot take over tenants, whatever their state. */
  readonly silent: readonly string[];
}

/** A cell to fail back if no other cell serves its tenants. */
export type Rescue = Pick<FailoverOrder, 'cell' | 'silent'>;

/** A change to report to operators; emitted once when the condition begins, not while it lasts. */
export interface Notice {
  readonly level: 'info' | 'warn' | 'error';
  readonly cell: string | null;
  readonly message: string;
}

export interface Decision {
  readonly memory: MonitorMemory;
  readonly orders: readonly FailoverOrder[];
  /** Cells that are down but answer while another cell fails: to fail back if no other cell serves their tenants. */
  readonly rescues: readonly Rescue[];
  readonly notices: readonly Notice[];
  /** Whether a cell does not answer and there is no conclusion yet, so that the next round should come soon. */
  readonly urgent: boolean;
}

export const MONITOR_LIMITS = {
  /** A gap of this many intervals between rounds restarts every window: what happened in between is not known. */
  gapIntervals: 5,
  /** A refused failover is retried after this many intervals. */
  retryIntervals: 10,
  /** Maximum number of other cells that an order names. */
  named: 100,
  /** Bytes kept of a detail. */
  detailBytes: 300,
} as const;

export const EMPTY_MEMORY: MonitorMemory = { roundAt: null, cells: new Map(), held: false, vantage: NO_VANTAGE };

const initialState = (cell: Cell, now: EpochMs): CellMemory => ({
  saved: {
    id: cell.id,
    verdict: 'unknown',
    since: now,
    down: cell.state === 'down',
    graceUntil: epochMs(0),
    stay: null,
    detail: '',
    refusal: '',
    retryAt: epochMs(0),
  },
  evidence: NO_EVIDENCE,
});

/** The memory after a restart: reported notices and grace periods are kept, and every window starts empty. */
export const restored = (saved: readonly CellMemory['saved'][]): MonitorMemory => ({
  ...EMPTY_MEMORY,
  cells: new Map(saved.slice(0, MAXIMUM_CELLS).map((each) => [each.id, { saved: each, evidence: NO_EVIDENCE }])),
});

/** The state that must survive a restart: cells with a reported notice or a grace period. */
export const worthSaving = (memory: MonitorMemory): readonly CellMemory['saved'][] =>
  [...memory.cells.values()].map(({ saved }) => saved).filter((saved) => !isOrdinary(saved));

const isOrdinary = ({ verdict, stay, graceUntil, down }: CellMemory['saved']): boolean =>
  verdict !== 'failing' && stay === null && graceUntil === 0 && !down;

/** The rules that the monitor decides by; a test can replace one to prove that the error is detected. */
export interface Rules {
  readonly doubts: typeof doubts;
}

const RULES: Rules = { doubts };

/**
 * Evaluates the findings of one round and decides. `cells` are those of the directory; nothing is concluded about cells without a
 * result (retired, or just added). Memory is kept only for cells of the directory, so it is bounded by their number.
 */
export function decide(
  memory: MonitorMemory,
  cells: readonly Cell[],
  { results, views }: Findings,
  now: EpochMs,
  settings: MonitorSettings,
  rules: Rules = RULES,
): Decision {
  const notices: Notice[] = [];
  const gap =
    memory.roundAt === null || Math.abs(now - memory.roundAt) > MONITOR_LIMITS.gapIntervals * settings.intervalMs;
  const living = cells.slice(0, MAXIMUM_CELLS).filter(({ state }) => state !== 'retired');
  const seen = new Map(
    living.map((cell) => {
      const before = memory.cells.get(cell.id) ?? initialState(cell, now);
      return [cell.id, { before, after: observe(before, cell, results.get(cell.id) ?? [], gap, now, settings) }];
    }),
  );
  const evidenceOf = (id: string): Evidence => seen.get(id)?.after.evidence ?? NO_EVIDENCE;
  const silent = new Set(living.filter(({ id }) => isAnswering(evidenceOf(id)) === false).map(({ id }) => id));
  const answering = new Set(living.filter(({ id }) => isAnswering(evidenceOf(id)) === true).map(({ id }) => id));
  const vantage = withViews(memory.vantage, views, now);
  const doubted = rules.doubts(living, silent, answering, vantage);
  const isFailing = (id: string) => seen.get(id)?.after.saved.verdict === 'failing';
  const held = [...doubted].some(([id, doubt]) => doubt === 'held' && isFailing(id));
  if (held !== memory.held) notices.push(held ? HOLDING : NO_LONGER_HOLDING);

  const named = (which: (cell: Cell, verdict: Verdict) => boolean) =>
    living
      .filter((cell) => which(cell, seen.get(cell.id)?.after.saved.verdict ?? 'unknown'))
      .map(({ id }) => id)
      .slice(0, MONITOR_LIMITS.named);
  const answeringDown = named(
    ({ id, state, failover }, verdict) =>
      state === 'down' && failover === 'automatic' && verdict === 'up' && answering.has(id),
  );
  const failing = named((_, verdict) => verdict === 'failing');

  // What was refused as no other cell could serve may not be refused any more.
  const isHelp = living.some(({ id }) => {
    const { before, after } = seen.get(id) ?? {};
    return before?.saved.verdict === 'failing' && after?.saved.verdict === 'up';
  });
  const orders: FailoverOrder[] = [];
  const next = new Map<string, CellMemory>();
  let urgent = false;
  for (const cell of living) {
    const { id } = cell;
    const { before, after: observed } = seen.get(id) ?? {
      before: initialState(cell, now),
      after: initialState(cell, now),
    };
    const stay = reasonToStay(observed, cell, doubted.get(id), now);
    const after = report(before, observed, cell, stay, notices);
    next.set(id, after);
    urgent ||= isServing(cell) && silent.has(id) && after.saved.verdict !== 'failing';
    if (mayOrder(after, cell, stay, isHelp ? epochMs(0) : after.saved.retryAt, now, settings))
      orders.push({
        cell: id,
        previewFirst: after.saved.stay === 'refused',
        reason: describeLoss(after, now),
        answering: answeringDown.filter((other) => other !== id),
        silent: failing.filter((other) => other !== id),
      });
  }
  const othersFail = (id: string) =>
    living.some((other) => other.id !== id && (other.state === 'down' || failing.includes(other.id)));
  const rescues = answeringDown.filter(othersFail).map((cell) => ({ cell, silent: failing }));
  return { memory: { roundAt: now, cells: next, held, vantage }, orders, rescues, notices, urgent };
}

const HOLDING: Notice = {
  level: 'error',
  cell: null,
  message:
    'Cells of several clouds do not answer, and no other cell confirms it; they are not failed over, as it is likelier the monitor’s own way to them. If they are lost: npx polycell failover start CELL.',
};

const NO_LONGER_HOLDING: Notice = { level: 'info', cell: null, message: 'The monitor no longer holds back.' };

function describeLoss({ evidence, saved }: CellMemory, now: EpochMs): string {
  const seconds = ((now - (silentSince(evidence) ?? now)) / 1000).toFixed(1);
  return `no sign of life for ${seconds} s, ${failuresInARow(evidence).length} probes in a row failed: ${saved.detail}`;
}

/** The evidence, verdict and grace period of a cell after a round. */
function observe(
  before: CellMemory,
  cell: Cell,
  results: readonly ProbeResult[],
  gap: boolean,
  now: EpochMs,
  settings: MonitorSettings,
): CellMemory {
  const isDown = cell.state === 'down';
  const returned = before.saved.down && !isDown;
  const kept = gap || returned ? { ...before.evidence, probes: [] } : before.evidence;
  const evidence = withResults(kept, results, settings);
  const was = returned ? 'unknown' : before.saved.verdict;
  const verdict = verdictOf(was, evidence, now, settings);
  const graceOver = before.saved.graceUntil <= now ? epochMs(0) : before.saved.graceUntil;
  const failure = results.findLast(({ answer }) => answer === 'refused' || answer === 'silent');
  return {
    saved: {
      ...before.saved,
      verdict,
      since: verdict === before.saved.verdict ? before.saved.since : now,
      down: isDown,
      graceUntil: returned && settings.graceMs > 0 ? epochMs(now + settings.graceMs) : graceOver,
      detail: failure === undefined ? before.saved.detail : cutUtf8(failure.detail, MONITOR_LIMITS.detailBytes),
      ...(returned && { stay: null, refusal: '', retryAt: epochMs(0) }),
    },
    evidence,
  };
}

function reasonToStay({ saved }: CellMemory, cell: Cell, doubt: Doubt | undefined, now: EpochMs): HoldReason | null {
  if (saved.verdict !== 'failing' || !isServing(cell)) return null;
  if (cell.failover === 'never') return 'left-to-operators';
  if (cell.failover === 'approve') return 'proposed';
  if (saved.graceUntil > now) return 'grace';
  if (doubt !== undefined) return doubt;
  return saved.stay === 'refused' ? 'refused' : null;
}

const MESSAGES: Readonly<Record<Exclude<HoldReason, 'refused' | 'held'>, (cell: string) => string>> = {
  proposed: (cell) => `A failover is proposed: npx polycell failover start ${cell}`,
  'left-to-operators': (cell) => `Its policy leaves it to operators: npx polycell failover start ${cell}`,
  grace: () => 'It was failed back a moment ago and is not failed over again yet',
  contradicted: (cell) =>
    `Another cell reaches it, so it is likelier the monitor’s own way. If clients cannot reach it either: npx polycell failover start ${cell}`,
};

/** Adds notices of conditions that have begun or ended, and records that they were reported. */
function report(
  before: CellMemory,
  seen: CellMemory,
  cell: Cell,
  stay: HoldReason | null,
  notices: Notice[],
): CellMemory {
  const { id } = cell;
  const was = before.saved.verdict;
  const { verdict, detail } = seen.saved;
  if (verdict === 'failing' && was !== 'failing')
    notices.push({
      level: 'warn',
      cell: id,
      message: `It no longer answers its probes: ${detail.replace(/\.$/, '')}.`,
    });
  if (verdict === 'up' && was === 'failing')
    notices.push({
      level: 'info',
      cell: id,
      message:
        cell.state === 'down'
          ? `It answers again and stays failed over until it is failed back: npx polycell failover back ${id}.`
          : 'It answers again.',
    });
  if (stay !== null && stay !== before.saved.stay && stay !== 'refused' && stay !== 'held')
    notices.push({ level: 'error', cell: id, message: `${MESSAGES[stay](id)}.` });
  const refusal = stay === 'refused' ? seen.saved.refusal : '';
  return { ...seen, saved: { ...seen.saved, stay, refusal } };
}

/** The verdict alone is not enough: it may predate a restart, or persist for a flapping cell. The current probes must show the loss. */
function mayOrder(
  { evidence }: CellMemory,
  cell: Cell,
  stay: HoldReason | null,
  retryAt: EpochMs,
  now: EpochMs,
  settings: MonitorSettings,
): boolean {
  if (!isServing(cell) || !isLost(evidence, now, settings)) return false;
  return stay === null || (stay === 'refused' && retryAt <= now);
}

/** Records the directory's response to an order. */
export function settle(
  memory: MonitorMemory,
  cell: string,
  outcome: DirectoryOutcome,
  now: EpochMs,
  settings: MonitorSettings,
): Pick<Decision, 'memory' | 'notices'> {
  const known = memory.cells.get(cell);
  if (known === undefined) return { memory, notices: [] };
  const refused = outcome.status === 'refused';
  const refusal = refused ? cutUtf8(`${outcome.code}: ${outcome.detail}`, MONITOR_LIMITS.detailBytes) : '';
  const after: CellMemory = {
    ...known,
    saved: {
      ...known.saved,
      stay: refused ? 'refused' : null,
      refusal,
      down: known.saved.down || !refused,
      retryAt: epochMs(refused ? now + MONITOR_LIMITS.retryIntervals * settings.intervalMs : 0),
    },
  };
  const notices: Notice[] = [];
  if (refused && known.saved.stay !== 'refused')
    notices.push({
      level: 'error',
      cell,
      message: `Its failover is refused (${refusal}). Its tenants are not served.`,
    });
  if (outcome.status === 'applied')
    notices.push({
      level: 'warn',
      cell,
      message:
        `It has been failed over. Tenants that it no longer serves: ${outcome.movedTenants}. ${outcome.notes.join(' ')}`.trim(),
    });
  return { memory: { ...memory, cells: new Map(memory.cells).set(cell, after) }, notices };
}
