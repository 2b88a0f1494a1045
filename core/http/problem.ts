// Errors of the API: RFC 9457 problem documents, one line for each code.

/** Code → HTTP status and title. The codes are stable; clients act on them. */
export const PROBLEMS = {
  invalid_json: [400, 'The body is not JSON'],
  invalid_body: [400, 'The body does not fit this request'],
  invalid_batch: [400, 'The batch does not fit'],
  invalid_parameter: [400, 'A parameter does not fit'],
  invalid_cursor: [400, 'The cursor does not belong to this query'],
  unknown_consumer: [400, 'There is no such consumer'],
  invalid_route_token: [401, 'The route token is missing or not valid'],
  missing_scope: [403, 'The route token lacks a scope'],
  not_found: [404, 'There is nothing here'],
  unknown_device: [404, 'There is no such device'],
  unknown_parked_event: [404, 'There is no such parked event'],
  method_not_allowed: [405, 'This method is not for this path'],
  stale_epoch: [409, 'The tenant has been assigned anew'],
  payload_too_large: [413, 'The body is too large'],
  misdirected: [421, 'The route token is for another cell'],
  unsupported_media_type: [415, 'This content type is not accepted'],
  internal_error: [500, 'Something went wrong in the cell'],
  store_unavailable: [503, 'The store cannot be reached now'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof PROBLEMS;

export interface FieldError {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly detail: string;
}

/** A refusal on its way to the client. Thrown by the parts of the API, turned into a response in one place. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ProblemCode,
    detail: string,
    more: { errors?: readonly FieldError[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.code = code;
    this.errors = more.errors ?? [];
    this.headers = more.headers ?? {};
  }
}

/** The response that tells a problem. */
export function problemResponse({ code, message, errors, headers }: Problem): Response {
  const [status, title] = PROBLEMS[code];
  const body = { type: 'about:blank', title, status, detail: message, code, errors };
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...headers, 'content-type': 'application/problem+json' },
  });
}
