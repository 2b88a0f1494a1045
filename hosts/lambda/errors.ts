// What the Lambda service answers when it cannot run the function, and the error shapes it makes on the function's behalf.

/** Bytes of a synchronous request; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const MAXIMUM_REQUEST_BYTES = 6 * 1024 * 1024;
/** Bytes of a synchronous response: the service allows 100 more than for a request. */
export const MAXIMUM_RESPONSE_BYTES = 6 * 1024 * 1024 + 100;

export type LambdaServiceErrorCode =
  /** Every environment is busy and the queue is full; a caller on AWS sees HTTP 429. */
  | 'TooManyRequestsException'
  /** The event is larger than MAXIMUM_REQUEST_BYTES; HTTP 413. */
  | 'RequestTooLargeException'
  /** The event is not JSON. */
  | 'InvalidRequestContentException'
  /** The host is stopped, or could not start a process. */
  | 'ServiceException';

/** The invocation was refused; the function has not run. */
export class LambdaServiceError extends Error {
  readonly code: LambdaServiceErrorCode;
  constructor(code: LambdaServiceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = code;
    this.code = code;
  }
}

/** A function's environment did not start when the host started or a bundle was replaced. */
export class LambdaStartupError extends Error {
  readonly functionName: string;
  /** The error document that an invocation would have been answered with. */
  readonly payload: string;
  constructor(functionName: string, payload: string) {
    super(`Function ${functionName} did not start: ${readableError(payload)}`);
    this.name = 'LambdaStartupError';
    this.functionName = functionName;
    this.payload = payload;
  }
}

function readableError(payload: string): string {
  const parsed: unknown = JSON.parse(payload);
  if (parsed === null || typeof parsed !== 'object') return payload;
  const { errorType, errorMessage } = parsed as { errorType?: unknown; errorMessage?: unknown };
  return `${String(errorType)}: ${String(errorMessage)}`;
}

/** The answer to the caller of an invocation that ran longer than the function's timeout. */
export function timedOut(requestId: string, timeoutMs: number): string {
  return JSON.stringify({
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`,
  });
}

const SIGNAL_NAMES: Partial<Record<NodeJS.Signals, string>> = {
  SIGKILL: 'killed',
  SIGABRT: 'aborted',
  SIGSEGV: 'segmentation fault',
  SIGTERM: 'terminated',
};

/** The answer to the caller of an invocation whose process ended. */
export function exited(requestId: string, code: number | null, signal: NodeJS.Signals | null): string {
  const how =
    signal !== null
      ? `with error: signal: ${SIGNAL_NAMES[signal] ?? signal}`
      : code === 0
        ? 'without providing a reason'
        : `with error: exit status ${code}`;
  return JSON.stringify({
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${requestId} Error: Runtime exited ${how}`,
  });
}

/** The answer to the caller of an invocation that returned more than MAXIMUM_RESPONSE_BYTES. */
export function responseTooLarge(bytes: number): string {
  return JSON.stringify({
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size (${bytes} bytes) exceeded maximum allowed payload size (${MAXIMUM_RESPONSE_BYTES} bytes).`,
  });
}
