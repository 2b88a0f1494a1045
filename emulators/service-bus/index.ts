// What programs get from the package: the emulator, its clock and certificate, and the types of what it is given and shows.
export { EmulatorClock } from './broker/clock.ts';
export {
  LIMITS,
  type Limits,
  type QueueSettings,
  type SubscriptionSettings,
  type TopicSettings,
} from './broker/settings.ts';
export { DEVELOPMENT_CERTIFICATE } from './certificate.ts';
export { ConfigError } from './config.ts';
export {
  connectionStringFor,
  type ServiceBusAddress,
  ServiceBusEmulator,
  type ServiceBusEmulatorOptions,
} from './emulator.ts';
export { CONDITION, type Condition, ServiceBusError } from './errors.ts';
export type { MessageSummary, StoreSummary } from './inspect.ts';
export { JournalDamagedError } from './persistence/damage.ts';
