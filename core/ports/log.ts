// The log port: one structured line per noteworthy occurrence.
import type { JsonObject } from './json.ts';

/** Writes lines and never fails: logging must not affect behaviour. Fields must not contain secrets. */
export interface Log {
  /** Normal operation, worth knowing. */
  info(message: string, fields?: JsonObject): void;
  /** Something failed and is being handled. */
  warn(message: string, fields?: JsonObject): void;
  /** Requires attention. */
  error(message: string, fields?: JsonObject): void;
}
