// The directory: the cells, and the assignment of tenants to cells. Strongly consistent, and independent of every cell's cloud.
import type { PublicKey } from '../../ports/keys.ts';
import type { LeaseAnswer } from '../../ports/lease.ts';
import type {
  AuditEntry,
  Cell,
  DirectoryCommand,
  DirectoryIntent,
  DirectoryOutcome,
  Tenant,
} from './directory-model.ts';

/** A tenant with the records needed to resolve it. */
export interface DirectoryLookup {
  /** `null` for a tenant that the directory does not know. */
  readonly tenant: Tenant | null;
  /** Its home and its standby. */
  readonly cells: readonly Cell[];
  /** The directory's revision, if there is no such tenant: an older record of one is of a tenant that was removed. */
  readonly revision?: number;
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

/** A cell that asks for its lease, and has been believed. */
export interface LeaseRequest {
  readonly cell: string;
  /** The key by which it was believed; `null` if the cell is declared without keys. */
  readonly key: PublicKey | null;
  /** At most `LEASE.tenants`. */
  readonly tenants: readonly string[];
}

/** `refused`: there is no such cell, or the key is not one of its keys any more. */
export type LeaseOutcome =
  | {
      readonly status: 'answered';
      readonly answers: Readonly<Record<string, LeaseAnswer>>;
      /** The epochs of those that are granted. */
      readonly epochs: Readonly<Record<string, number>>;
    }
  | { readonly status: 'refused' };

/** Maximum number of cells in a directory; they are listed without paging. */
export const MAXIMUM_CELLS = 10_000;

/** Maximum number of items in a page. */
export const DIRECTORY_PAGE = 1000;

/**
 * Every method sees each change that was acknowledged before the call. Rejects with `unavailable` when the directory does not answer
 * in time, and with `unknown-outcome` when a change may or may not have been applied: repeat the command, as commands are idempotent.
 */
export interface Directory {
  /** A tenant, its home and its standby, all of one revision. */
  lookup(tenant: string): Promise<DirectoryLookup>;

  /** All cells by id, and how many tenants each has; at most `MAXIMUM_CELLS`. */
  cells(): Promise<readonly CellOverview[]>;

  /** Tenants by id, of one home or of all, `limit` (1 to `DIRECTORY_PAGE`) at a time. Rejects with `invalid` for another query's cursor. */
  tenants(query: {
    readonly cell?: string;
    readonly limit: number;
    readonly cursor?: string;
  }): Promise<DirectoryPage<Tenant>>;

  /**
   * Applies a command as one atomic step, with its audit log entry, or refuses it. Acknowledged changes are durable. A refusal is a
   * result; the method rejects only when the directory itself fails.
   */
  change(command: DirectoryCommand, intent: DirectoryIntent): Promise<DirectoryOutcome>;

  /**
   * Says for which of these tenants the cell may begin effects, for `LEASE.durationMs` from now on. Recorded before it is answered, and
   * in no audit log: a cell asks several times a minute. Asking again is harmless.
   */
  lease(request: LeaseRequest): Promise<LeaseOutcome>;

  /** The audit log, newest first. Rejects with `invalid` for another query's cursor. */
  audit(query: { readonly limit: number; readonly cursor?: string }): Promise<DirectoryPage<AuditEntry>>;
}
