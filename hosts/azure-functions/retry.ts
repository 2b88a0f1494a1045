// Retry policies of functions: the same input again, in memory, until it succeeds or the policy gives up.
import type { Log } from './log.ts';
import type { FunctionMetadata, InvocationRequest, RpcRetryContext } from './rpc.ts';
import type { AppRuntime, Outcome } from './runtime.ts';
import type { Timers } from './timers.ts';

/** Produces the waiting times of one run of retries, in order. */
export type Delays = () => number;

/** A checked retry policy. */
export interface RetryPolicy {
  /** -1 = without a limit. */
  readonly maxRetryCount: number;
  /** Starts a new run of retries. */
  readonly delays: () => Delays;
}

/**
 * The policy that a function declared, if any.
 * @param random between 0 and 1; spreads the exponential delays by 20 % either way, as the WebJobs SDK does
 * @throws Error naming the function if the policy is not one Azure accepts
 */
export function readRetryPolicy(
  metadata: FunctionMetadata,
  random: () => number = Math.random,
): RetryPolicy | undefined {
  const { retryOptions, name } = metadata;
  if (retryOptions === undefined) return undefined;
  const { retryStrategy, maxRetryCount, delayInterval, minimumInterval, maximumInterval } = retryOptions;
  if (!Number.isInteger(maxRetryCount) || maxRetryCount < -1) {
    throw new Error(
      `The retry policy of "${name}" needs a maxRetryCount of -1 (no limit) or more, not ${maxRetryCount}.`,
    );
  }
  if (retryStrategy === 'fixedDelay') {
    if (delayInterval === undefined) throw new Error(`The retry policy of "${name}" needs a delayInterval.`);
    const delayMs = delayInterval.seconds * 1000;
    return { maxRetryCount, delays: () => () => delayMs };
  }
  if (retryStrategy === 'exponentialBackoff') {
    if (minimumInterval === undefined || maximumInterval === undefined) {
      throw new Error(`The retry policy of "${name}" needs a minimumInterval and a maximumInterval.`);
    }
    const minimum = minimumInterval.seconds * 1000;
    const maximum = maximumInterval.seconds * 1000;
    if (minimum > maximum)
      throw new Error(`The retry policy of "${name}" has a minimumInterval above its maximumInterval.`);
    return { maxRetryCount, delays: () => exponential(minimum, maximum, random) };
  }
  throw new Error(`The retry policy of "${name}" has the unknown strategy "${retryStrategy}".`);
}

function exponential(minimum: number, maximum: number, random: () => number): Delays {
  let exponent = 0;
  let atMaximum = false;
  return () => {
    if (atMaximum) return maximum;
    const growth = exponent === 0 ? 0 : (0.8 + 0.4 * random()) * 2 ** (exponent - 1) * minimum;
    exponent++;
    atMaximum = minimum + growth >= maximum;
    return atMaximum ? maximum : minimum + growth;
  };
}

/** The inputs of a retried invocation. */
export interface RetriedCall {
  readonly runtime: AppRuntime;
  readonly functionName: string;
  readonly request: InvocationRequest;
  readonly policy: RetryPolicy | undefined;
  readonly timers: Timers;
  readonly log: Log;
  /** Aborts the waiting; the last outcome is then returned as `stopped`. */
  readonly signal: AbortSignal;
}

/** Invokes, and invokes again as the policy says. Each attempt is an invocation of its own. */
export async function invokeWithRetries(call: RetriedCall): Promise<Outcome> {
  const { runtime, functionName, request, policy, timers, log, signal } = call;
  const nextDelay = policy?.delays();
  let retryContext: RpcRetryContext | undefined;
  for (let attempt = 0; ; ) {
    const outcome = await runtime.invoke(
      functionName,
      retryContext === undefined ? request : { ...request, retryContext },
    );
    if (outcome.ok || outcome.cause === 'stopped' || policy === undefined || nextDelay === undefined) return outcome;
    attempt++;
    if (policy.maxRetryCount !== -1 && attempt > policy.maxRetryCount) return outcome;
    const { name, message, stack } = outcome.error;
    retryContext = {
      retryCount: attempt,
      maxRetryCount: policy.maxRetryCount,
      exception: { message, source: functionName, stackTrace: stack },
    };
    const delayMs = nextDelay();
    const of = policy.maxRetryCount === -1 ? '' : ` of ${policy.maxRetryCount}`;
    log({
      level: 'warning',
      category: 'host',
      message: `Waiting ${Math.round(delayMs)} ms before retry ${attempt}${of}.`,
      functionName,
      invocationId: outcome.invocationId,
      error: name,
    });
    await timers.sleep(delayMs, signal);
    if (signal.aborted) return { ...outcome, cause: 'stopped' };
  }
}
