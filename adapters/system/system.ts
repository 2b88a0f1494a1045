// The real clock, random ids and a JSON log, for processes on any platform.
import { isTraceparent, traceIds } from '../../core/events/trace.ts';
import { type Clock, epochMs } from '../../core/ports/clock.ts';
import type { Ids } from '../../core/ports/ids.ts';
import type { JsonObject } from '../../core/ports/json.ts';
import type { Log } from '../../core/ports/log.ts';

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => epochMs(Date.now()),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

/** Random bytes fetched at a time: one call into the kernel serves many ids. */
const POOL_BYTES = 4096;
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** 128 random bits each. */
export const randomIds: Ids = {
  next() {
    if (used === POOL_BYTES) {
      crypto.getRandomValues(pool);
      used = 0;
    }
    let id = '';
    for (const byte of pool.subarray(used, used + 16)) id += HEX[byte];
    used += 16;
    return id;
  },
};

/** Fields under these names would replace what alarms and people look for; `describeError` gives a `message`. */
const RENAMED: ReadonlyMap<string, string> = new Map([
  ['message', 'error_message'],
  ['level', 'field_level'],
  ['time', 'field_time'],
]);

/**
 * A log of one JSON object per line, as both clouds' log stores read it. A field never replaces the line's own time, level or text. `common`
 * is in each line; a line with a `traceparent` also has the ids of its trace and span, under the names that OpenTelemetry has for logs.
 */
export function jsonLog(write: (line: string) => void, clock: Clock = systemClock, common: JsonObject = {}): Log {
  const line =
    (level: string) =>
    (message: string, fields: JsonObject = {}) =>
      write(
        JSON.stringify(
          Object.fromEntries([
            ['time', new Date(clock.now()).toISOString()],
            ['level', level],
            ['message', message],
            ...Object.entries({ ...common, ...correlated(fields) }).map(([name, value]) => [
              RENAMED.get(name) ?? name,
              value,
            ]),
          ]),
        ),
      );
  return { info: line('info'), warn: line('warn'), error: line('error') };
}

function correlated(fields: JsonObject): JsonObject {
  const { traceparent } = fields;
  if (typeof traceparent !== 'string' || !isTraceparent(traceparent)) return fields;
  const { traceId, spanId } = traceIds(traceparent);
  return { trace_id: traceId, span_id: spanId, ...fields };
}
