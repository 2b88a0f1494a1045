// Drills: short records of what was last proven, kept at the edge for everyone to see.

/** Bounds of a record, and of how many are kept. */
export const DRILL_LIMITS = {
  /** Records that are kept: the newest. */
  kept: 100,
  /** Targets that a record says were missed, and bytes of each. */
  missed: 10,
  /** Bytes of the cells with the fault. */
  cellBytes: 200,
  missedBytes: 200,
  /** How long a drill may have lasted, and an RTO may be, in milliseconds: a day. */
  lengthMs: 86_400_000,
  /** The clock of who has run it may be ahead by this, in milliseconds. */
  aheadMs: 300_000,
} as const;

/** `inconclusive`: the time before the fault was no baseline, so that it proves nothing. */
export const DRILL_OUTCOMES = ['passed', 'failed', 'inconclusive'] as const;
/** One of `DRILL_OUTCOMES`. */
export type DrillOutcome = (typeof DRILL_OUTCOMES)[number];

/** A drill as it was handed over. The field names are part of the control API; times are RFC 3339. */
export interface DrillResult {
  /** Drawn by who ran it: the same drill handed over again is no other one. */
  readonly id: string;
  /** As `npx polycell drill list` names it; one of a later release is kept, too. */
  readonly kind: string;
  /** The cell with the fault, or all of them as text; `null` for a fault of none. */
  readonly cell: string | null;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly outcome: DrillOutcome;
  /** Of the tenant that was served again last, in milliseconds; `null` if it was not measured, or one never was. */
  readonly rtoMs: number | null;
  /** Targets that were missed, in short texts; not all of them if there are many. */
  readonly missed: readonly string[];
}

/** As it is kept. */
export interface DrillRecord extends DrillResult {
  /** Who has handed it over. */
  readonly actor: string;
  /** When, by the edge's clock. */
  readonly notedAt: string;
}

/** Both methods may be repeated, and reject with `unavailable` without an answer in time. */
export interface DrillBook {
  /** Keeps a record; resolves with what is kept under its id, which is another drill if that was handed over before. */
  noteDrill(drill: DrillResult, actor: string): Promise<DrillRecord>;
  /** Those that are kept, the latest noted first. */
  drills(): Promise<readonly DrillRecord[]>;
}
