// The failback gate: what is known of whether a cell that is down may serve its tenants again.

/**
 * `unknown`: there is no comparison that still says something. `comparing`: one is under way. `behind`: the latest has found something
 * missing, or could not look at all. `caught-up`: a young one has found nothing missing.
 */
export const FAILBACK_STATES = ['unknown', 'comparing', 'behind', 'caught-up'] as const;
/** One of `FAILBACK_STATES`. */
export type FailbackState = (typeof FAILBACK_STATES)[number];

/** A comparison of the cells of all tenants of one home. Times are in milliseconds since 1970; the field names are part of the control API. */
export interface FailbackComparison {
  readonly startedAt: number;
  /** `null` while it is under way. */
  readonly endedAt: number | null;
  /** The tenants of the cell as it began. */
  readonly tenants: number;
  /** Of these, how many it has looked at. */
  readonly looked: number;
  /** Whether it has looked at all of them. */
  readonly complete: boolean;
  /** Tenants of which events are missing in one of the cells, or that could not be compared. */
  readonly behind: number;
  /** Events that are missing, as far as they were counted. */
  readonly missing: number;
  /** Why, for the first of these tenants, and why it has not looked at all. */
  readonly reasons: readonly string[];
}

/** What is known of one cell. */
export interface FailbackView {
  readonly cell: string;
  readonly state: FailbackState;
  /** The comparison that is under way. */
  readonly running: FailbackComparison | null;
  /** The latest that has ended. */
  readonly latest: FailbackComparison | null;
}

/** Knows whether a cell that is down may be failed back. */
export interface FailbackGate {
  /**
   * What is known of a cell that is down with so many switches; a comparison of an earlier failover says nothing. Answers at once, whatever
   * the cells do: with `begin`, a comparison goes on in the background, one for all who ask. Rejects with `unavailable` if the gate does
   * not answer in time.
   */
  caughtUp(cell: string, switches: number, begin: boolean): Promise<FailbackView>;
}
