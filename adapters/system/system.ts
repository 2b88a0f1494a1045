// The real clock, random ids and a JSON log, for processes on any platform.
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

/** A log of one JSON object per line, as both clouds' log stores read it. A field never replaces the line's own time, level or text. */
export function jsonLog(write: (line: string) => void, clock: Clock = systemClock): Log {
  const line =
    (level: string) =>
    (message: string, fields: JsonObject = {}) =>
      write(
        JSON.stringify(
          Object.fromEntries([
            ['time', new Date(clock.now()).toISOString()],
            ['level', level],
            ['message', message],
            ...Object.entries(fields).map(([name, value]) => [RENAMED.get(name) ?? name, value]),
          ]),
        ),
      );
  return { info: line('info'), warn: line('warn'), error: line('error') };
}
