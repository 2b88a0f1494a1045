// Decides from probes which cells are failing and which failovers follow; pure, so that every history can be tested.

import { cutUtf8 } from '../../lib/text.ts';
import { type EpochMs, epochMs } from '../../ports/clock.ts';
import { MAXIMUM_CELLS } from '../ports/directory.ts';
import { type Cell, type DirectoryOutcome, isServing } from '../ports/directory-model.ts';
import type { MonitorSettings } from './monitor-settings.ts';

/** What a cell said to one probe. A cell that is `degraded` answers, and so is alive. */
export interface ProbeResult {
  readonly alive: boolean;
  /** `ok`, `degraded`, or why it counts as a failure. */
  readonly detail: string;
  readonly tookMs: number;
}

export type Verdict = 'unknown' | 'up' | 'failing';

/** Why a cell that is failing is not failed over by the monitor now. */
export type HoldReason =
  /** An operator has to act: the policy is `approve`. */
  | 'proposed'
  /** The policy is `never`. */
  | 'left-to-operators'
  /** It was failed back a moment ago. */
  | 'grace'
  /** Most cells do not answer, so it is likelier the monitor's own way to them. */
  | 'held'
  /** The directory refused. */
  | 'refused';

/** What is remembered of a cell; the part that a restart keeps is in `saved`. */
export interface CellMemory {
  readonly saved: {
    readonly id: string;
    readonly verdict: Verdict;
    /** When the verdict became this. */
    readonly since: EpochMs;
    /** Whether the directory had it failed over when it was last looked at. */
    readonly down: boolean;
    /** No failover by the monitor before this. */
    readonly graceUntil: EpochMs;
    /** Why it stays, once that has been told. */
    readonly stay: HoldReason | null;
    /** What was wrong with the latest probe that failed. */
    readonly detail: string;
    /** Code and detail of the directory's refusal, or empty. */
    readonly refusal: string;
    /** A refused failover is tried again from then on. */
    readonly retryAt: EpochMs;
  };
  /** The latest probes, the newest last; `settings.window` or `settings.recoveries` of them, whichever is more. */
  readonly probes: readonly boolean[];
  readonly last: ProbeResult | null;
}

export interface MonitorMemory {
  /** When the latest round was; probes with a gap between them are no window. */
  readonly roundAt: EpochMs | null;
  readonly cells: ReadonlyMap<string, CellMemory>;
  /** Whether most cells did not answer in the latest round. */
  readonly held: boolean;
}

/** A failover to be commanded. After a refusal it is previewed first, so that the audit log has each refusal once. */
export interface FailoverOrder {
  readonly cell: string;
  readonly previewFirst: boolean;
  readonly reason: string;
}

/** Something that people should hear of; told when it begins, not as long as it lasts. */
export interface Notice {
  readonly level: 'info' | 'warn' | 'error';
  readonly cell: string | null;
  readonly message: string;
}

export interface Decision {
  readonly memory: MonitorMemory;
  readonly orders: readonly FailoverOrder[];
  readonly notices: readonly Notice[];
}

export const MONITOR_LIMITS = {
  /** A round this many intervals after the one before begins every window anew: what lies between is not known. */
  gapIntervals: 5,
  /** A refused failover is tried again after so many intervals. */
  retryIntervals: 10,
  /** Bytes of a detail that are kept. */
  detailBytes: 300,
} as const;

export const EMPTY_MEMORY: MonitorMemory = { roundAt: null, cells: new Map(), held: false };

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
  probes: [],
  last: null,
});

/** The memory after a restart: what has been told and granted is kept, and every window begins anew. */
export const restored = (saved: readonly CellMemory['saved'][]): MonitorMemory => ({
  ...EMPTY_MEMORY,
  cells: new Map(saved.slice(0, MAXIMUM_CELLS).map((each) => [each.id, { saved: each, probes: [], last: null }])),
});

/** What has to survive a restart: cells of which something has been told or granted. */
export const worthSaving = (memory: MonitorMemory): readonly CellMemory['saved'][] =>
  [...memory.cells.values()].map(({ saved }) => saved).filter((saved) => !isOrdinary(saved));

const isOrdinary = ({ verdict, stay, graceUntil, down }: CellMemory['saved']): boolean =>
  verdict !== 'failing' && stay === null && graceUntil === 0 && !down;

/**
 * Takes one round of probes in and decides. `cells` are the directory's; of those without a result (retired ones, and cells that
 * were added meanwhile) nothing is concluded. Memory is kept for cells of the directory alone, so it is as bounded as they are.
 */
export function decide(
  memory: MonitorMemory,
  cells: readonly Cell[],
  results: ReadonlyMap<string, ProbeResult>,
  now: EpochMs,
  settings: MonitorSettings,
): Decision {
  const notices: Notice[] = [];
  const orders: FailoverOrder[] = [];
  const gap =
    memory.roundAt === null || Math.abs(now - memory.roundAt) > MONITOR_LIMITS.gapIntervals * settings.intervalMs;
  const held = isBlind(cells, results);
  if (held !== memory.held)
    notices.push(
      held
        ? {
            level: 'error',
            cell: null,
            message:
              'Most cells do not answer; nothing is failed over, as it is likelier the monitor’s own way to them.',
          }
        : { level: 'info', cell: null, message: 'Most cells answer again.' },
    );
  const next = new Map<string, CellMemory>();
  for (const cell of cells.slice(0, MAXIMUM_CELLS)) {
    if (cell.state === 'retired') continue;
    const before = memory.cells.get(cell.id) ?? initialState(cell, now);
    const result = results.get(cell.id);
    const seen = observe(before, cell, result, gap, now, settings);
    const stay = reasonToStay(seen, cell, held, now);
    const after = tell(before, seen, cell, stay, notices);
    next.set(cell.id, after);
    if (mayOrder(after, cell, result, stay, now, settings))
      orders.push({
        cell: cell.id,
        previewFirst: after.saved.stay === 'refused',
        reason: `${failureCount(after, settings)} of the last ${Math.min(after.probes.length, settings.window)} probes failed: ${after.saved.detail}`,
      });
  }
  return { memory: { roundAt: now, cells: next, held }, orders, notices };
}

