// Who a cell is, and what its documents in the state collection are called.

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

/** Whether the text can name a tenant or a cell. */
export const isName = (text: unknown): text is string => typeof text === 'string' && NAME.test(text);

/** The engine's partitions of the state collection. `|` is in no tenant, subject or consumer. */
export const statePartition = {
  /** Operational facts of a tenant: its epoch. */
  tenant: (tenant: string) => `tenant|${tenant}`,
  /** What a consumer could not process. */
  parked: (consumer: string) => `parked|${consumer}`,
  /** Redelivered messages of a consumer that are being processed. */
  trials: (consumer: string) => `trials|${consumer}`,
  /** Events that a claiming consumer has applied to one entity, and that entity's documents. */
  claimed: (consumer: string, tenant: string, subject: string) => `claimed|${consumer}|${tenant}|${subject}`,
  /** What a deep health check writes and reads. */
  health: (cell: string) => `health|${cell}`,
} as const;

/** Partitions of the state collection that one kind of a domain's documents lies in. */
export interface StatePartition {
  readonly prefix: string;
  /** The partition of a tenant, or of one of its subjects. */
  of(tenant: string, subject?: string): string;
}

/** Partitions whose names begin with `prefix`. A domain's prefixes begin with its own name and a full stop. */
export const domainPartition = (prefix: string): StatePartition => ({
  prefix,
  of: (tenant, subject) => (subject === undefined ? `${prefix}|${tenant}` : `${prefix}|${tenant}|${subject}`),
});

/** What the engine's partitions begin with; no domain may use these. */
export const RESERVED_PREFIXES: readonly string[] = ['tenant', 'parked', 'trials', 'claimed', 'health', 'subjects'];
