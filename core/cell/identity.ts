// Names of cells and tenants, and the partitions of a cell's state collection.

export type Cloud = 'aws' | 'azure' | 'memory';

export interface CellIdentity {
  readonly id: string;
  readonly cloud: Cloud;
  readonly region: string;
  readonly version: string;
}

/** Cell ids and tenants: 1 to 63 of a-z 0-9 -. */
export const NAME_PATTERN = '^[a-z0-9-]{1,63}$';

const NAME = new RegExp(NAME_PATTERN);

/** Whether the value is a valid name of a tenant or a cell. */
export const isName = (text: unknown): text is string => typeof text === 'string' && NAME.test(text);

/** The engine's partitions of the state collection. Tenants, subjects and consumers cannot contain `|`. */
export const statePartition = {
  /** Operational data of a tenant: its epoch. */
  tenant: (tenant: string) => `tenant|${tenant}`,
  /** Events and messages of a tenant that a consumer could not process. */
  parked: (consumer: string, tenant: string) => `parked|${consumer}|${tenant}`,
  /** The tenants whose events a consumer has parked. An earlier release kept the events of all of them here. */
  parkedTenants: (consumer: string) => `parked|${consumer}`,
  /** Redelivered messages of a tenant that a consumer is processing. */
  trials: (consumer: string, tenant: string) => `trials|${consumer}|${tenant}`,
  /** Events that a claiming consumer has applied to one entity, and that entity's documents. */
  claimed: (consumer: string, tenant: string, subject: string) => `claimed|${consumer}|${tenant}|${subject}`,
  /** Copies of a tenant's events whose effects may have to happen here. */
  pending: (consumer: string, tenant: string) => `pending|${consumer}|${tenant}`,
  /** The consumers and tenants that have such copies, and whose hash has this digit. */
  pendingLists: (digit: string) => `pending|${digit}`,
  /** All of them, as an earlier release listed them. */
  earlierPendingLists: 'pending',
  /** How far consumers have come with deriving a tenant's state anew. */
  rebuild: (tenant: string) => `rebuild|${tenant}`,
  /** Copies of a tenant's events that stand in no cell, as others do in their place. */
  conflicts: (tenant: string) => `conflicts|${tenant}`,
  /** How far a tenant's log has been pushed to its other cells. */
  pushes: (tenant: string) => `pushes|${tenant}`,
  /** A tenant's tombstones, and how far an erasure is. */
  erased: (tenant: string) => `erased|${tenant}`,
  /** The events of a tenant's writes by their idempotency keys. */
  writes: (tenant: string) => `writes|${tenant}`,
  /** What is noted of the other cells of the tenants. */
  replicas: 'replicas',
  /** How long events take to their state and to other cells, as the cell's processes have noted it. */
  delays: 'delays',
  /** A tenant's subjects whose hash has this digit. */
  subjects: (tenant: string, bucket: string) => `subjects|${tenant}|${bucket}`,
  /** The tenants that have subjects. */
  subjectTenants: 'subjects',
  /** How far the lists of subjects have come with the data of an earlier release. */
  subjectProgress: 'subjects|progress',
  /** The shards of a change stream that replicas share, and the replicas. */
  feed: (reader: string) => `feed|${reader}`,
  /** The document that a deep health check writes and reads. */
  health: (cell: string) => `health|${cell}`,
} as const;

/** Partitions of the state collection for one kind of a domain's documents. */
export interface StatePartition {
  readonly prefix: string;
  /** The partition of a tenant, or of one of its subjects. */
  of(tenant: string, subject?: string): string;
  /** The subject that a document of a tenant's partition is of, by the document's id. */
  subjectOf(id: string): string;
}

/**
 * Partitions whose names begin with `prefix`. A domain's prefixes begin with its own name and a full stop. `subjectOf` is for documents of a tenant's
 * partition that do not have their subjects as ids.
 */
export const domainPartition = (
  prefix: string,
  subjectOf: StatePartition['subjectOf'] = (id) => id,
): StatePartition => ({
  prefix,
  subjectOf,
  of: (tenant, subject) => (subject === undefined ? `${prefix}|${tenant}` : `${prefix}|${tenant}|${subject}`),
});

/** Prefixes of the engine's partitions; no domain may use these. */
export const RESERVED_PREFIXES: readonly string[] = [
  'tenant',
  'parked',
  'trials',
  'claimed',
  'health',
  'subjects',
  'rebuild',
  'conflicts',
  'pushes',
  'erased',
  'feed',
  'replicas',
  'delays',
  'writes',
  'pending',
];
