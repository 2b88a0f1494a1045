// Storage for the records of a directory: a single writer, synchronous, with atomic changes.
import type { AuditEntry, Cell, DirectoryRecord, Tenant } from './directory-model.ts';

/**
 * The storage of one directory. It makes no decisions and serves only one directory at a time, so its methods are
 * synchronous. All of them throw the platform's errors.
 */
export interface DirectoryStorage {
  /** Runs `work`; its writes are kept if it returns, and discarded if it throws. Cannot be nested. */
  atomically<T>(work: () => T): T;

  /** The revision of the latest change; 0 before the first. */
  revision(): number;

  /**
   * The base of the epochs of a new tenant; 1 until a tenant is removed. It never falls. One number for all names keeps the epochs
   * of a name that is used again above the former ones, without a trace of each removed tenant.
   */
  epochFloor(): number;

  /** Effects of a new tenant begin no earlier than this, in milliseconds; 0 until a tenant is removed. It never falls. */
  effectsFloor(): number;

  /** Until when a cell may begin effects, by the directory's clock; 0 if it never had a lease. */
  leaseUntil(cell: string): number;

  /** Records a later end of a cell's lease. */
  recordLease(cell: string, until: number): void;

  /** One cell, if it exists. */
  cell(id: string): Cell | undefined;

  /** Every cell, by id. */
  cells(): readonly Cell[];

  /** One tenant, if it exists. */
  tenant(id: string): Tenant | undefined;

  /** Tenants with an id greater than `after`, by id, of one home or of all; at most `limit`. */
  tenants(query: { readonly cell?: string; readonly after?: string; readonly limit: number }): readonly Tenant[];

  /** How many tenants have the cell as home; the cost does not grow with their number. */
  homes(cell: string): number;

  /** How many tenants have the cell as standby, by home. */
  standbysByHome(cell: string): readonly { readonly home: string; readonly tenants: number }[];

  /** How many tenants with this home have which standby (`null`: none). */
  homesByStandby(cell: string): readonly { readonly standby: string | null; readonly tenants: number }[];

  /**
   * Writes records and their audit log entry, and marks the records as not yet published to the route cache. A removal deletes the
   * tenant's record, if there is one, and raises `epochFloor` and `effectsFloor` to its own.
   */
  write(records: readonly DirectoryRecord[], entry: AuditEntry): void;

  /** Entries of the audit log with a sequence number below `before`, with that number, newest first, at most `limit`. */
  audit(query: {
    readonly before?: number;
    readonly limit: number;
  }): readonly { readonly sequence: number; readonly entry: AuditEntry }[];

  /** Records and removals not yet published to the route cache, oldest first, at most `limit`; of each tenant the latest one. */
  unpublished(limit: number): readonly DirectoryRecord[];

  /** Marks this record as published to the route cache, unless a newer revision of it has been written since. */
  published(record: DirectoryRecord): void;
}
