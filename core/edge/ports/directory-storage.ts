// Where a directory keeps its records: one writer, synchronous, and a change is all there or not at all.
import type { AuditEntry, Cell, DirectoryRecord, Tenant } from './directory-model.ts';

/**
 * The storage of one directory. It decides nothing and is only called by one directory at a time, which is why its methods are
 * synchronous. All of them throw what the platform throws.
 */
export interface DirectoryStorage {
  /** Runs `work`; what it wrote is kept if it returns, and none of it if it throws. Not nested. */
  atomically<T>(work: () => T): T;

  /** The revision of the latest change; 0 before the first. */
  revision(): number;

  /** One cell, if it is there. */
  cell(id: string): Cell | undefined;

  /** Every cell, by id. */
  cells(): readonly Cell[];

  /** One tenant, if it is there. */
  tenant(id: string): Tenant | undefined;

  /** Tenants with an id behind `after`, by id, of one home or of all; `limit` of them at most. */
  tenants(query: { readonly cell?: string; readonly after?: string; readonly limit: number }): readonly Tenant[];

  /** How many tenants have the cell as home; does not grow slower with their number. */
  homes(cell: string): number;

  /** How many tenants have the cell as standby, by home. */
  standbysByHome(cell: string): readonly { readonly home: string; readonly tenants: number }[];

  /** How many tenants with this home have which standby (`null`: none). */
  homesByStandby(cell: string): readonly { readonly standby: string | null; readonly tenants: number }[];

  /** Writes records and their line in the audit log, and notes the records as not yet published to the route cache. */
  write(records: readonly DirectoryRecord[], entry: AuditEntry): void;

  /** Lines of the audit log with a sequence number below `before`, newest first, `limit` at most, with that number. */
  audit(query: {
    readonly before?: number;
    readonly limit: number;
  }): readonly { readonly sequence: number; readonly entry: AuditEntry }[];

  /** Records that the route cache has not got yet, oldest first, `limit` at most. */
  unpublished(limit: number): readonly DirectoryRecord[];

  /** Notes that the route cache has got this record, unless a newer revision of it has been written since. */
  published(record: DirectoryRecord): void;
}
