// Figures of a running function, for status pages and tests.

export interface LambdaHostStats {
  environments: number;
  busy: number;
  queued: number;
  /** Invocations answered, whatever the answer. */
  invocations: number;
  /** Of these, the ones with `functionError`. */
  functionErrors: number;
  /** Refused with TooManyRequestsException. */
  throttles: number;
  coldStarts: number;
  /** Milliseconds from spawn to readiness of the last environment; undefined before the first. */
  lastInitMs: number | undefined;
  /** Process ids of the environments. */
  pids: number[];
}
