// What all triggers that the host drives itself have in common.
import type { AppSettings } from './app-settings.ts';
import type { HostJson } from './host-json.ts';
import type { Log } from './log.ts';
import type { RetryPolicy } from './retry.ts';
import type { BindingInfo } from './rpc.ts';
import type { AppRuntime } from './runtime.ts';
import type { Timers } from './timers.ts';

/** A running source of invocations for one function. */
export interface Trigger {
  /**
   * Does what `start` would do first, as far as it may be done while another build's triggers run: it takes no lease and no message. What goes
   * wrong is for `start` to say.
   */
  prepare?(): void;
  /** Begins to call the function. @throws Error if it cannot, in a sentence that says what is missing */
  start(): Promise<void>;
  /** Stops calling it. Resolves when what was running has ended; the host ends the worker meanwhile if it takes too long. */
  stop(): Promise<void>;
}

/** What a trigger is made from. */
export interface TriggerContext {
  readonly functionName: string;
  readonly bindingName: string;
  readonly binding: BindingInfo;
  readonly retryPolicy: RetryPolicy | undefined;
  readonly settings: AppSettings;
  readonly hostJson: HostJson;
  readonly runtime: AppRuntime;
  readonly timers: Timers;
  readonly log: Log;
}
