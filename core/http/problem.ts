// Errors of an HTTP API as RFC 9457 problem documents, one line for each code, and the problems of a cell.

/** Code → HTTP status and title. The codes are stable; clients act on them. */
export type ProblemTable = Readonly<Record<string, readonly [status: number, title: string]>>;

/** The problems of a cell. */
export const PROBLEMS = {
  invalid_json: [400, 'The body is not JSON'],
  invalid_body: [400, 'Invalid body'],
  invalid_batch: [400, 'Invalid batch'],
  invalid_parameter: [400, 'Invalid parameter'],
  invalid_cursor: [400, 'The cursor does not belong to this query'],
  unknown_consumer: [400, 'Unknown consumer'],
  invalid_route_token: [401, 'The route token is missing or not valid'],
  missing_scope: [403, 'Insufficient scope'],
  not_found: [404, 'Not found'],
  unknown_parked_event: [404, 'Unknown parked event'],
  method_not_allowed: [405, 'Method not allowed'],
  stale_epoch: [409, 'The tenant has moved'],
  payload_too_large: [413, 'The body is too large'],
  misdirected: [421, 'The route token is for another cell or endpoint'],
  unsupported_media_type: [415, 'Unsupported media type'],
  unsupported_encoding: [415, 'This content encoding is not accepted'],
  internal_error: [500, 'Internal error in the cell'],
  store_unavailable: [503, 'The store is unavailable'],
} as const satisfies ProblemTable;

export type ProblemCode = keyof typeof PROBLEMS;

/** The problems of a cell that runs this application: its own, and those of the domains' reads. */
export function problemsOf(
  application: readonly { readonly missing: Readonly<Record<string, string>> }[],
): ProblemTable {
  const missing = application.flatMap((domain) => Object.entries(domain.missing));
  return { ...PROBLEMS, ...Object.fromEntries(missing.map(([code, title]) => [code, [404, title]])) };
}

export interface FieldError {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly detail: string;
}

/** A refusal on its way to the client. Thrown by the parts of the API, turned into a response in one place. */
export class Problem<Code extends string = ProblemCode> extends Error {
  override readonly name = 'Problem';
  readonly code: Code;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: Code,
    detail: string,
    more: { errors?: readonly FieldError[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.code = code;
    this.errors = more.errors ?? [];
    this.headers = more.headers ?? {};
  }
}

/** The body of a problem. */
export const problemBody = (
  [status, title]: ProblemTable[string],
  code: string,
  detail: string,
  errors: readonly FieldError[] = [],
) => ({ type: 'about:blank', title, status, detail, code, errors });

/** The response for a problem of this table. */
export function problemResponse<Code extends string>(
  { code, message, errors, headers }: Problem<Code>,
  table: Readonly<Record<Code, ProblemTable[string]>>,
): Response {
  const line = table[code];
  return new Response(JSON.stringify(problemBody(line, code, message, errors)), {
    status: line[0],
    headers: { ...headers, 'content-type': 'application/problem+json' },
  });
}
