// The directory's records and their interpretation: which cell serves a tenant now, and under which epoch.

import type { DirectoryRefusal } from '../../api/refusal.ts';
import type { PublicKey } from '../../ports/keys.ts';
import { ANYWHERE } from '../../ports/residency.ts';

/** The states of a cell, in the order of its lifecycle. */
export const CELL_STATES = ['active', 'draining', 'down', 'retired'] as const;
/** `draining` accepts no new tenants; `down` has been failed over, its standbys serve its tenants; `retired` is final. */
export type CellState = (typeof CELL_STATES)[number];

/** What the monitor does about a cell that does not answer. */
export const FAILOVER_POLICIES = ['automatic', 'approve', 'never'] as const;
/** Who fails over a cell that does not answer: the monitor, an operator at the monitor's proposal, or only an operator unprompted. */
export type FailoverPolicy = (typeof FAILOVER_POLICIES)[number];

/** Service levels of tenants. */
export const TIERS = ['standard', 'premium'] as const;
/** One of `TIERS`. */
export type Tier = (typeof TIERS)[number];

/** What a router does for a tenant while it is cut off from the directory. */
export const ON_ISOLATION = ['serve', 'refuse'] as const;
/** `serve`: keeps using the last-known route, as logs merge; `refuse`: refuses writes 60 s after the directory last confirmed the route. */
export type OnIsolation = (typeof ON_ISOLATION)[number];

/** What a tenant's standby makes of the events that it gets. */
export const STANDBY_MODES = ['warm', 'log-only'] as const;
/** `warm`: it derives state from them as they come; `log-only`: it stores them, and derives nothing until it takes over. */
export type StandbyMode = (typeof STANDBY_MODES)[number];

/** A cell as an operator defines it. */
export interface CellDefinition {
  /** 1 to 63 of a-z 0-9 -. */
  readonly id: string;
  readonly cloud: 'aws' | 'azure';
  readonly region: string;
  /** The jurisdiction whose data it may hold. */
  readonly jurisdiction: string;
  /** Origin of its HTTP API, without a path. */
  readonly endpoint: string;
  /** Maximum number of tenants with this home. */
  readonly capacity: number;
  /** Relative cost of a tenant in this cell; lower is preferred. */
  readonly price: number;
  readonly failover: FailoverPolicy;
  /** The public keys by one of which the cell proves its identity: one, or two during a rotation. Absent in records of earlier versions. */
  readonly keys?: readonly PublicKey[];
}

/** A cell as the directory knows it. */
export interface Cell extends CellDefinition {
  readonly state: CellState;
  /** The endpoint that has proved to be the cell's; the directory writes no other one for a cell with keys. */
  readonly provedEndpoint?: string;
  /** Number of failovers and failbacks. Part of the epoch of each tenant with this home, so that one write raises them all. */
  readonly switches: number;
  /** Present only if the cell was draining when it was failed over: it returns to that state. */
  readonly returnsTo?: 'draining';
  /** Effects of its tenants begin no earlier than this, in milliseconds: those of the cell that served them before must be over. */
  readonly effectsFrom?: number;
  /** The directory's revision of this record; an older one never replaces a newer one. */
  readonly revision: number;
}

/** A tenant as the directory knows it. */
export interface Tenant {
  /** 1 to 63 of a-z 0-9 -. */
  readonly id: string;
  /** Its home. */
  readonly cell: string;
  /** The cell that serves it while its home is down; within its residency, and in another failure domain. */
  readonly standby: string | null;
  /** Its epoch is this plus the `switches` of its home. Each new home or standby raises it by `EPOCH_STRIDE`. */
  readonly epochBase: number;
  /** The jurisdiction that its data must stay in, or `ANYWHERE`. */
  readonly residency: string;
  readonly tier: Tier;
  /** Whether it stays in its home until it is unpinned. */
  readonly pinned: boolean;
  /** `serve` if absent, as in records of earlier versions. */
  readonly onIsolation?: OnIsolation;
  /** `warm` if absent, as in records of earlier versions. */
  readonly standbyMode?: StandbyMode;
  /** See `Cell.effectsFrom`; the later of both counts. */
  readonly effectsFrom?: number;
  /** See `Cell.revision`. */
  readonly revision: number;
}

/** What is left of a tenant that was removed: nothing but this, and only until it is published. */
export interface RemovedTenant {
  readonly id: string;
  /** At least the directory's floor of epochs after the removal; see `DirectoryStorage.epochFloor`. */
  readonly epochFloor: number;
  /** At least the directory's floor of effects after the removal; see `DirectoryStorage.effectsFloor`. */
  readonly effectsFrom: number;
  /** See `Cell.revision`. */
  readonly revision: number;
}

