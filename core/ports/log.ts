// The log port: one structured line for each noteworthy happening.
import type { JsonObject } from './json.ts';

/** Takes lines and never fails: what is logged must not decide what happens. Fields hold no secrets. */
export interface Log {
  /** Part of normal life, worth knowing. */
  info(message: string, fields?: JsonObject): void;
  /** Something failed and is being dealt with. */
  warn(message: string, fields?: JsonObject): void;
  /** Somebody should look. */
  error(message: string, fields?: JsonObject): void;
}
