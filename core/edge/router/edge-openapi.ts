// The OpenAPI document of the edge, made from that of the cells behind it: the same routes, with the edge's credentials, refusals and headers.
import { problemOf, type RefusalCode } from '../../api/refusal.ts';
import { text } from '../../api/schema.ts';
import { CELL_HEADER, RPO_HEADER, STALE_HEADER } from '../../http/headers.ts';
import { ref } from '../../http/openapi-parts.ts';
import { isJsonObject, type Json, type JsonObject } from '../../ports/json.ts';
import { EDGE } from './own-answers.ts';

/** The address is that which the document was fetched from. */
export const SERVERS = [{ url: '/', description: 'This edge.' }] as const;

const header = (description: string, example: string) => ({ description, schema: text, example });

/** Headers of answers, by name. */
const HEADERS = {
  traceparent: header(
    'The trace of the request (W3C Trace Context).',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  ),
  [CELL_HEADER]: header(`The cell that has answered; ${EDGE} for the edge itself.`, EDGE),
  'retry-after': header('Seconds until a repetition may succeed.', '2'),
  'www-authenticate': header('How to authenticate (RFC 6750).', 'Bearer realm="polycell", error="invalid_token"'),
  ratelimit: header(
    'What is left of the tenant’s quota, and the seconds until it is full again (draft-ietf-httpapi-ratelimit-headers).',
    '"requests";r=87;t=1, "bytes";r=3276800;t=0',
  ),
  'ratelimit-policy': header(
    'The tenant’s quota, and the seconds in which it fills.',
    '"requests";q=100;w=2, "bytes";q=3276800;w=2;qu="content-bytes"',
  ),
  [RPO_HEADER]: header(
    'From how many milliseconds ago on events may be missing, or unknown; on reads that the standby serves.',
    '75000',
  ),
  [STALE_HEADER]: header('Seconds since the tenant’s cell was last confirmed; on reads, when that is long ago.', '75'),
} as const;

export type HeaderName = keyof typeof HEADERS;

const headersNamed = (names: readonly HeaderName[]) => Object.fromEntries(names.map((name) => [name, HEADERS[name]]));

/** Every answer has these. */
const ALWAYS: readonly HeaderName[] = ['traceparent', CELL_HEADER];

interface RefusalText {
  readonly description: string;
  readonly headers?: readonly HeaderName[];
  /** Code → the detail that a client reads. */
  readonly examples: Readonly<Partial<Record<RefusalCode, string>>>;
}

/** The answer of a status: a problem, with an example for each code. */
export const problemAnswer = ({ description, headers = [], examples }: RefusalText) => ({
  description,
  headers: headersNamed([...ALWAYS, ...headers]),
  content: {
    'application/problem+json': {
      schema: ref('Problem'),
      examples: Object.fromEntries(
        Object.entries(examples).map(([code, detail]) => [code, { value: problemOf(code as RefusalCode, detail) }]),
      ),
    },
  },
});

/** Refusals of any route that takes a credential. */
export const CREDENTIAL_REFUSALS = {
  401: problemAnswer({
    description: 'There is no credential, or it is not valid.',
    headers: ['www-authenticate'],
    examples: {
      missing_credential:
        'Send a token of the issuer as `Authorization: Bearer …`, or connect with a device certificate.',
      invalid_credential: 'The credential is refused: it has expired.',
    },
  }),
} as const;

const REFUSALS = {
  ...CREDENTIAL_REFUSALS,
  403: problemAnswer({
    description: 'The credential is valid, and not for this.',
    examples: {
      missing_scope: 'This needs a route token with the scope operate.',
      tenant_mismatch: 'X-Tenant-ID names another tenant than the credential.',
    },
  }),
  429: problemAnswer({
    description: 'The tenant’s quota is used up.',
    headers: ['retry-after', 'ratelimit', 'ratelimit-policy'],
    examples: { quota_exceeded: 'The tenant has sent more requests, or more bytes, than its tier allows.' },
  }),
  503: problemAnswer({
    description: 'It cannot be served now. What was sent may be sent again: events have ids.',
    headers: ['retry-after'],
    examples: {
      cell_unavailable:
        'The cell of the tenant is down or has not proved its identity, and no other one stands in for it.',
      cell_overloaded: 'Too many requests wait for the tenant’s cell.',
      store_unavailable:
        'The store cannot take the request now. Repeat it: what was stored already comes back as a duplicate.',
      directory_unavailable: 'Where the tenant’s cell is cannot be found out now.',
      issuer_unavailable: 'What verifying the credential needs cannot be had now.',
    },
  }),
} as const;

