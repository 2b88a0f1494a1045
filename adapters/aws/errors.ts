// Maps AWS SDK errors to port errors: one table by exception name, and the failures of the network.
import { type ErrorCode, PortError } from '../../core/ports/errors.ts';

/** Exception names documented by the services, and the SDK's own for the network. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
  ConditionalCheckFailedException: 'conflict',
  TransactionConflictException: 'conflict',
  DuplicateItemException: 'conflict',
  IdempotentParameterMismatchException: 'invalid',
  TransactionInProgressException: 'throttled',
  ResourceNotFoundException: 'not-found',
  ValidationException: 'invalid',
  SerializationException: 'invalid',
  ItemCollectionSizeLimitExceededException: 'too-large',
  ProvisionedThroughputExceededException: 'throttled',
  RequestLimitExceeded: 'throttled',
  LimitExceededException: 'throttled',
  ThrottlingException: 'throttled',
  ThrottledException: 'throttled',
  Throttling: 'throttled',
  TooManyRequestsException: 'throttled',
  InternalServerError: 'unavailable',
  InternalFailure: 'unavailable',
  ServiceUnavailable: 'unavailable',
  AccessDeniedException: 'denied',
  AuthorizationErrorException: 'denied',
  AuthorizationError: 'denied',
  UnrecognizedClientException: 'denied',
  InvalidClientTokenId: 'denied',
  IncompleteSignatureException: 'denied',
  MissingAuthenticationTokenException: 'denied',
  ExpiredTokenException: 'denied',
  CredentialsProviderError: 'denied',
  // https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
  NotFoundException: 'not-found',
  NotFound: 'not-found',
  InvalidParameterException: 'invalid',
  InvalidParameter: 'invalid',
  InvalidParameterValueException: 'invalid',
  BatchRequestTooLongException: 'too-large',
  BatchRequestTooLong: 'too-large',
  InternalErrorException: 'unavailable',
  InternalError: 'unavailable',
  // https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
  NoSuchBucket: 'not-found',
  AccessDenied: 'denied',
  InvalidAccessKeyId: 'denied',
  SignatureDoesNotMatch: 'denied',
  ExpiredToken: 'denied',
  PermanentRedirect: 'misconfigured',
  AuthorizationHeaderMalformed: 'misconfigured',
  EntityTooLarge: 'too-large',
  SlowDown: 'throttled',
  KMSThrottlingException: 'throttled',
  KMSAccessDeniedException: 'denied',
  KMSDisabledException: 'misconfigured',
  EndpointDisabledException: 'misconfigured',
};

/** Codes of statements and transactions that failed inside a request that succeeded as a whole. */
const ITEM_CODES: Readonly<Record<string, ErrorCode>> = {
  ConditionalCheckFailed: 'conflict',
  DuplicateItem: 'conflict',
  TransactionConflict: 'conflict',
  ItemCollectionSizeLimitExceeded: 'too-large',
  RequestLimitExceeded: 'throttled',
  ValidationError: 'invalid',
  ProvisionedThroughputExceeded: 'throttled',
  InternalServerError: 'unavailable',
  ResourceNotFound: 'not-found',
  AccessDenied: 'denied',
  ThrottlingError: 'throttled',
};

/** The connection was never established, so the request was not sent. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** The request was sent, but its answer was lost. */
const ANSWER_LOST = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'TimeoutError', 'RequestTimeout', 'AbortError']);

/** Of these, those that mean only that no answer came in time. */
const TIMED_OUT = new Set(['ETIMEDOUT', 'TimeoutError', 'RequestTimeout']);

interface SdkError {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $retryable?: { readonly throttling?: boolean };
}

/** Maps an SDK error to a port error; returns port errors unchanged. */
export function toPortError(error: unknown): PortError {
  if (error instanceof PortError) return error;
  const { name = '', code = '', message = String(error), $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  const timedOut = TIMED_OUT.has(name) || TIMED_OUT.has(code);
  return new PortError(codeOf(name, code, status, message), `${name}: ${message}`, { cause: error, timedOut });
}

function codeOf(name: string, code: string, status: number | undefined, message: string): ErrorCode {
  const known = CODES[name];
  // A topic that cannot be one is no fault of the message: https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
  if (known === 'invalid' && /TopicArn/.test(message)) return 'misconfigured';
  if (known === 'invalid' && /Item size|exceeds the maximum|Transaction request cannot be larger/i.test(message))
    return 'too-large';
  if (known !== undefined) return known;
  if (NOT_SENT.has(code)) return 'unavailable';
  if (ANSWER_LOST.has(code) || ANSWER_LOST.has(name) || message === 'socket hang up') return 'unknown-outcome';
  if (status === 429) return 'throttled';
  if (status === 403) return 'denied';
  if (status === 413) return 'too-large';
  if (status !== undefined && status >= 500) return 'unavailable';
  return 'unknown';
}

/** Maps the error of one statement, entry or transaction item by the service's short code. */
export function itemError(code: string | undefined, message: string | undefined): PortError {
  const known = ITEM_CODES[code ?? ''] ?? CODES[code ?? ''] ?? 'unknown';
  const tooLarge = known === 'invalid' && /Item size/i.test(message ?? '');
  return new PortError(tooLarge ? 'too-large' : known, `${code ?? 'Unknown'}: ${message ?? ''}`);
}
