// The directory's records and the one reading of them: which cell serves a tenant now, and under which epoch.

/** The states of a cell, in the order of its life. */
export const CELL_STATES = ['active', 'draining', 'down', 'retired'] as const;
/** `draining` takes nobody new; `down` has been failed over, its tenants are served by their standbys; `retired` is final. */
export type CellState = (typeof CELL_STATES)[number];

/** What the monitor does about a cell that is down. */
export const FAILOVER_POLICIES = ['automatic', 'approve', 'never'] as const;
/** Who may mark a cell down that no longer answers: the monitor, an operator whom the monitor asks, or an operator unasked. */
export type FailoverPolicy = (typeof FAILOVER_POLICIES)[number];

/** Service levels of tenants. */
export const TIERS = ['standard', 'premium'] as const;
/** One of `TIERS`. */
export type Tier = (typeof TIERS)[number];

/** What a router does for a tenant when it is cut off from the directory. */
export const ON_ISOLATION = ['serve', 'refuse'] as const;
/** `serve`: goes on with what it last knew, as logs merge; `refuse`: takes no writes 60 s after the directory last confirmed the route. */
export type OnIsolation = (typeof ON_ISOLATION)[number];

/** The residency of a tenant whose data may lie anywhere. */
export const ANYWHERE = 'any';

/** What an operator says of a cell. */
export interface CellDefinition {
  /** 1 to 63 of a-z 0-9 -. */
  readonly id: string;
  readonly cloud: 'aws' | 'azure';
  readonly region: string;
  /** The legal area whose data it may hold. */
  readonly jurisdiction: string;
  /** Origin of its HTTP API, without a path. */
  readonly endpoint: string;
  /** Tenants that may have it as their home, at most. */
  readonly capacity: number;
  /** Relative cost of a tenant there; the lower is preferred. */
  readonly price: number;
  readonly failover: FailoverPolicy;
}

/** A cell as the directory knows it. */
export interface Cell extends CellDefinition {
  readonly state: CellState;
  /** Times that it was failed over or back. Part of the epoch of each tenant whose home it is, so that one write raises them all. */
  readonly switches: number;
  /** Only of a cell that was draining when it was failed over: it comes back as it was. */
  readonly returnsTo?: 'draining';
  /** The directory's revision that wrote this record; an older one never replaces a newer one. */
  readonly revision: number;
}

/** A tenant as the directory knows it. */
export interface Tenant {
  /** 1 to 63 of a-z 0-9 -. */
  readonly id: string;
  /** Its home. */
  readonly cell: string;
  /** Who serves it while its home is down; in its residency, and in another failure domain. */
  readonly standby: string | null;
  /** Its epoch is this and the `switches` of its home. Each new home or standby raises it by `EPOCH_STRIDE`. */
  readonly epochBase: number;
  /** The jurisdiction that its data must stay in, or `ANYWHERE`. */
  readonly residency: string;
  readonly tier: Tier;
  /** Whether it stays in its home until somebody unpins it. */
  readonly pinned: boolean;
  /** `serve` if it is absent, as in records of earlier versions. */
  readonly onIsolation?: OnIsolation;
  /** See `Cell.revision`. */
  readonly revision: number;
}

/** Where a tenant's requests go now. */
export type Resolution =
  | {
      readonly status: 'served';
      readonly cell: string;
      readonly endpoint: string;
      readonly epoch: number;
      readonly tier: Tier;
    }
  /** Its home is down and nobody can stand in: sending its requests anywhere would lose or split them. */
  | { readonly status: 'unserved'; readonly reason: string };

/**
 * More than any cell is ever switched. So every epoch of an assignment lies below those of the next one, whatever becomes of the
 * old home: who reads an old record of a tenant together with a new one of a cell can name an epoch that never was, but never one
 * as high as the present. 2^24 switches are one a minute for 30 years, and leave 2^29 assignments to a tenant.
 */
export const EPOCH_STRIDE = 2 ** 24;

/** The tenant's epoch under this home: it rises with each change of the cell that serves the tenant, and names that cell. */
export const epochOf = (tenant: Tenant, home: Cell): number => tenant.epochBase + home.switches;

/** Two cells of one failure domain are lost together. */
export const failureDomain = (cell: Pick<CellDefinition, 'cloud' | 'region'>): string => `${cell.cloud} ${cell.region}`;

/** Whether the residency allows data of the tenant in the cell. */
export const mayHold = (cell: Pick<CellDefinition, 'jurisdiction'>, residency: string): boolean =>
  residency === ANYWHERE || residency === cell.jurisdiction;

/** Whether a cell can be sent requests at all. */
export const isServing = (cell: Cell): boolean => cell.state === 'active' || cell.state === 'draining';

/** Resolves a tenant. `cellOf` knows at least its home and its standby, if they exist. */
export function resolveTenant(tenant: Tenant, cellOf: (id: string) => Cell | undefined): Resolution {
  const home = cellOf(tenant.cell);
  if (home === undefined) return { status: 'unserved', reason: `its cell ${tenant.cell} is not known` };
  const epoch = epochOf(tenant, home);
  const { tier } = tenant;
  if (isServing(home)) return { status: 'served', cell: home.id, endpoint: home.endpoint, epoch, tier };
  if (tenant.standby === null)
    return { status: 'unserved', reason: `its cell ${home.id} is ${home.state} and it has no standby` };
  const standby = cellOf(tenant.standby);
  if (standby === undefined || !isServing(standby))
    return {
      status: 'unserved',
      reason: `its cell ${home.id} is ${home.state} and its standby ${tenant.standby} is ${standby?.state ?? 'not known'}`,
    };
  return { status: 'served', cell: standby.id, endpoint: standby.endpoint, epoch, tier };
}

