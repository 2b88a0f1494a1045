// Unique ids as a port: nothing in core or in an adapter draws randomness itself.

/** The source of everything random: ids, versions and jitter. */
export interface Ids {
  /** 128 fresh random bits as 32 lower-case hexadecimal digits: the form of a W3C trace id. Never repeats. */
  next(): string;
}

/** A fresh number in [0, 1), for jitter; 32 bits of one id. */
export const nextFraction = (ids: Ids): number => Number.parseInt(ids.next().slice(0, 8), 16) / 2 ** 32;
