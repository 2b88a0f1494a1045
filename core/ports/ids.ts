// The port for unique ids: neither core nor an adapter generates randomness itself.

/** The source of everything random: ids, versions and jitter. */
export interface Ids {
  /** 128 new random bits as 32 lower-case hexadecimal digits: the form of a W3C trace id. Never repeats. */
  next(): string;
}

/** A random number in [0, 1), for jitter; 32 bits of one id. */
export const nextFraction = (ids: Ids): number => Number.parseInt(ids.next().slice(0, 8), 16) / 2 ** 32;
