// What the Durable Object of the monitor answers and when it wakes: a round at each alarm, and the next alarm whatever happens.
import type { Clock } from '../../core/ports/clock.ts';
import type { ObjectStorage } from './platform.ts';

/** The name of the one object. */
export const MONITOR_NAME = 'monitor';

export interface MonitorObjectDeps<Status> {
  readonly monitor: { round(): Promise<void>; status(): Status };
  readonly storage: Pick<ObjectStorage, 'getAlarm' | 'setAlarm'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly intervalMs: number;
}

/** What others may call. */
export interface MonitorStub<Status> {
  /** Sees to it that an alarm is set. */
  wake(): Promise<void>;
  /** How things stand; wakes it too. */
  status(): Promise<Status>;
}

export interface MonitorObjectMethods<Status> extends MonitorStub<Status> {
  alarm(): Promise<void>;
}

/** An alarm that is overdue by so many intervals is set anew: it was lost. */
const LOST_INTERVALS = 10;

/** Returns the methods. The platform runs one alarm of an object at a time, so that rounds do not overlap. */
export function monitorObject<Status>({
  monitor,
  storage,
  clock,
  intervalMs,
}: MonitorObjectDeps<Status>): MonitorObjectMethods<Status> {
  const wake = async (): Promise<void> => {
    const set = await storage.getAlarm();
    if (set === null || set < clock.now() - LOST_INTERVALS * intervalMs) await storage.setAlarm(clock.now());
  };
  return {
    wake,
    status: async () => {
      await wake();
      return monitor.status();
    },
    alarm: async () => {
      // Before the round: whatever becomes of it, there is a next one.
      await storage.setAlarm(clock.now() + intervalMs);
      await monitor.round();
    },
  };
}
