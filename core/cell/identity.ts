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

/** The partitions of the state collection. `|` is in no tenant, subject or consumer. */
export const statePartition = {
  /** Operational facts of a tenant: its epoch. */
  tenant: (tenant: string) => `tenant|${tenant}`,
  /** The ids of a tenant's devices. */
  devices: (tenant: string) => `devices|${tenant}`,
  /** A device's state and the windows it was counted by. */
  device: (tenant: string, device: string) => `device|${tenant}|${device}`,
  /** A device's rollups. */
  rollups: (tenant: string, device: string) => `rollups|${tenant}|${device}`,
  /** What a consumer could not process. */
  parked: (consumer: string) => `parked|${consumer}`,
  /** Redelivered messages of a consumer that are being processed. */
  trials: (consumer: string) => `trials|${consumer}`,
  /** Events that a claiming consumer has applied to one entity, and that entity's documents. */
  claimed: (consumer: string, tenant: string, subject: string) => `claimed|${consumer}|${tenant}|${subject}`,
  /** What a deep health check writes and reads. */
  health: (cell: string) => `health|${cell}`,
} as const;
