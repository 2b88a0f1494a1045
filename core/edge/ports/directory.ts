// The directory: which cells there are, and which of them serves which tenant. Strongly consistent, and outside every cloud.
import type {
  AuditEntry,
  Cell,
  DirectoryCommand,
  DirectoryIntent,
  DirectoryOutcome,
  Tenant,
} from './directory-model.ts';

/** A tenant with all that resolving it needs. */
export interface DirectoryLookup {
  /** `null` for a tenant that the directory does not know. */
  readonly tenant: Tenant | null;
  /** Its home and its standby. */
  readonly cells: readonly Cell[];
}

/** A cell and how many tenants depend on it. */
export interface CellOverview {
  readonly cell: Cell;
  /** Tenants whose home it is. */
  readonly homes: number;
  /** Tenants whose standby it is. */
  readonly standbys: number;
}

/** A part of a listing. */
export interface DirectoryPage<T> {
  readonly items: readonly T[];
  /** Where the next page begins; opaque. */
  readonly next: string | null;
}

/** The cells of a directory at most; they are listed without pages. */
export const MAXIMUM_CELLS = 10_000;

/** Items of a page at most. */
export const DIRECTORY_PAGE = 1000;

/**
 * Every method sees each change that was acknowledged before it was called. Rejects with `unavailable` when the directory cannot be
 * asked in time, and `unknown-outcome` when a change may have been applied without that being known: commands are idempotent, so
 * it is repeated.
 */
export interface Directory {
  /** A tenant, its home and its standby, all of one revision. */
  lookup(tenant: string): Promise<DirectoryLookup>;

  /** All cells by id, and how many tenants each has; at most `MAXIMUM_CELLS`. */
  cells(): Promise<readonly CellOverview[]>;

  /** Tenants by id, of one home or of all, `limit` (1 to `DIRECTORY_PAGE`) at a time. Rejects with `invalid` for a foreign cursor. */
  tenants(query: {
    readonly cell?: string;
    readonly limit: number;
    readonly cursor?: string;
  }): Promise<DirectoryPage<Tenant>>;

  /**
   * Carries out a command as one atomic step, with its line in the audit log, or refuses it. Acknowledged changes are durable. A
   * refusal is a result; what rejects is the directory's own failure.
   */
  change(command: DirectoryCommand, intent: DirectoryIntent): Promise<DirectoryOutcome>;

  /** The audit log, newest first. Rejects with `invalid` for a foreign cursor. */
  audit(query: { readonly limit: number; readonly cursor?: string }): Promise<DirectoryPage<AuditEntry>>;
}
