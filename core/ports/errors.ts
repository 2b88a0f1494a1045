// The single error type of all ports: a closed set of codes that callers act on, and the cause for diagnosis.

/** The kind of failure, with the same meaning on every cloud. */
export type ErrorCode =
  /** Another writer was first, or the document does not have the expected version. Read again, then decide. */
  | 'conflict'
  /** The table, container, topic or queue itself is missing. A missing document is `undefined`, never this. */
  | 'not-found'
  /** The request can never succeed as it is: a malformed key, cursor or body. */
  | 'invalid'
  /** The document, message or transaction is larger than the service accepts. */
  | 'too-large'
  /** The service asks to slow down; `retryAfterMs` is set if the service says for how long. */
  | 'throttled'
  /** The service is unreachable or failed, and the request was not processed. */
  | 'unavailable'
  /** The credentials are missing, invalid or lack a permission. */
  | 'denied'
  /** The resource exists but is not configured as the code requires. */
  | 'misconfigured'
  /** This adapter does not support the operation. */
  | 'unsupported'
  /** The answer to a write was lost: it may have been applied. Read before repeating a write that is not idempotent. */
  | 'unknown-outcome'
  /** An unrecognised error; the cause is the only information. */
  | 'unknown';

/** Whether the same request may succeed later without any intervention. */
export const RETRYABLE: Readonly<Record<ErrorCode, boolean>> = {
  conflict: false,
  'not-found': false,
  invalid: false,
  'too-large': false,
  throttled: true,
  unavailable: true,
  denied: false,
  misconfigured: false,
  unsupported: false,
  'unknown-outcome': true,
  unknown: true,
};

/** Whether the document or message itself is at fault, so that no repetition can succeed. */
export const PERMANENT: Readonly<Record<ErrorCode, boolean>> = {
  conflict: false,
  'not-found': false,
  invalid: true,
  'too-large': true,
  throttled: false,
  unavailable: false,
  denied: false,
  misconfigured: false,
  unsupported: true,
  'unknown-outcome': false,
  unknown: false,
};

/** Additional information about an error. */
export interface PortErrorDetails {
  /** How long the service asked to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  /** For a `conflict` in a transaction: the index of the first write whose condition failed. */
  readonly failedWrite?: number;
  /** Whether there was no answer in time: the service may be healthy and only slow. */
  readonly timedOut?: boolean;
  /** For `too-large`: not the document is, but all documents of its partition together. */
  readonly partitionFull?: boolean;
  /** The SDK's or the network's own error. */
  readonly cause?: unknown;
}

/** An error of a port, created once, at the boundary of an adapter. */
export class PortError extends Error {
  override readonly name = 'PortError';
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly failedWrite: number | undefined;
  readonly timedOut: boolean;
  readonly partitionFull: boolean;

  constructor(code: ErrorCode, message: string, details: PortErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
    this.failedWrite = details.failedWrite;
    // An error that wraps a timeout is a timeout, too.
    this.partitionFull = details.partitionFull ?? false;
    this.timedOut = details.timedOut ?? (details.cause instanceof PortError && details.cause.timedOut);
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return RETRYABLE[this.code];
  }
}

/** Whether `error` is a port error, of the given code if one is named. */
export function isPortError(error: unknown, code?: ErrorCode): error is PortError {
  return error instanceof PortError && (code === undefined || error.code === code);
}

/** Whether the adapters retry a request themselves, within their budget. */
export const isTransient = ({ code }: PortError): boolean =>
  code === 'throttled' || code === 'unavailable' || code === 'unknown-outcome';

/** Describes any error for a log line or a parked document. `timedOut` distinguishes slowness from other failures. */
export function describeError(error: unknown): { code: string; message: string; timedOut?: true } {
  if (isPortError(error))
    return { code: error.code, message: error.message, ...(error.timedOut && { timedOut: true as const }) };
  if (error instanceof Error) return { code: error.name, message: error.message };
  return { code: 'Error', message: String(error) };
}

/** Characters of a stack trace that a log line has at most: V8's ten frames, and a message that is no essay. */
export const STACK_LIMIT = 4000;

/** Where code of our own has failed, for a log line; nothing for a port's error, whose code and message say all. */
export function stackOf(error: unknown): { stack?: string } {
  if (isPortError(error) || !(error instanceof Error) || error.stack === undefined) return {};
  return { stack: error.stack.slice(0, STACK_LIMIT) };
}

/**
 * The final error of a repeated write. Once an answer was lost, a failed repetition leaves open whether the write was applied,
 * whatever the cause of its failure.
 */
export function asUnknownOutcome(error: PortError, answerLost: boolean): PortError {
  if (!answerLost || (error.code !== 'throttled' && error.code !== 'unavailable')) return error;
  const { message, cause, retryAfterMs, timedOut } = error;
  const details = { cause, timedOut, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  return new PortError('unknown-outcome', message, details);
}