/** The current destination of a tenant's requests. */
export type Resolution =
  | {
      readonly status: 'served';
      readonly cell: string;
      readonly endpoint: string;
      readonly epoch: number;
      readonly tier: Tier;
    }
  /** Its home is down and no standby can serve it: sending its requests anywhere would lose or split its data. */
  | { readonly status: 'unserved'; readonly reason: string };

/**
 * More than the switches of any cell. So every epoch of an assignment is lower than those of the next one, whatever happens to the
 * old home: a reader that combines an old tenant record with a new cell record may compute an epoch that never existed, but never one
 * as high as the current one. 2^24 switches are one a minute for 30 years, and leave a tenant 2^29 assignments.
 */
export const EPOCH_STRIDE = 2 ** 24;

/** The tenant's epoch under this home: it rises with each change of the serving cell, and identifies that cell. */
export const epochOf = (tenant: Tenant, home: Cell): number => tenant.epochBase + home.switches;

/** Above every epoch that this assignment of the tenant has or may still get. */
export const epochAfter = ({ epochBase }: Tenant): number => epochBase + EPOCH_STRIDE;

/** Two cells of one failure domain are lost together. */
export const failureDomain = (cell: Pick<CellDefinition, 'cloud' | 'region'>): string => `${cell.cloud} ${cell.region}`;

/** Whether the residency allows the tenant's data in the cell. */
export const mayHold = (cell: Pick<CellDefinition, 'jurisdiction'>, residency: string): boolean =>
  residency === ANYWHERE || residency === cell.jurisdiction;

/** Whether a cell can serve requests. */
export const isServing = (cell: Cell): boolean => cell.state === 'active' || cell.state === 'draining';

/** Resolves a tenant. `cellOf` must know its home and its standby, if they exist. */
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

/** A change requested by an operator or the monitor. Every command is idempotent: repeating it changes nothing. */
export type DirectoryCommand =
  /** Adds a cell, or changes endpoint, keys, capacity, price and failover policy of an existing one. */
  | { readonly kind: 'add-cell'; readonly cell: CellDefinition }
  | { readonly kind: 'drain-cell'; readonly cell: string }
  /** Lets a draining cell accept tenants again. */
  | { readonly kind: 'resume-cell'; readonly cell: string }
  /** Refused for a cell that holds events, unless `leaveData` says that they may go out of reach. */
  | { readonly kind: 'retire-cell'; readonly cell: string; readonly leaveData?: true }
  /** Adds a tenant. Placement chooses home and standby unless they are given; `standby: null` asks for none. */
  | {
      readonly kind: 'add-tenant';
      readonly tenant: string;
      readonly residency: string;
      readonly tier: Tier;
      readonly cell?: string;
      readonly standby?: string | null;
      readonly standbyMode?: StandbyMode;
    }
  /**
   * Sends a tenant to another home, another standby, or both. Its data stay where they are, so it is refused for a tenant that has events
   * in a cell that it leaves, unless `leaveData` says that they may go out of reach.
   */
  | {
      readonly kind: 'place-tenant';
      readonly tenant: string;
      readonly cell?: string;
      readonly standby?: string | null;
      readonly leaveData?: true;
      /** Refused with `changed_meanwhile` if another cell serves the tenant since, or it was placed. */
      readonly ifEpoch?: number;
    }
  /**
   * Makes the tenant's standby its home and its home the standby. Only the mover orders it, which has seen to the data. Refused with
   * `changed_meanwhile` unless the tenant's record has this revision.
   */
  | { readonly kind: 'swap-tenant'; readonly tenant: string; readonly ifTenantRevision: number }
  | { readonly kind: 'pin-tenant'; readonly tenant: string; readonly pinned: boolean }
  /** Sets what a router that is cut off from the directory does for the tenant. */
  | { readonly kind: 'isolate-tenant'; readonly tenant: string; readonly onIsolation: OnIsolation }
  /** Sets what the tenant's standby makes of the events that it gets. */
  | { readonly kind: 'set-standby-mode'; readonly tenant: string; readonly standbyMode: StandbyMode }
  /**
   * Removes a tenant from the directory. Its data stay where they are, unless they were erased before: `keepData` says that the operator
   * knows it.
   */
  | { readonly kind: 'remove-tenant'; readonly tenant: string; readonly keepData: true }
  /**
   * Marks a cell down. Refused if a tenant's standby cannot serve, unless `partial`: then those tenants go unserved. Observations of
   * other cells count as well as their state: `answering` cells that are down are failed back in the same step if tenants would
   * otherwise go unserved, and `silent` cells cannot take over tenants.
   */
  | {
      readonly kind: 'fail-over';
      readonly cell: string;
      readonly partial?: boolean;
      readonly answering?: readonly string[];
      readonly silent?: readonly string[];
    }
  /**
   * Refused while events would be missing at the cell, unless `force` says that they may come later. With `rescue`, only if every tenant of the cell has a standby that cannot serve it: one that is down or among the `silent` cells.
   */
  | {
      readonly kind: 'fail-back';
      readonly cell: string;
      readonly force?: true;
      readonly rescue?: boolean;
      readonly silent?: readonly string[];
    }
  /** Changes no record: the audit log says who has events of a tenant erased, and why. Of a subject it does not have the name. */
  | {
      readonly kind: 'erase-data';
      readonly tenant: string;
      readonly erasure: string;
      readonly scope: 'tenant' | 'subject';
      readonly until: string;
    }
  /** Applies a change that another operator has proposed. */
  | { readonly kind: 'approve-change'; readonly proposal: number };

