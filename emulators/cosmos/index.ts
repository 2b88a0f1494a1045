// What programs get from the package: the emulator, and the types of what it is given and shows.
export {
  type ContainerSummary,
  type CosmosConnection,
  CosmosEmulator,
  type CosmosEmulatorOptions,
  type EmulatorSummary,
} from './emulator.ts';
export { type ActiveFault, type FaultRule, OPERATIONS, type Operation } from './faults.ts';
export { CONSISTENCIES, type Consistency } from './http/services.ts';
export { WELL_KNOWN_KEY } from './limits.ts';
