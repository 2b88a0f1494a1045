// Counts what an isolate sends to cells, and reports it to the monitor every few seconds while there is traffic.

import type { Clock } from '../../ports/clock.ts';
import { describeError } from '../../ports/errors.ts';
import type { Log } from '../../ports/log.ts';
import { timeOf } from '../ports/ingest-times.ts';
import { addTraffic, type CellTraffic, NO_TRAFFIC, TRAFFIC_LIMITS, type TrafficReport } from '../ports/traffic.ts';
import type { Destination, Forwarded, Forwarding } from './forward.ts';

type Forward = (request: Forwarding, destination: Destination) => Promise<Forwarded>;

export interface TrafficCounterDeps {
  /** Hands a report to the monitor, which also hears which key this isolate signs with. */
  readonly send: (report: TrafficReport) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface TrafficCounter {
  /** The forwarder, with every request counted. */
  counting(forward: Forward): Forward;
  /**
   * The work that follows a request: reports, after a while, what was counted. `undefined` if nothing was, or if an earlier call already
   * waits to report it. Never rejects: a report that fails is lost, as nothing depends on it.
   */
  afterwards(): Promise<void> | undefined;
}

const EVENTS = /^\/v1\/events(?:\?|$)/;

/** Statuses from here on are failures of the cell. */
const FAILURE = 500;

/** Whether the cell has failed; `undefined` if the outcome says nothing about it. */
function hasFailed(outcome: Forwarded): boolean | undefined {
  if (outcome.status === 'answered') return outcome.response.status >= FAILURE;
  return outcome.status === 'unreachable' || outcome.status === 'unanswered' ? true : undefined;
}

/** Returns a counter; one for each isolate. */
export function trafficCounter({ send, clock, log }: TrafficCounterDeps): TrafficCounter {
  let counted = new Map<string, CellTraffic>();
  let isWaiting = false;

  const count = (cell: string, one: CellTraffic): void => {
    const before = counted.get(cell);
    if (before === undefined && counted.size >= TRAFFIC_LIMITS.cells) return;
    counted.set(cell, addTraffic(before ?? NO_TRAFFIC, one));
  };

  const report = async (): Promise<void> => {
    await clock.sleep(TRAFFIC_LIMITS.collectMs);
    isWaiting = false;
    const finished = counted;
    counted = new Map();
    try {
      await send(Object.fromEntries(finished));
    } catch (error) {
      log.warn('the monitor does not take a report of traffic', describeError(error));
    }
  };

  return {
    counting: (forward) => async (request, destination) => {
      const startedAt = clock.now();
      const outcome = await forward(request, destination);
      const failed = hasFailed(outcome);
      if (failed !== undefined) {
        const tookMs = Math.max(0, clock.now() - startedAt);
        const isIngest = request.method === 'POST' && EVENTS.test(request.target);
        count(destination.cell, {
          ...{ requests: 1, ingests: isIngest ? 1 : 0, failures: failed ? 1 : 0, tookMs },
          ...(isIngest && { ingestTimes: timeOf(tookMs) }),
        });
      }
      return outcome;
    },

    afterwards() {
      if (isWaiting || counted.size === 0) return undefined;
      isWaiting = true;
      return report();
    },
  };
}
