// What edge and cells share about erasures.

/** Ids of erasures, which become parts of keys. */
export const ERASURE_PATTERN = '^[A-Za-z0-9_-]{1,64}$';

/** So long a process of a cell goes by what it has read of a tenant's tombstones, in milliseconds; what relies on a new one waits for longer. */
export const TOMBSTONE_REMEMBERED_MS = 5000;
