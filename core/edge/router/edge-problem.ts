// The edge's own refusals: RFC 9457 problem documents, one line for each code, in the form that cells use.
import { CELL_HEADER } from '../../http/headers.ts';
import { type ProblemTable, problemBody } from '../../http/problem.ts';

/** Code → HTTP status and title. The codes are stable; clients act on them. */
export const EDGE_PROBLEMS = {
  invalid_body: [400, 'Incomplete body'],
  missing_credential: [401, 'Missing credential'],
  invalid_credential: [401, 'Invalid credential'],
  tenant_mismatch: [403, 'The credential belongs to another tenant'],
  missing_scope: [403, 'Insufficient scope'],
  origin_not_allowed: [403, 'Origin not allowed'],
  not_found: [404, 'Not found'],
  unknown_tenant: [404, 'Unknown tenant'],
  method_not_allowed: [405, 'Method not allowed'],
  request_timeout: [408, 'Timeout while receiving the body'],
  payload_too_large: [413, 'Body too large'],
  target_too_long: [414, 'Path and query too long'],
  quota_exceeded: [429, 'Tenant quota exceeded'],
  headers_too_large: [431, 'Headers too large'],
  internal_error: [500, 'Internal error at the edge'],
  cell_unavailable: [503, 'The tenant’s cell is unavailable'],
  cell_overloaded: [503, 'The tenant’s cell is overloaded'],
  directory_unavailable: [503, 'The directory is unavailable'],
  issuer_unavailable: [503, 'The credential cannot be verified at the moment'],
} as const satisfies ProblemTable;

export type EdgeProblemCode = keyof typeof EDGE_PROBLEMS;

/** How a client is to authenticate (https://www.rfc-editor.org/rfc/rfc6750#section-3). */
const CHALLENGE = 'Bearer realm="polycell"';

/** The name that the edge's own answers carry in place of a cell's id. */
export const EDGE = 'edge';

export interface EdgeProblem {
  readonly code: EdgeProblemCode;
  readonly detail: string;
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal on its way to the client. Thrown by the parts of the edge, turned into a response in one place. */
export class EdgeRefusal extends Error {
  override readonly name = 'EdgeRefusal';
  readonly problem: EdgeProblem;

  constructor(problem: EdgeProblem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** The response for a problem. */
export function edgeProblem(traceparent: string, { code, detail, retryAfterSeconds, headers }: EdgeProblem): Response {
  const line = EDGE_PROBLEMS[code];
  const [status] = line;
  return new Response(JSON.stringify(problemBody(line, code, detail)), {
    status,
    headers: {
      ...ownHeaders(traceparent, 'application/problem+json'),
      ...(status === 401 && {
        'www-authenticate': code === 'invalid_credential' ? `${CHALLENGE}, error="invalid_token"` : CHALLENGE,
      }),
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
      ...headers,
    },
  });
}

/** Headers that every answer of the edge itself carries. */
export const ownHeaders = (traceparent: string, contentType: string): Readonly<Record<string, string>> => ({
  'content-type': contentType,
  'cache-control': 'no-store',
  traceparent,
  [CELL_HEADER]: EDGE,
});
