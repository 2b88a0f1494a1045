// The steps of an erasure in one cell, in the order in which nothing comes back, and the certificate behind them.
import { TOMBSTONE_REMEMBERED_MS } from '../../cell/erasure-terms.ts';
import { CELL_TOPOLOGY } from '../../cell/topology.ts';
import { cutUtf8 } from '../../lib/text.ts';
import type { JsonObject } from '../../ports/json.ts';
import type { CellErasure, Certificate, Erasure } from '../ports/erasures.ts';

const DAY_MS = 24 * 3_600_000;

export const ERASURE_LIMITS = {
  /**
   * No platform lets a request or a function run for longer, so that what had looked for a tombstone before there was one has ended; a
   * process goes by what it has read before; and clocks differ a little. In milliseconds.
   */
  drainMs: 125_000 + TOMBSTONE_REMEMBERED_MS,
  /** Sweeps of a subject, and of a tenant, whose name leaves the index of tenants with the last one. */
  subjectSweeps: 2,
  tenantSweeps: 3,
  /** Where as many sweeps as this have each found something, that is shown as a problem. */
  sweeps: 10,
  /** How far ahead the time of an event may be, in milliseconds, and so that up to which is erased. */
  futureMs: 300_000,
  /** The pause after a piece of work that did not get on, in milliseconds. */
  pauseMs: 2000,
  /** Queues and their dead letters keep a message for so long, in milliseconds. */
  retentionMs: CELL_TOPOLOGY.deadLetterRetentionDays * DAY_MS,
  /** Of DynamoDB, which keeps the longest of both (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html). */
  backupMs: 35 * DAY_MS,
  /** Erasures that are kept: one with its certificate has up to four kilobytes, and all are in the memory of an object that has 128 MB. */
  kept: 10_000,
  /** Of them, those that are under way. */
  active: 100,
  concurrent: 4,
  /** Bytes kept of a problem. */
  problemBytes: 300,
} as const;

/** The type of a signed certificate, so that it cannot pass as a token. */
export const CERTIFICATE_TYPE = 'polycell-erasure';

/** A cell in which nothing was done yet. */
export const newCell = (now: number): CellErasure => ({
  ...{ step: 'mark', pass: 1, removed: 0, kept: [], notBefore: now, problem: null },
});

/** What the cell is to be asked for next; `null` while it is drained, or done. */
export const phaseOf = ({ step, notBefore }: CellErasure, now: number): 'mark' | 'sweep' | 'close' | null => {
  if (step === 'done' || notBefore > now) return null;
  return step === 'drain' ? 'sweep' : step;
};

/** The cell behind a problem. */
export const hindered = (cell: CellErasure, problem: string, now: number): CellErasure => ({
  ...cell,
  problem: cutUtf8(problem, ERASURE_LIMITS.problemBytes),
  notBefore: now + ERASURE_LIMITS.pauseMs,
});

/** The cell behind what it has answered to a phase. */
export function advanced(
  cell: CellErasure,
  phase: 'mark' | 'sweep' | 'close',
  answer: JsonObject,
  { subject }: Pick<Erasure, 'subject'>,
  now: number,
): CellErasure {
  const drained = { step: 'drain', notBefore: now + ERASURE_LIMITS.drainMs, problem: null } as const;
  if (phase === 'mark') return { ...cell, ...drained };
  if (phase === 'close') return { ...cell, step: 'done', problem: null };
  const kept = Array.isArray(answer.kept) ? answer.kept.map(String) : [];
  if (answer.done !== true) {
    if (answer.waiting !== undefined) return hindered({ ...cell, step: 'sweep' }, String(answer.waiting), now);
    return { ...cell, step: 'sweep', kept, problem: null };
  }
  const found = Number(answer.removed ?? 0);
  const least = subject === null ? ERASURE_LIMITS.tenantSweeps : ERASURE_LIMITS.subjectSweeps;
  const after = { ...cell, kept, removed: cell.removed + found };
  // Another sweep, until one finds nothing: what comes again and again cannot be certified.
  if (cell.pass < least || found > 0) {
    const isOdd = found > 0 && cell.pass >= ERASURE_LIMITS.sweeps;
    const problem = isOdd ? `sweep ${cell.pass} still found ${found} documents` : null;
    return { ...after, ...drained, problem, pass: cell.pass + 1 };
  }
  return { ...after, step: 'close', problem: null };
}

const iso = (time: number): string => new Date(time).toISOString();

/** The certificate of an erasure that is nowhere any more. */
export const certificateOf = (erasure: Erasure, retired: readonly string[], now: number): Certificate => {
  const { id, tenant, subject, until, orderedAt, actor, reason, cells } = erasure;
  const erasedAt = erasure.erasedAt ?? now;
  return {
    ...{ erasure: id, tenant, subject, until, orderedAt: iso(orderedAt), actor, reason },
    ...{ erasedAt: iso(erasedAt), certifiedAt: iso(now) },
    cells: Object.entries(cells).map(([cell, { removed, pass, kept }]) => ({ cell, removed, sweeps: pass, kept })),
    outOfReach: retired,
    backupsExpireAt: iso(erasedAt + ERASURE_LIMITS.backupMs),
    remains: [
      'Backups of the cells’ stores until they expire; a restored one erases again before it serves.',
      'Exports, which the operator keeps and Polycell does not know.',
      'This record, by which events of the subject are refused.',
      ...(subject === null ? [] : ['Messages that were no events, and were parked: they name no subject.']),
    ],
  };
};
