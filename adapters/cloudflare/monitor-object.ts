// The Durable Object of the monitor: runs a round at each alarm, and always sets the next alarm.
import type { DrillBook } from '../../core/edge/ports/drills.ts';
import type { FailbackGate } from '../../core/edge/ports/failback-gate.ts';
import type { IngestTimes } from '../../core/edge/ports/ingest-times.ts';
import { withTimeout } from '../../core/lib/timeout.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import { toObjectError } from './errors.ts';
import type { ObjectNamespace, ObjectStorage } from './platform.ts';

/** The name of the one object. */
export const MONITOR_NAME = 'monitor';

export interface MonitorObjectDeps<Status, Overview, Traffic, Signer> {
  readonly monitor: { round(): Promise<void>; status(): Status; overview(known: string | null): Overview };
  /** Takes what an isolate has counted, and which key it signs with; isolates of earlier releases do not say. */
  readonly report: (traffic: Traffic, signer: Signer | undefined) => void;
  readonly ingestTimes: (cell: string, agoMs: number) => IngestTimes;
  readonly gate: FailbackGate;
  readonly book: DrillBook;
  readonly storage: Pick<ObjectStorage, 'getAlarm' | 'setAlarm'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly intervalMs: number;
}

/** The methods available to other Workers. */
export interface MonitorStub<Status, Overview, Traffic, Signer> extends FailbackGate, DrillBook {
  /** Ensures that an alarm is set. */
  wake(): Promise<void>;
  /** The monitor's status; also ensures that an alarm is set. */
  status(): Promise<Status>;
  /** The overview, unless the caller has the one with this entity tag; also ensures that an alarm is set. */
  overview(known: string | null): Promise<Overview>;
  /** Takes what an isolate has counted, and which key it signs with. */
  report(traffic: Traffic, signer?: Signer): Promise<void>;
  /** How long requests that bring events took in a cell, of those that were reported in the last `agoMs`. */
  ingestTimes(cell: string, agoMs: number): Promise<IngestTimes>;
}

export interface MonitorObjectMethods<Status, Overview, Traffic, Signer>
  extends MonitorStub<Status, Overview, Traffic, Signer> {
  alarm(): Promise<void>;
}

/** How long the monitor may take to answer, in milliseconds. */
const ANSWER_MS = 2000;

/** Returns a function that asks the monitor; it rejects with `unavailable` without an answer in time. */
export function monitorQuestions<Stub>(namespace: ObjectNamespace<Stub>, clock: Clock) {
  return async <T>(question: (monitor: Stub) => Promise<T>): Promise<T> => {
    const late = () => new PortError('unavailable', `The monitor has not answered within ${ANSWER_MS} ms.`);
    try {
      return await withTimeout(clock, ANSWER_MS, question(namespace.getByName(MONITOR_NAME)), late);
    } catch (error) {
      throw toObjectError(error, false);
    }
  };
}

/** An alarm overdue by this many intervals is considered lost and set again. */
const LOST_INTERVALS = 10;

/** Returns the methods. The platform runs one alarm of an object at a time, so rounds do not overlap. */
export function monitorObject<Status, Overview, Traffic, Signer>({
  monitor,
  report,
  ingestTimes,
  gate,
  book,
  storage,
  clock,
  intervalMs,
}: MonitorObjectDeps<Status, Overview, Traffic, Signer>): MonitorObjectMethods<Status, Overview, Traffic, Signer> {
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
    overview: async (known) => {
      await wake();
      return monitor.overview(known);
    },
    report: async (traffic, signer) => report(traffic, signer),
    ingestTimes: async (...question) => ingestTimes(...question),
    caughtUp: async (...question) => {
      // The rounds keep the object in memory while it compares.
      await wake();
      return gate.caughtUp(...question);
    },
    noteDrill: (...call) => book.noteDrill(...call),
    drills: () => book.drills(),
    alarm: async () => {
      // Set before the round, so that a failed round does not prevent the next one.
      await storage.setAlarm(clock.now() + intervalMs);
      await monitor.round();
    },
  };
}
