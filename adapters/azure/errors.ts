// Azure SDK errors as port errors: one table by Cosmos DB's status codes, one by Service Bus's error codes.
import { AsyncLocalStorage } from 'node:async_hooks';
import { type ErrorCode, PortError } from '../../core/ports/errors.ts';

/** https://learn.microsoft.com/rest/api/cosmos-db/http-status-codes-for-cosmosdb */
const COSMOS_CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid',
  401: 'denied',
  403: 'denied',
  404: 'not-found',
  // The service gave up on a request that it may have carried out.
  408: 'unknown-outcome',
  409: 'conflict',
  410: 'unavailable',
  412: 'conflict',
  413: 'too-large',
  429: 'throttled',
  449: 'throttled',
  500: 'unavailable',
  502: 'unavailable',
  503: 'unavailable',
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
};

/** The connection was never made, so the request did not happen. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** The request went out and the answer did not come. */
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

interface SdkError {
  readonly name?: string;
  readonly code?: number | string;
  readonly substatus?: number;
  readonly message?: string;
  readonly retryAfterInMs?: number;
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** An SDK error as a port error; one that is a port error already stays as it is. */
export function toPortError(error: unknown): PortError {
  if (error instanceof PortError) return error;
  const sdkError = error as SdkError;
  const { name = '', code = '', message = String(error), retryAfterInMs } = sdkError;
  const details = { cause: error, ...(retryAfterInMs !== undefined && { retryAfterMs: retryAfterInMs }) };
  return new PortError(codeOf(sdkError), `${name} ${code}: ${message}`, details);
}

function codeOf({ name = '', code = '', retryable, cause }: SdkError): ErrorCode {
  if (typeof code === 'number') return COSMOS_CODES[code] ?? 'unknown';
  const known = SERVICE_BUS_CODES[code];
  if (known !== undefined) return known;
  const inner = (cause as SdkError | undefined)?.code;
  if (NOT_SENT.has(code) || (typeof inner === 'string' && NOT_SENT.has(inner))) return 'unavailable';
  if (ANSWER_LOST.has(code) || ANSWER_LOST.has(name)) return 'unknown-outcome';
  return retryable === true ? 'unavailable' : 'unknown';
}

/** The error of one operation of a batch, by its status code. */
export function operationError(statusCode: number, retryAfterMs: number | undefined): PortError {
  const details = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new PortError(COSMOS_CODES[statusCode] ?? 'unknown', `An operation was answered with ${statusCode}.`, details);
}

/** Whether the adapters repeat a request on their own, within their budget. */
export const isTransient = (error: PortError): boolean =>
  error.code === 'throttled' || error.code === 'unavailable' || error.code === 'unknown-outcome';

const lastError = new AsyncLocalStorage<{ error?: unknown }>();

/** What a plugin of the client is; @azure/cosmos 4.9.3 has them, but leaves them out of its types. */
interface RequestPlugin {
  readonly on: 'request';
  plugin(context: unknown, diagnostics: unknown, next: (context: unknown) => Promise<unknown>): Promise<unknown>;
}

/**
 * For the client's `plugins`. `items.batch` and `items.bulk` of @azure/cosmos 4.9.3 turn every failed request into a bare `Error`
 * without code or status (Items.js, "Batch request error"); this keeps the error as it came off the wire.
 */
export const keepErrors: readonly RequestPlugin[] = [
  {
    on: 'request',
    plugin: async (context, _diagnostics, next) => {
      try {
        return await next(context);
      } catch (error) {
        const kept = lastError.getStore();
        if (kept !== undefined) kept.error = error;
        throw error;
      }
    },
  },
];

/** Runs a batch or bulk call, and throws what really went wrong. */
export async function withErrorsKept<T>(call: () => Promise<T>): Promise<T> {
  const kept: { error?: unknown } = {};
  try {
    return await lastError.run(kept, call);
  } catch (error) {
    throw toPortError(kept.error ?? error);
  }
}
