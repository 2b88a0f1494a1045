// The edge's HTTP API on web-standard requests and responses: its own few routes, the control API, and the routes to tenants' cells.
import { internalError, Refusal } from '../api/refusal.ts';
import { LEASE_PATH } from '../cell/lease.ts';
import { readTraceparent, withSampled } from '../events/trace.ts';
import { CELL_HEADER } from '../http/headers.ts';
import { routeMatcher } from '../http/routes.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError } from '../ports/errors.ts';
import type { Log } from '../ports/log.ts';
import type { Span, Telemetry } from '../ports/telemetry.ts';
import { isConsole } from './console.ts';
import { controlRoutes } from './control/control-routes.ts';
import type { Credentials } from './ports/credentials.ts';
import { actingFor, admitted, type OperatorCaller, type TenantCaller, unverifiable } from './router/authenticate.ts';
import { discard } from './router/body-source.ts';
import type { CrossOrigin } from './router/cross-origin.ts';
import { EDGE, ownHeaders, ownRefusal } from './router/own-answers.ts';
import { INGEST } from './router/router.ts';
import { ROUTER_LIMITS } from './router/router-limits.ts';

export interface EdgeDeps {
  readonly version: string;
  /** The OpenAPI document of the edge: see `edgeOpenApi`. */
  readonly document: unknown;
  /** Serves tenants' requests: of the caller, or of the tenant that the request's credential names. */
  readonly tenants: (request: Request, target: string, span: Span, caller?: TenantCaller) => Promise<Response>;
  readonly operators: Credentials;
  /** The control API; it checks the operator's scopes. Rejects with a `Refusal` or an internal error. */
  readonly control: (request: Request, operator: OperatorCaller, traceparent: string) => Promise<Response>;
  /** The console's files; see `consoleFiles`. Without it there is no console. */
  readonly console?: ((request: Request, traceparent: string) => Promise<Response>) | undefined;
  /** Answers cells that ask for their leases. Rejects with a `Refusal` or an internal error. */
  readonly leases: (request: Request, traceparent: string) => Promise<Response>;
  /** The rules for pages of other origins and webhook senders. */
  readonly crossOrigin: CrossOrigin;
  /** When the read cache or the directory last failed to answer, in milliseconds. */
  readonly failedAt: () => number;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly log: Log;
}

/** An isolate reports itself as degraded for this long after a failed lookup. */
const DEGRADED_MS = 30_000;

/** The first index at which a path can begin: after `http://` and at least one character. */
const BEHIND_SCHEME = 8;

/** A request that an operator makes for a tenant: its name, then the target of the tenant's API. */
const FOR_TENANT = /^\/control\/v1\/tenants\/([a-z0-9-]{1,63})\/api(\/.*)$/;

/** The methods that measurements name; a client may send any other. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Health checks and leases are neither traced nor measured: there are more of them than of anything else. */
const isOwn = (target: string): boolean => target.startsWith('/v1/health') || target === LEASE_PATH;

/** Paths have tenants' names and subjects in them: only that of the one route without any is in a name. */
const nameOf = (method: string, target: string): string => (INGEST.test(target) ? `${method} /v1/events` : method);

/** Whether a trace is sampled is no client's to say; see `ASKED_TRACES`. */
function unsampled(incoming: string | null): string | undefined {
  const known = readTraceparent(incoming);
  return known && withSampled(known, false);
}

/** The caller of a route without a scope. */
const ANONYMOUS: OperatorCaller = { kind: 'operator', subject: 'anonymous', scopes: [] };

/** Whether a route of the control API needs no token. */
const isOpen = (method: string, target: string): boolean => {
  const found = matchControl(method, target.split('?', 1)[0] ?? '');
  return !('allowed' in found) && controlRoutes[found.name].scope === null;
};

const matchControl = routeMatcher(controlRoutes);

