// Maps Azure SDK errors to port errors: one table by Cosmos DB's status codes, one by Service Bus's error codes.
import { type ErrorCode, PortError } from '../../core/ports/errors.ts';

/** The addressed range has split or moved; nothing was applied. */
export const COSMOS_GONE = 410;

/**
 * The substatus of a 403 that says that a logical partition has reached its 20 GB
 * (https://learn.microsoft.com/azure/cosmos-db/nosql/troubleshoot-forbidden).
 */
const PARTITION_FULL = 1014;

/** https://learn.microsoft.com/rest/api/cosmos-db/http-status-codes-for-cosmosdb */
const COSMOS_CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid',
  401: 'denied',
  403: 'denied',
  404: 'not-found',
  // The service gave up on a request that it may have applied.
  408: 'unknown-outcome',
  409: 'conflict',
  [COSMOS_GONE]: 'unavailable',
  412: 'conflict',
  413: 'too-large',
  429: 'throttled',
  449: 'throttled',
  // The same after an internal failure: a write may still have reached the replicas.
  500: 'unknown-outcome',
  502: 'unknown-outcome',
  503: 'unknown-outcome',
  504: 'unknown-outcome',
};

/** https://learn.microsoft.com/azure/service-bus-messaging/service-bus-messaging-exceptions */
const SERVICE_BUS_CODES: Readonly<Record<string, ErrorCode>> = {
  MessagingEntityNotFound: 'not-found',
  MessagingEntityDisabled: 'misconfigured',
  MessageSizeExceeded: 'too-large',
  QuotaExceeded: 'throttled',
  ServiceBusy: 'throttled',
  ServiceTimeout: 'unknown-outcome',
  ServiceCommunicationProblem: 'unavailable',
  UnauthorizedAccess: 'denied',
  // Names of conditions without SDK codes (core-amqp, errors.ts).
  ArgumentError: 'invalid',
  ArgumentOutOfRangeError: 'invalid',
  DecodeError: 'invalid',
  InvalidFieldError: 'invalid',
  InvalidOperationError: 'misconfigured',
  NotImplementedError: 'unsupported',
};

/** The connection was never established, so the request was not sent. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** The request was sent, but its answer was lost. */
const ANSWER_LOST = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'TimeoutError',
  'AbortError',
  'OperationTimeoutError',
  'REQUEST_SEND_ERROR',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** Of these and of the services' own codes, those that mean only that no answer came in time. */
const TIMED_OUT = new Set<unknown>([408, 'ETIMEDOUT', 'TimeoutError', 'OperationTimeoutError', 'ServiceTimeout']);

interface SdkError {
  readonly name?: string;
  readonly code?: number | string;
  readonly substatus?: number;
  readonly message?: string;
  readonly retryAfterInMs?: number;
  readonly retryable?: boolean;
}

/** Maps an SDK error to a port error; returns port errors unchanged. */
export function toPortError(error: unknown): PortError {
  if (error instanceof PortError) return error;
  const sdkError = error as SdkError;
  const { name = '', code = '', message = String(error), retryAfterInMs } = sdkError;
  const timedOut = TIMED_OUT.has(code) || TIMED_OUT.has(name);
  const details = { cause: error, timedOut, ...(retryAfterInMs !== undefined && { retryAfterMs: retryAfterInMs }) };
  if (code === 403 && sdkError.substatus === PARTITION_FULL) return partitionFull(error);
  return new PortError(codeOf(sdkError), `${name} ${code}: ${message}`, details);
}

function codeOf({ name = '', code: given = '', message = '', retryable }: SdkError): ErrorCode {
  if (typeof given === 'number') return COSMOS_CODES[given] ?? 'unknown';
  // @azure/service-bus 7.9.5 has few codes; for all other errors the SDK puts its own name before the service's text.
  const code = given === 'GeneralError' ? message.slice(0, Math.max(0, message.indexOf(':'))) : given;
  const known = SERVICE_BUS_CODES[code];
  if (known !== undefined) return known;
  if (NOT_SENT.has(code)) return 'unavailable';
  if (ANSWER_LOST.has(code) || ANSWER_LOST.has(name)) return 'unknown-outcome';
  return retryable === true ? 'unavailable' : 'unknown';
}

/** Maps an SDK error of a read to a port error: losing its answer has no unknown outcome. */
export function toReadError(error: unknown): PortError {
  const portError = toPortError(error);
  if (portError.code !== 'unknown-outcome') return portError;
  return new PortError('unavailable', portError.message, { cause: error, timedOut: portError.timedOut });
}

const partitionFull = (cause?: unknown): PortError =>
  new PortError(
    'too-large',
    'The logical partition has reached the 20 GB that Cosmos DB keeps for one partition key.',
    {
      partitionFull: true,
      cause,
    },
  );

/** Status of an operation in the answer of a batch; the SDK's types leave out what it passes on from the service. */
export interface OperationStatus {
  readonly statusCode: number;
  readonly subStatusCode?: number;
  readonly retryAfterMilliseconds?: number;
}

/** Maps the error of one operation of a batch by its status code. */
export function operationError(answer: OperationStatus): PortError {
  const { statusCode, subStatusCode, retryAfterMilliseconds: retryAfterMs } = answer;
  if (statusCode === 403 && subStatusCode === PARTITION_FULL) return partitionFull();
  const details = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new PortError(COSMOS_CODES[statusCode] ?? 'unknown', `An operation was answered with ${statusCode}.`, details);
}
