// Refusals of the HTTP APIs of cells, edge and control plane: one type, and one table from codes to HTTP statuses.

type Row = readonly [status: number, title: string];

/** Refusals of tenants and of operators. */
const COMMON = {
  invalid_json: [400, 'The body is not JSON'],
  invalid_body: [400, 'Invalid body'],
  invalid_parameter: [400, 'Invalid parameter'],
  invalid_cursor: [400, 'The cursor does not belong to this query'],
  missing_credential: [401, 'Missing credential'],
  invalid_credential: [401, 'Invalid credential'],
  missing_scope: [403, 'Insufficient scope'],
  origin_not_allowed: [403, 'Origin not allowed'],
  not_found: [404, 'Not found'],
  unknown_tenant: [404, 'Unknown tenant'],
  method_not_allowed: [405, 'Method not allowed'],
  payload_too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'Unsupported media type'],
  internal_error: [500, 'Internal error'],
  issuer_unavailable: [503, 'The credential cannot be verified at the moment'],
  cell_unavailable: [503, 'The cell is unavailable'],
  directory_unavailable: [503, 'The directory is unavailable'],
} as const satisfies Record<string, Row>;

/** Refusals of tenants, by their cell or by the edge in front of it. */
const TENANTS = {
  invalid_batch: [400, 'Invalid batch'],
  invalid_idempotency_key: [400, 'Invalid idempotency key'],
  unsupported_condition: [400, 'Conditional writes are not supported'],
  unknown_consumer: [400, 'Unknown consumer'],
  invalid_assignment: [401, 'The assignment is missing or not valid'],
  invalid_peer: [401, 'The sender is not another cell of the tenant'],
  invalid_route_token: [401, 'The route token is missing or not valid'],
  outside_residency: [403, 'The residency does not allow this place'],
  tenant_mismatch: [403, 'The credential belongs to another tenant'],
  unknown_parked_event: [404, 'Unknown parked event'],
  request_timeout: [408, 'Timeout while receiving the body'],
  stale_epoch: [409, 'The tenant has moved'],
  target_too_long: [414, 'Path and query too long'],
  unsupported_encoding: [415, 'This content encoding is not accepted'],
  misdirected: [421, 'The route token is for another cell or endpoint'],
  idempotency_key_reused: [422, 'The idempotency key belongs to another request'],
  quota_exceeded: [429, 'Tenant quota exceeded'],
  headers_too_large: [431, 'Headers too large'],
  cell_overloaded: [503, 'The tenant’s cell is overloaded'],
  no_lease: [503, 'The cell must not change this now'],
  state_incomplete: [503, 'The state is not derived yet'],
  store_unavailable: [503, 'The store is unavailable'],
} as const satisfies Record<string, Row>;

/** The directory's refusals of a command. An unknown id is not found; all others conflict with the current state. */
export const DIRECTORY_REFUSALS = {
  invalid_command: [400, 'Invalid command'],
  unknown_cell: [404, 'Unknown cell'],
  unknown_tenant: COMMON.unknown_tenant,
  cell_retired: [409, 'The cell is retired'],
  cell_not_active: [409, 'The cell takes no new tenants'],
  cell_not_empty: [409, 'Tenants depend on the cell'],
  cell_has_data: [409, 'The cell holds events'],
  tenant_has_data: [409, 'The tenant would leave events behind'],
  cell_exists: [409, 'The cell already exists'],
  tenant_exists: [409, 'The tenant already exists'],
  tenant_pinned: [409, 'The tenant is pinned to its home'],
  residency_violated: [409, 'The residency does not allow this cell'],
  same_failure_domain: [409, 'Home and standby share a failure domain'],
  no_capacity: [409, 'No capacity left'],
  no_cell_fits: [409, 'No cell fits'],
  standby_unavailable: [409, 'No cell would serve the tenants'],
  cell_down: [409, 'The cell is down'],
  not_caught_up: [409, 'Events would be missing'],
  endpoint_unproved: [409, 'The endpoint has not proved that it is the cell'],
  unknown_proposal: [404, 'No such change waits for approval'],
  own_proposal: [409, 'Another operator must approve the change'],
  too_many_proposals: [409, 'Too many changes wait for approval'],
  changed_meanwhile: [409, 'The directory has changed since that revision'],
} as const satisfies Record<string, Row>;

const OPERATORS = {
  ...DIRECTORY_REFUSALS,
  unknown_move: [404, 'Unknown move'],
  unknown_erasure: [404, 'Unknown erasure'],
  erasure_under_way: [409, 'Events of the tenant are being erased'],
  move_under_way: [409, 'The tenant is being moved'],
  move_state: [409, 'The move is at another step'],
  drill_exists: [409, 'Another drill has this id'],
  mover_unavailable: [503, 'The mover is unavailable'],
  monitor_unavailable: [503, 'The monitor is unavailable'],
  unknown_outcome: [503, 'The change may have been made'],
} as const satisfies Record<string, Row>;

/** The codes are stable; clients act on them. */
const TABLE = { ...COMMON, ...TENANTS, ...OPERATORS };

export type RefusalCode = keyof typeof TABLE;
/** Why the directory refused a command; nothing was written. */
export type DirectoryRefusal = keyof typeof DIRECTORY_REFUSALS;

/** The codes that a tenant's client may receive from the engine, and those that an operator may receive. */
export const TENANT_CODES: readonly string[] = Object.keys({ ...COMMON, ...TENANTS });
export const OPERATOR_CODES: readonly string[] = Object.keys({ ...COMMON, ...OPERATORS });

/** Codes of a domain for items that do not exist, with their titles; their status is 404. */
export type MissingCodes = Readonly<Record<string, string>>;

export interface FieldError {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly detail: string;
}

/** A refusal on its way to the client; its message is the detail. Thrown by the parts of an API, turned into a response in one place. */
export class Refusal<Code extends string = RefusalCode> extends Error {
  override readonly name = 'Refusal';
  readonly code: Code;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: Code,
    detail: string,
    more: {
      errors?: readonly FieldError[];
      headers?: Readonly<Record<string, string>>;
      retryAfterSeconds?: number;
    } = {},
  ) {
    super(detail);
    this.code = code;
    this.errors = more.errors ?? [];
    this.headers = {
      ...(more.retryAfterSeconds !== undefined && { 'retry-after': String(more.retryAfterSeconds) }),
      ...more.headers,
    };
  }
}

/** The refusal for a fault of the product itself. */
export const internalError = () =>
  new Refusal(
    'internal_error',
    'The request failed for a reason that is not yours. It is logged under the traceparent of this answer.',
  );

/** The refusal of a cursor that belongs to another query. */
export const foreignCursor = () =>
  new Refusal(
    'invalid_cursor',
    'Take the cursor from the field next of the page before, and leave the other parameters as they were.',
  );

/** The problem document of a refusal of the engine, as an object. */
export function problemOf(code: RefusalCode, detail: string, errors: readonly FieldError[] = []): object {
  const [status, title] = TABLE[code];
  return { type: 'about:blank', title, status, detail, code, errors };
}

/** The problem document of a refusal (RFC 9457). */
export function refusalResponse(
  { code, message: detail, errors, headers }: Refusal<string>,
  missing: MissingCodes = {},
): Response {
  const [status, title] = (TABLE as Readonly<Record<string, Row>>)[code] ?? [404, missing[code]];
  return new Response(JSON.stringify({ type: 'about:blank', title, status, detail, code, errors }), {
    status,
    headers: { ...headers, 'content-type': 'application/problem+json' },
  });
}
