// The telemetry domain: readings of devices become device states and rollups.
import { defineDomain } from '../../domain/domain.ts';
import { deviceState } from './device-state.ts';
import { partitions } from './partitions.ts';
import { reads } from './reads.ts';
import { rollups } from './rollups.ts';
import { sample, shortReading, tally } from './samples.ts';
import { Alert, Device, Reading, Rollup, reading } from './schemas.ts';
import { validators } from './validators.generated.ts';

export const telemetry = defineDomain({
  name: 'telemetry',
  description: 'Readings of devices in, device state and rollups out.',
  events: [reading],
  validators,
  consumers: [deviceState, rollups],
  state: Object.values(partitions),
  reads,
  missing: { unknown_device: 'Unknown device' },
  schemas: { Device, Reading, Rollup, Alert },
  sample,
  fromShort: shortReading,
  tally,
});