/** A record of the directory: a cell or a tenant, or that a tenant was removed. */
export type DirectoryRecord =
  | { readonly kind: 'cell'; readonly value: Cell }
  | { readonly kind: 'tenant'; readonly value: Tenant }
  | { readonly kind: 'removed-tenant'; readonly value: RemovedTenant };

/** One record before and after. */
export interface DirectoryChange {
  readonly kind: 'cell' | 'tenant';
  readonly id: string;
  /** `null` if the command added it. */
  readonly before: Cell | Tenant | null;
  /** `null` if the command removed it. */
  readonly after: Cell | Tenant | null;
}

/** The result of a command. */
export type DirectoryOutcome =
  | {
      /** `unchanged`: there was nothing to change. `previewed`: a dry run of what would be applied. */
      readonly status: 'applied' | 'unchanged' | 'previewed';
      /** The directory's revision afterwards. */
      readonly revision: number;
      readonly changes: readonly DirectoryChange[];
      /** Tenants whose requests this change sends to another cell, or to none. */
      readonly movedTenants: number;
      /** Notes for the operator, such as tenants left without a standby, or unserved. */
      readonly notes: readonly string[];
    }
  | {
      /** Nothing has changed yet: another operator has to approve it in time. */
      readonly status: 'proposed';
      readonly revision: number;
      readonly changes: readonly DirectoryChange[];
      readonly movedTenants: number;
      readonly notes: readonly string[];
      readonly proposal: Proposal;
    }
  | { readonly status: 'refused'; readonly code: DirectoryRefusal; readonly detail: string };

/** The monitor's name as an actor: its refused failovers are recorded in the audit log. No operator can have this name. */
export const MONITOR = 'monitor';

/** Who wants a change and why. */
export interface DirectoryIntent {
  /** Subject of the operator's token, or `monitor`. */
  readonly actor: string;
  readonly reason: string;
  /** Report what would happen, and change nothing. */
  readonly dryRun?: boolean;
  /** Refuse with `changed_meanwhile` unless the directory is still at this revision. */
  readonly ifRevision?: number;
  /** Only record the change, for another operator to approve. */
  readonly propose?: boolean;
  /** What the caller has verified of the cell's new endpoint. */
  readonly proof?: EndpointProof;
  /** What the caller has just heard from cells that the command may leave: why events would be left there, or `null` if none would. */
  readonly holdings?: Readonly<Record<string, string | null>>;
  /** What would be missing at a cell that is failed back, as the caller has just heard; `null` for nothing. */
  readonly behind?: string | null;
}

/** An endpoint has answered a fresh nonce with the signature of one of the keys that the cell is to have. */
export interface EndpointProof {
  readonly cell: string;
  readonly endpoint: string;
  readonly keys: readonly PublicKey[];
}

/** A change that waits for another operator. */
export interface Proposal {
  /** The revision of its entry in the audit log. */
  readonly id: number;
  readonly actor: string;
  readonly reason: string;
  readonly command: DirectoryCommand;
  /** RFC 3339. */
  readonly expiresAt: string;
}

/** An entry of the audit log: an applied change, a proposed one, or a refused failover of the monitor. */
export interface AuditEntry {
  readonly revision: number;
  /** RFC 3339. */
  readonly at: string;
  readonly actor: string;
  readonly reason: string;
  readonly command: DirectoryCommand;
  readonly outcome: 'applied' | 'refused' | 'proposed';
  /** The proposal that was approved by this. */
  readonly approves?: number;
  /** Refusals only: code and detail. */
  readonly refusal?: { readonly code: DirectoryRefusal; readonly detail: string };
  readonly changes: readonly DirectoryChange[];
}
