// Time as a port: nothing in core or in an adapter reads the wall clock or sets a timer itself.

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number & { readonly __unit: 'EpochMs' };

/** Seconds since 1970-01-01T00:00:00Z, as JSON Web Signatures and time-to-live attributes count. */
export type EpochSeconds = number & { readonly __unit: 'EpochSeconds' };

/** Names a plain number as an instant in milliseconds. */
export const epochMs = (value: number): EpochMs => value as EpochMs;

/** The second that an instant lies in. */
export const toEpochSeconds = (instant: EpochMs): EpochSeconds => Math.floor(instant / 1000) as EpochSeconds;

/** The time, and waiting for it to pass. Neither method fails. */
export interface Clock {
  /** The present instant. May stand still or jump, as clocks do; never used to order events. */
  now(): EpochMs;

  /** Resolves once `milliseconds` have passed on this clock. Used for backoff only; a fake clock resolves when it is advanced. */
  sleep(milliseconds: number): Promise<void>;
}
