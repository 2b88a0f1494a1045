// Request units: a plausible model of the service's charges by kind of operation and size, not its exact numbers.

const KIB = 1024;

/** A point read: 1 RU per KiB begun. */
export const readCharge = (bytes: number): number => Math.max(1, Math.ceil(bytes / KIB));

/** A write of a document with the default index: about 5.3 RU for the first KiB. */
export const writeCharge = (bytes: number): number => 5.29 + Math.max(0, bytes - KIB) * (4.95 / KIB);

/** A replace or patch also takes the old version out of the index. */
export const replaceCharge = (bytes: number): number => writeCharge(bytes) * 1.87;

/** A query page: a fixed part, the documents looked at, and the bytes of those that its rows were made of, whichever members are returned. */
export const queryCharge = (scanned: number, bytes: number): number => 2.28 + scanned * 0.024 + bytes * (0.35 / KIB);

/** A page of the change feed. */
export const feedCharge = (bytes: number): number => 1 + bytes * (1 / (4 * KIB));