/** What an operator or the monitor wants changed. Every command is idempotent: repeated, it changes nothing. */
export type DirectoryCommand =
  /** Adds a cell; of one that is there already it changes endpoint, capacity, price and failover policy. */
  | { readonly kind: 'add-cell'; readonly cell: CellDefinition }
  | { readonly kind: 'drain-cell'; readonly cell: string }
  /** A draining cell takes tenants again. */
  | { readonly kind: 'resume-cell'; readonly cell: string }
  | { readonly kind: 'retire-cell'; readonly cell: string }
  /** Adds a tenant. Home and standby are chosen by placement unless they are given; `standby: null` wants none. */
  | {
      readonly kind: 'add-tenant';
      readonly tenant: string;
      readonly residency: string;
      readonly tier: Tier;
      readonly cell?: string;
      readonly standby?: string | null;
    }
  /** Gives a tenant another home, another standby, or both. */
  | { readonly kind: 'place-tenant'; readonly tenant: string; readonly cell?: string; readonly standby?: string | null }
  | { readonly kind: 'pin-tenant'; readonly tenant: string; readonly pinned: boolean }
  /** What a router that is cut off from the directory does for the tenant. */
  | { readonly kind: 'isolate-tenant'; readonly tenant: string; readonly onIsolation: OnIsolation }
  /**
   * Marks a cell down. Refused if a tenant's standby cannot serve, unless `partial`: then those tenants go unserved. What is seen of
   * other cells counts beside their state: `answering` ones that are down are failed back in the same step if tenants would go
   * unserved otherwise, and `silent` ones stand in for nobody.
   */
  | {
      readonly kind: 'fail-over';
      readonly cell: string;
      readonly partial?: boolean;
      readonly answering?: readonly string[];
      readonly silent?: readonly string[];
    }
  /** With `rescue` only if all tenants of the cell have a standby that cannot serve them, as it is down or one of the `silent` cells. */
  | {
      readonly kind: 'fail-back';
      readonly cell: string;
      readonly rescue?: boolean;
      readonly silent?: readonly string[];
    };

/** Why a command is refused. The codes are stable. */
export const REFUSALS = [
  'invalid_command',
  'unknown_cell',
  'unknown_tenant',
  'cell_retired',
  'cell_not_active',
  'cell_not_empty',
  'cell_exists',
  'tenant_exists',
  'tenant_pinned',
  'residency_violated',
  'same_failure_domain',
  'no_capacity',
  'no_cell_fits',
  'standby_unavailable',
  'cell_down',
  'changed_meanwhile',
] as const;
/** Why a command was not carried out; nothing was written. */
export type Refusal = (typeof REFUSALS)[number];

/** A record of the directory: a cell or a tenant. */
export type DirectoryRecord =
  | { readonly kind: 'cell'; readonly value: Cell }
  | { readonly kind: 'tenant'; readonly value: Tenant };

/** One record before and after. */
export interface DirectoryChange {
  readonly kind: 'cell' | 'tenant';
  readonly id: string;
  readonly before: Cell | Tenant | null;
  readonly after: Cell | Tenant;
}

/** The result of a command. */
export type DirectoryOutcome =
  | {
      /** `unchanged`: it was so already. `previewed`: a dry run of what would be applied. */
      readonly status: 'applied' | 'unchanged' | 'previewed';
      /** The directory's revision afterwards. */
      readonly revision: number;
      readonly changes: readonly DirectoryChange[];
      /** Tenants whose requests go to another cell, or to none, by this change. */
      readonly movedTenants: number;
      /** What an operator should know: tenants that are left without a standby, or unserved. */
      readonly notes: readonly string[];
    }
  | { readonly status: 'refused'; readonly code: Refusal; readonly detail: string };

/** The actor of the monitor: what it is refused is worth a line in the audit log. No operator has this name. */
export const MONITOR = 'monitor';

/** Who wants a change and why. */
export interface DirectoryIntent {
  /** Subject of the operator's token, or `monitor`. */
  readonly actor: string;
  readonly reason: string;
  /** Tell what would happen, and do nothing. */
  readonly dryRun?: boolean;
  /** Refuse with `changed_meanwhile` unless the directory is still at this revision. */
  readonly ifRevision?: number;
}

/** A line of the audit log: every applied change, and every failover that the monitor was refused. */
export interface AuditEntry {
  readonly revision: number;
  /** RFC 3339. */
  readonly at: string;
  readonly actor: string;
  readonly reason: string;
  readonly command: DirectoryCommand;
  readonly outcome: 'applied' | 'refused';
  /** Refusals only: code and detail. */
  readonly refusal?: { readonly code: Refusal; readonly detail: string };
  readonly changes: readonly DirectoryChange[];
}
