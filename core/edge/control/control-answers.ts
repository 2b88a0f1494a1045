// What reads of the control API answer, by path: one map of types for every client of it.
import type { MonitorStatus } from '../monitor/monitor.ts';
import type { Overview } from '../monitor/overview.ts';
import type { AuditEntry, Cell, Proposal, Resolution, Tenant } from '../ports/directory-model.ts';
import type { DrillRecord } from '../ports/drills.ts';
import type { FailbackView } from '../ports/failback-gate.ts';
import type { KeysShown } from './keys.ts';

/** A part of a listing. */
export interface ControlPage<T> {
  readonly items: readonly T[];
  /** Where the next page begins; `null` after the last. */
  readonly next: string | null;
}

/** A cell, as the control plane shows it. */
export type CellShown = Cell & { readonly homes: number; readonly standbys: number };

/** A tenant, as the control plane shows it. */
export type TenantShown = Tenant & { readonly epoch: number | null; readonly resolution: Resolution };

/** Path behind `/control/v1/`, perhaps with a query → the answer. */
export interface ControlAnswers {
  readonly cells: ControlPage<CellShown>;
  readonly failovers: ControlPage<CellShown>;
  readonly monitor: MonitorStatus;
  readonly overview: Overview;
  readonly keys: KeysShown;
  readonly approvals: ControlPage<Proposal>;
  readonly audit: ControlPage<AuditEntry>;
  readonly drills: ControlPage<DrillRecord>;
  readonly tenants: ControlPage<Tenant>;
  readonly [comparison: `failovers/${string}/comparison`]: FailbackView;
  readonly [tenant: `tenants/${string}`]: TenantShown;
  readonly [page: `tenants?${string}`]: ControlPage<Tenant>;
  readonly [page: `drills?${string}`]: ControlPage<DrillRecord>;
  readonly [page: `audit?${string}`]: ControlPage<AuditEntry>;
}