/** The scheme of cells in their own document. */
const ROUTE_TOKEN = 'routeToken';

/** Parameters with which the edge asks cells. */
const OF_THE_EDGE: readonly unknown[] = ['nonce', 'peer', 'measures'];

const HEALTH = '/v1/health';

const part = (node: Json | undefined): JsonObject => (node !== undefined && isJsonObject(node) ? node : {});

/** The scopes of an operation in the cells' document; none for a public one. */
const scopesOf = ({ security }: JsonObject): readonly Json[] =>
  Array.isArray(security) ? security.flatMap((each) => part(each as Json)[ROUTE_TOKEN] as Json) : [];

function operation(path: string, given: JsonObject): JsonObject {
  const scopes = scopesOf(given);
  const isHealth = path === HEALTH;
  const credentials = [{ token: isHealth ? ['operate'] : scopes }, { certificate: [] }] as unknown as Json[];
  const isPublic = scopes.length === 0 && !isHealth;
  const responses = Object.fromEntries(
    Object.entries(part(given.responses)).map(([status, response]) => {
      const names: HeaderName[] = isPublic ? [] : ['ratelimit', 'ratelimit-policy'];
      if (!isPublic && given.requestBody === undefined) names.push(STALE_HEADER, RPO_HEADER);
      const headers = { ...headersNamed([...ALWAYS, ...(status === '503' ? (['retry-after'] as const) : names)]) };
      return [status, { ...part(response), headers } as Json];
    }),
  );
  const { parameters, security, ...others } = given;
  return {
    ...others,
    parameters: (Array.isArray(parameters) ? parameters : []).filter(
      (each) => !isHealth || !OF_THE_EDGE.includes(part(each as Json).name),
    ) as Json,
    ...(!isPublic && { security: isHealth ? [{}, ...credentials] : credentials }),
    responses: isPublic
      ? responses
      : ({ ...REFUSALS, ...responses, ...mergedUnavailable(responses) } as unknown as Json),
  };
}

/** Where a cell answers 503 without its application, as for its health, both bodies are possible. */
function mergedUnavailable(responses: JsonObject): JsonObject {
  const own = part(responses['503']);
  if (own.content === undefined) return {};
  const { content: refusals, headers } = REFUSALS[503];
  const merged = { ...own, headers, content: { ...part(own.content), ...refusals } };
  return { 503: merged as unknown as Json };
}

/** Not the routes that only the edge itself may use at a cell, nor those by which cells replicate. */
const isForTenants = (path: string, given: JsonObject): boolean =>
  !path.startsWith('/v1/replica/') && scopesOf(given).every((scope) => scope !== 'control' && scope !== 'erase');

/** The document of the edge, given that of the application which its cells run. */
export function edgeOpenApi(cells: unknown): unknown {
  const { info, paths, components, ...others } = part(cells as Json);
  const schemas = part(part(components).schemas);
  const ours = Object.entries(part(paths)).flatMap(([path, methods]) => {
    const kept = Object.entries(part(methods)).filter(([, given]) => isForTenants(path, part(given)));
    if (kept.length === 0) return [];
    return [[path, Object.fromEntries(kept.map(([method, given]) => [method, operation(path, part(given))]))]];
  });
  return {
    ...others,
    info: {
      ...part(info),
      title: 'The API of Polycell',
      description: `${String(part(info).description)} ${CALLERS}`,
    },
    servers: SERVERS,
    paths: Object.fromEntries(ours),
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'A token of the issuer with the claim tenant and scopes.',
        },
        certificate: { type: 'mutualTLS', description: 'A certificate of a device, where the edge takes them.' },
      },
      schemas,
    },
  };
}

const CALLERS =
  'A request is served by the cell of the caller’s tenant. Operators make requests for a tenant by its name in the path, ' +
  '/control/v1/tenants/{tenant}/api followed by a path of this document, with a token that has the scope tenants.ingest, tenants.read or ' +
  'tenants.operate. The control API has a document of its own: /control/v1/openapi.json.';
