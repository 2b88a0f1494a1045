// The read cache in front of the directory: near every router, cheap to read, and possibly a minute old.
import type { Cell, DirectoryRecord, Tenant } from './directory-model.ts';

/**
 * Eventually consistent: a reader may get a record older than the latest one, or none yet. Nobody may rely on it for failover;
 * revisions tell which of two records is newer. Reads reject with `unavailable` when the cache does not answer, never with absence.
 */
export interface RouteCache {
  /** A tenant's record, or `undefined` if the cache has none. */
  tenant(id: string): Promise<Tenant | undefined>;

  /** A cell's record, or `undefined` if the cache has none. */
  cell(id: string): Promise<Cell | undefined>;

  /** Writes a record over whatever is there. Rejects with `throttled` or `unavailable`; the writer repeats it later. */
  put(record: DirectoryRecord): Promise<void>;
}
