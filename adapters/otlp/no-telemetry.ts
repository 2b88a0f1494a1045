// Telemetry that is kept nowhere: contexts are handed on, and nothing else happens.
import { continueTrace, readTraceparent, withSampled } from '../../core/events/trace.ts';
import type { Ids } from '../../core/ports/ids.ts';
import type { Telemetry } from '../../core/ports/telemetry.ts';

const nothing = () => undefined;

/** Keeps a decision about sampling that a caller made, and makes none of its own. */
export function noTelemetry(ids: Ids): Telemetry {
  return {
    start(_name, _kind, parent) {
      const known = readTraceparent(parent);
      let traceparent = continueTrace(known, ids);
      return {
        get traceparent() {
          return traceparent;
        },
        sampled: false,
        sample() {
          traceparent = withSampled(traceparent, true);
        },
        set: nothing,
        end: nothing,
      };
    },
    add: nothing,
    record: nothing,
    gauge: nothing,
  };
}
