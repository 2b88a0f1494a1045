// The clock port: neither core nor an adapter reads the wall clock or sets a timer itself.

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number & { readonly __unit: 'EpochMs' };

/** Seconds since 1970-01-01T00:00:00Z, as JSON Web Signatures and time-to-live attributes count. */
export type EpochSeconds = number & { readonly __unit: 'EpochSeconds' };

/** Brands a plain number as an instant in milliseconds. */
export const epochMs = (value: number): EpochMs => value as EpochMs;

/** The whole second of an instant. */
export const toEpochSeconds = (instant: EpochMs): EpochSeconds => Math.floor(instant / 1000) as EpochSeconds;

/** The current time, and waiting. Neither method fails. */
export interface Clock {
  /** The current instant. It may stand still or jump, as clocks do; never used to order events. */
  now(): EpochMs;

  /** Resolves once `milliseconds` have passed on this clock. Used only for backoff; a fake clock resolves when it is advanced. */
  sleep(milliseconds: number): Promise<void>;
}
