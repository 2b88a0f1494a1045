// The read cache in front of the directory: close to every router, cheap to read, and up to a minute behind.
import type { Cell, DirectoryRecord, Tenant } from './directory-model.ts';

/**
 * Eventually consistent: a read may return an older record than the latest, or none yet. Failover must not depend on it. The revision
 * shows which of two records is newer. A read rejects with `unavailable` when the cache does not answer; it never reports absence then.
 */
export interface RouteCache {
  /** A tenant's record, or `undefined` if the cache has none. */
  tenant(id: string): Promise<Tenant | undefined>;

  /** A cell's record, or `undefined` if the cache has none. */
  cell(id: string): Promise<Cell | undefined>;

  /** Overwrites a record, or deletes that of a removed tenant. Rejects with `throttled` or `unavailable`; the writer repeats it later. */
  put(record: DirectoryRecord): Promise<void>;
}