/**
 * More than half of the cells that serve do not answer in this round. Clouds do not fail together; a monitor's network does. Of
 * two cells one may fail; of one cell nothing is decided, as nobody could stand in for it.
 */
function isBlind(cells: readonly Cell[], results: ReadonlyMap<string, ProbeResult>): boolean {
  const serving = cells.filter((cell) => isServing(cell) && results.has(cell.id));
  const silent = serving.filter(({ id }) => results.get(id)?.alive === false).length;
  const anybody = [...results.values()].some(({ alive }) => alive);
  return silent > 0 && (silent * 2 > serving.length || !anybody);
}

/** The window, the verdict and the grace after one more probe. */
function observe(
  before: CellMemory,
  cell: Cell,
  result: ProbeResult | undefined,
  gap: boolean,
  now: EpochMs,
  settings: MonitorSettings,
): CellMemory {
  const isDown = cell.state === 'down';
  const returned = before.saved.down && !isDown;
  const kept = gap || returned ? [] : before.probes;
  const length = Math.max(settings.window, settings.recoveries);
  const probes = result === undefined ? kept : [...kept, result.alive].slice(-length);
  const failures = probes.slice(-settings.window).filter((alive) => !alive).length;
  const recovered = probes.length >= settings.recoveries && probes.slice(-settings.recoveries).every((alive) => alive);
  const was = returned ? 'unknown' : before.saved.verdict;
  // Between the two thresholds the verdict stays what it is: a cell that flaps does not flap the verdict.
  const verdict = failures >= settings.failures ? 'failing' : recovered ? 'up' : was;
  const graceOver = before.saved.graceUntil <= now ? epochMs(0) : before.saved.graceUntil;
  return {
    saved: {
      ...before.saved,
      verdict,
      since: verdict === before.saved.verdict ? before.saved.since : now,
      down: isDown,
      graceUntil: returned && settings.graceMs > 0 ? epochMs(now + settings.graceMs) : graceOver,
      detail: result?.alive === false ? cutUtf8(result.detail, MONITOR_LIMITS.detailBytes) : before.saved.detail,
      ...(returned && { stay: null, refusal: '', retryAt: epochMs(0) }),
    },
    probes,
    last: result ?? before.last,
  };
}

function reasonToStay({ saved }: CellMemory, cell: Cell, held: boolean, now: EpochMs): HoldReason | null {
  if (saved.verdict !== 'failing' || !isServing(cell)) return null;
  if (cell.failover === 'never') return 'left-to-operators';
  if (cell.failover === 'approve') return 'proposed';
  if (saved.graceUntil > now) return 'grace';
  if (held) return 'held';
  return saved.stay === 'refused' ? 'refused' : null;
}

const MESSAGES: Readonly<Record<Exclude<HoldReason, 'refused' | 'held'>, string>> = {
  proposed: 'A failover is proposed; its policy wants an operator to start it',
  'left-to-operators': 'Its policy leaves failing over to operators',
  grace: 'It was failed back a moment ago and is not failed over again yet',
};

/** Adds the notices of what has begun or ended, and remembers that it was told. */
function tell(
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
        cell.state === 'down' ? 'It answers again; failing back is for an operator to decide.' : 'It answers again.',
    });
  if (stay !== null && stay !== before.saved.stay && stay !== 'refused' && stay !== 'held')
    notices.push({ level: 'error', cell: id, message: `${MESSAGES[stay]}.` });
  const refusal = stay === 'refused' ? seen.saved.refusal : '';
  return { ...seen, saved: { ...seen.saved, stay, refusal } };
}

const failureCount = ({ probes }: CellMemory, { window }: MonitorSettings): number =>
  probes.slice(-window).filter((alive) => !alive).length;

/**
 * The verdict alone does not do: it may be from before a restart, or linger on a cell that flaps. The window of now must be full of
 * failures, and the latest probe one of them.
 */
function mayOrder(
  memory: CellMemory,
  cell: Cell,
  result: ProbeResult | undefined,
  stay: HoldReason | null,
  now: EpochMs,
  settings: MonitorSettings,
): boolean {
  const { saved } = memory;
  if (!isServing(cell) || result?.alive !== false || failureCount(memory, settings) < settings.failures) return false;
  return stay === null || (stay === 'refused' && saved.retryAt <= now);
}

/** Takes in what the directory said to an order. */
export function settle(
  memory: MonitorMemory,
  cell: string,
  outcome: DirectoryOutcome,
  now: EpochMs,
  settings: MonitorSettings,
): Omit<Decision, 'orders'> {
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
