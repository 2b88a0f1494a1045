// Where the telemetry domain's documents lie in the state collection. Their names are older than domains, and stay as they are.
import { domainPartition } from '../../cell/identity.ts';

export const partitions = {
  /** The ids of a tenant's devices. */
  devices: domainPartition('devices'),
  /** A device's state and the minutes it was counted by. */
  device: domainPartition('device'),
  /** A device's rollups. */
  rollups: domainPartition('rollups'),
} as const;
