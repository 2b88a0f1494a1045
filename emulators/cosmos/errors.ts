// The service's refusals: HTTP status, substatus and text, made in one place so that every path words them alike.

/** A refusal that the HTTP layer answers as `{code, message}` with its status and substatus. */
export class CosmosError extends Error {
  readonly status: number;
  readonly substatus: number;
  readonly retryAfterMs: number | undefined;
  /** Extra body fields; the SDK fetches a query plan when it sees `additionalErrorInfo`. */
  readonly extra: Record<string, unknown>;

  constructor(
    status: number,
    message: string,
    more: { substatus?: number; retryAfterMs?: number; extra?: Record<string, unknown> } = {},
  ) {
    super(message);
    this.status = status;
    this.substatus = more.substatus ?? 0;
    this.retryAfterMs = more.retryAfterMs;
    this.extra = more.extra ?? {};
  }

  /** The symbolic name that the service puts in the body's `code`. */
  get code(): string {
    return CODES[this.status] ?? String(this.status);
  }
}

const CODES: Readonly<Record<number, string>> = {
  304: 'NotModified',
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  408: 'RequestTimeout',
  409: 'Conflict',
  410: 'Gone',
  412: 'PreconditionFailed',
  413: 'RequestEntityTooLarge',
  424: 'FailedDependency',
  429: 'TooManyRequests',
  449: 'RetryWith',
  500: 'InternalServerError',
  501: 'NotImplemented',
  503: 'ServiceUnavailable',
};

const quoted = (text: string): string => `Message: ${JSON.stringify({ Errors: [text] })}`;

/** 400: the request itself is wrong. */
export const badRequest = (text: string, substatus = 0): CosmosError =>
  new CosmosError(400, quoted(text), { substatus });

/** 400 of the query engine, worded as the service words it: a list of coded errors. */
export const queryError = (
  code: string | number,
  text: string,
  location?: { start: number; end: number },
): CosmosError =>
  new CosmosError(
    400,
    `Message: ${JSON.stringify({
      errors: [{ severity: 'Error', ...(location === undefined ? {} : { location }), code, message: text }],
    })}`,
  );

/** 400/1004: the gateway cannot serve this query alone; the SDK then asks for a plan and fans out itself. */
export const needsQueryPlan = (): CosmosError =>
  new CosmosError(400, 'Cross partition query is not supported on this endpoint; a query plan is required.', {
    substatus: 1004,
    extra: { additionalErrorInfo: JSON.stringify({ reason: 'CrossPartitionQueryNotServable' }) },
  });

/** 408: the query takes more than one request may. */
export const queryTimeout = (): CosmosError =>
  new CosmosError(408, quoted('Request timed out. The query needs more work than one request may take: narrow it.'));

/** 404: no such resource. */
export const notFound = (): CosmosError =>
  new CosmosError(404, quoted('Resource Not Found. Entity with the specified id does not exist in the system.'));

/** 404/1003: the owner (database or container) of the addressed resource does not exist. */
export const ownerNotFound = (): CosmosError =>
  new CosmosError(404, quoted('Owner resource does not exist'), { substatus: 1003 });

/** 404/1002: the session token is ahead of what the store holds. */
export const sessionNotAvailable = (): CosmosError =>
  new CosmosError(404, quoted('The read session is not available for the input session token.'), { substatus: 1002 });

/** 409: id already taken. */
export const conflict = (): CosmosError =>
  new CosmosError(409, quoted('Resource with specified id or name already exists.'));

/** 409: a unique key is violated. */
export const uniqueConflict = (): CosmosError => new CosmosError(409, quoted('Unique index constraint violation.'));

/** 412: If-Match, or a patch condition, does not hold. */
export const preconditionFailed = (): CosmosError =>
  new CosmosError(412, quoted('Operation cannot be performed because one of the specified precondition is not met.'));

/** 413: a document, request or batch is over its limit. */
export const tooLarge = (): CosmosError => new CosmosError(413, quoted('Request size is too large'));

/** 410/1002: the partition key range was split; the SDK refetches the ranges. */
export const rangeGone = (): CosmosError =>
  new CosmosError(410, quoted('The requested resource is no longer available at the server.'), { substatus: 1002 });

/** 400/1001: the header's partition key is not the document's. */
export const partitionKeyMismatch = (): CosmosError =>
  badRequest("PartitionKey extracted from document doesn't match the one specified in the header", 1001);

/** 429/3200: over the provisioned throughput. */
export const throttled = (retryAfterMs: number): CosmosError =>
  new CosmosError(429, quoted('Request rate is large. More Request Units may be needed, so no changes were made.'), {
    substatus: 3200,
    retryAfterMs,
  });

/** 501: a feature of the service that this emulator does not have; always names it. */
export const unsupported = (feature: string): CosmosError =>
  new CosmosError(501, quoted(`Not supported by this emulator (its README lists what is): ${feature}.`));