/** Returns the API. It never rejects: every error becomes an answer. */
export function createEdge(deps: EdgeDeps): (request: Request) => Promise<Response> {
  const { tenants, operators, control, leases, crossOrigin, clock, telemetry, log } = deps;
  const documentText = JSON.stringify(deps.document);

  const health = (traceparent: string): Response => {
    const now = clock.now();
    const status = now - deps.failedAt() < DEGRADED_MS ? 'degraded' : 'ok';
    return Response.json(
      { status, cell: EDGE, version: deps.version },
      // By the date, clients compare their clock with the edge's.
      { headers: { ...ownHeaders(traceparent, 'application/json'), date: new Date(now).toUTCString() } },
    );
  };

  const operatorOf = async (request: Request): Promise<OperatorCaller> => {
    try {
      return admitted(await operators.authenticate(request), 'operator');
    } catch (error) {
      throw unverifiable(error, log);
    }
  };

  const dispatch = async (request: Request, target: string, span: Span): Promise<Response> => {
    const { traceparent } = span;
    const answer = request.method === 'OPTIONS' ? crossOrigin.question(request, target) : undefined;
    if (answer !== undefined) {
      answer.headers.set('traceparent', traceparent);
      answer.headers.set(CELL_HEADER, EDGE);
      return answer;
    }
    if (target.startsWith('/control/')) {
      const operator = isOpen(request.method, target) ? ANONYMOUS : await operatorOf(request);
      const [, tenant, inner] = FOR_TENANT.exec(target) ?? [];
      if (tenant === undefined || inner === undefined) return control(request, operator, traceparent);
      const caller = actingFor(operator, tenant);
      const { subject: actor } = operator;
      // What is behind the collection names a subject.
      const [path = ''] = /^\/[^/?]*\/[^/?]*/.exec(inner) ?? [];
      log.info('an operator acts for a tenant', { actor, tenant, method: request.method, path, traceparent });
      return tenants(request, inner, span, caller);
    }
    if (deps.console !== undefined && isConsole(target)) return deps.console(request, traceparent);
    if (target === LEASE_PATH && request.method === 'POST') return leases(request, traceparent);
    if (request.method === 'GET') {
      // With deep=1 it is answered by the tenant's cell, and requires a scope.
      if (target === '/v1/health' || target === '/v1/health?deep=0') return health(traceparent);
      if (target === '/openapi.json')
        return new Response(documentText, { headers: ownHeaders(traceparent, 'application/json') });
    }
    return tenants(request, target, span);
  };

  const answered = async (request: Request): Promise<Response> => {
    const { url, method } = request;
    const slash = url.indexOf('/', BEHIND_SCHEME);
    const target = slash === -1 ? '/' : url.slice(slash);
    const span = telemetry.start(nameOf(method, target), 'server', unsampled(request.headers.get('traceparent')));
    const began = clock.now();
    const response = await answeredBy(request, target, span);
    if (!isOwn(target)) {
      const { status } = response;
      const attributes = {
        'http.request.method': METHODS.has(method) ? method : '_OTHER',
        'http.response.status_code': status,
      };
      span.end(attributes, { failure: status >= 500 ? String(status) : undefined });
      telemetry.record('http.server.request.duration', (clock.now() - began) / 1000, attributes);
    }
    return response;
  };

  const answeredBy = async (request: Request, target: string, span: Span): Promise<Response> => {
    const { traceparent } = span;
    try {
      return await dispatch(request, target, span);
    } catch (error) {
      const { body } = request;
      if (body !== null && !request.bodyUsed && !body.locked)
        await discard(body, ROUTER_LIMITS.discarded, ROUTER_LIMITS.discardMs, clock);
      if (error instanceof Refusal) return ownRefusal(traceparent, error);
      log.error('a request failed at the edge', {
        ...describeError(error),
        stack: error instanceof Error ? (error.stack ?? '') : '',
        traceparent,
      });
      return ownRefusal(traceparent, internalError());
    }
  };

  return async (request) => {
    const response = await answered(request);
    const origin = request.headers.get('origin');
    return origin === null ? response : crossOrigin.shared(response, origin);
  };
}
