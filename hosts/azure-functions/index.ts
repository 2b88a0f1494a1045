// The exports of the Functions host.
export { AppError } from './app-folder.ts';
export type { CosmosTimings } from './cosmos/options.ts';
export { FunctionsHost, type FunctionsHostOptions, type HostedFunction } from './host.ts';
export type { Log, LogEntry, LogLevel } from './log.ts';
export { fileTimerStatus, memoryTimerStatus, type TimerStatus, type TimerStatusStore } from './timer/status.ts';
export { realTimers, type Timers } from './timers.ts';
export { AppLoadError } from './worker-process.ts';
