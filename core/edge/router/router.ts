// Routes tenants' requests: authenticates, resolves the cell, signs, forwards, and retries what is safe to retry when the cell changed.
import { Refusal } from '../../api/refusal.ts';
import { isSampled, readTraceparent } from '../../events/trace.ts';
import { BODY_TYPE_HEADER, STALE_HEADER } from '../../http/headers.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Span, Telemetry } from '../../ports/telemetry.ts';
import type { Authentication, Credentials } from '../ports/credentials.ts';
import { admitted, authenticator, type TenantCaller, unverifiable } from './authenticate.ts';
import type { StreamFault } from './body-source.ts';
import type { Destination, Forwarded, Forwarding } from './forward.ts';
import { forwardedHeaders, type OutgoingHeaders } from './forwarded-headers.ts';
import { KeyedSemaphore } from './keyed-semaphore.ts';
import { type Quota, quota as quotaOf, type Taken } from './quota.ts';
import { type BodyDeps, broken, late, type OutgoingBody, outgoingBody } from './request-body.ts';
import type { Confirmation } from './route-memory.ts';
import type { Route, RouteResolver } from './route-resolver.ts';
import type { RouteGrant } from './route-signer.ts';
import { ROUTER_LIMITS } from './router-limits.ts';
import { tracedForward } from './traced-forward.ts';

export interface RouterDeps {
  /** The kinds of credentials accepted; a request presents exactly one. */
  readonly credentials: readonly Credentials[];
  readonly resolver: Pick<RouteResolver, 'resolve' | 'again' | 'confirmation'>;
  readonly quota: Quota;
  readonly sign: (grant: RouteGrant) => string | Promise<string>;
  readonly forward: (request: Forwarding, destination: Destination) => Promise<Forwarded>;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a client may take to send a buffered body, in milliseconds. */
  readonly bodyReadMs: number;
  /** How long a request can hold its buffered body at most, in milliseconds. */
  readonly bodyLifeMs: number;
  /** Declares the length of a stream. */
  readonly withLength?: BodyDeps['withLength'];
}

type Served = Extract<Route, { status: 'served' }>;

/** Retry-After in seconds: roughly the time until there is room, a failover is done, or the directory is back. */
const RETRY_AFTER = { overloaded: 1, unreachable: 2, unserved: 5, unavailable: 2 } as const;

/** How many traces a tenant's clients may have sampled by asking for it, each second and at once; for all tiers, in each isolate. */
export const ASKED_TRACES = { perSecond: 1, burst: 10 } as const;

/** Methods that the Fetch standard allows and a cell may support. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Methods that change nothing. */
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Methods that are safe to repeat. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS']);

/** Methods of writes that a cell accepts once for each key; of a POST, it depends on the path. */
const KEYED: ReadonlySet<string> = new Set(['PUT', 'PATCH']);

/** Events have ids, so a repeated ingest reports duplicates. */
export const INGEST = /^\/v1\/events(?:\?|$)/;

/**
 * Returns a function that serves a tenant's request; `target` is its path and query, and `as` its caller if that is known already. It rejects with a `Refusal`, or with an
 * internal error. Awaits only the cell when credential, route and token are in memory.
 */
export function createRouter(
  deps: RouterDeps,
): (request: Request, target: string, span: Span, as?: TenantCaller) => Promise<Response> {
  const { resolver, quota, sign, clock, log, bodyReadMs, bodyLifeMs } = deps;
  const forward = tracedForward(deps.telemetry, deps.forward);
  const authenticate = authenticator(deps.credentials);
  const asked = quotaOf({ rules: { standard: ASKED_TRACES, premium: ASKED_TRACES }, clock });
  const { bufferedBodies: capacity, bufferedBodiesPerTenant: perOwner } = ROUTER_LIMITS;
  const room = new KeyedSemaphore({ capacity, perOwner, lifeMs: bodyLifeMs, clock });
  const keeping = {
    room,
    clock,
    readMs: bodyReadMs,
    ...(deps.withLength !== undefined && { withLength: deps.withLength }),
  };

  const callerOf = async (pending: Promise<Authentication>): Promise<TenantCaller> => {
    try {
      return admitted(await pending, 'tenant');
    } catch (error) {
      throw unverifiable(error, log);
    }
  };

  const deliver = async (forwarding: Forwarding, route: Served, { tenant, scopes }: TenantCaller) => {
    const { cell, endpoint, epoch } = route;
    const token = sign({ tenant, cell, endpoint, epoch, scopes });
    return forward(forwarding, { tenant, cell, endpoint, token: typeof token === 'string' ? token : await token });
  };

  /** The answer if the first cell gave none: that of the cell that has replaced it, or a refusal. */
  const secondTry = async (
    failed: Exclude<Forwarded, { status: 'answered' }>,
    first: Served,
    forwarding: Forwarding,
    caller: TenantCaller,
    body: OutgoingBody,
  ): Promise<Response> => {
    if (failed.status === 'overloaded') throw overloaded();
    if (failed.status === 'abandoned') throw unreachable('The client has gone.');
    if (failed.status === 'body') throw bodyRefusal(failed.fault, bodyReadMs);
    log.warn('a cell did not serve a request', {
      cell: first.cell,
      epoch: first.epoch,
      tenant: caller.tenant,
      why: failed.status === 'refused' ? 'it refused the route token' : failed.reason,
    });
    const cause = failed.status === 'refused' ? 'refused' : 'unreachable';
    const second = servedBy(await resolver.again(caller.tenant, cause, first.cell));
    const isSame = second.cell === first.cell && second.endpoint === first.endpoint && second.epoch === first.epoch;
    // A platform that lost one function instance has others, so the request is retried once.
    if (isSame && failed.status !== 'unanswered') throw unreachable('The cell does not serve the tenant now.');
    const { method, target, headers } = forwarding;
    const harmless =
      failed.status === 'refused' ||
      IDEMPOTENT.has(method) ||
      // Another cell may not have the event yet, and would accept a second one.
      (isSame && KEYED.has(method) && headers['idempotency-key'] !== undefined) ||
      (method === 'POST' && INGEST.test(target));
    if (!body.repeatable || !harmless)
      throw unreachable(
        isSame
          ? 'The cell has given no answer. What it has done of the request is not known.'
          : 'The tenant has another cell now. What the first one has done of the request is not known.',
      );
    const answer = await deliver({ ...forwarding, again: true }, second, caller);
    if (answer.status === 'answered') return answer.response;
    if (answer.status === 'overloaded') throw overloaded();
    throw unreachable(
      isSame
        ? 'The cell has given no answer, twice.'
        : 'Neither the cell nor the one that has taken its place serves the tenant now.',
    );
  };

  const callerIn = (request: Request): TenantCaller | Promise<TenantCaller> => {
    const known = authenticate(request);
    return 'status' in known ? admitted(known, 'tenant') : callerOf(known);
  };

  return async (request, target, span, as) => {
    const found = as ?? callerIn(request);
    const caller = 'kind' in found ? found : await found;
    span.set({ 'polycell.tenant': caller.tenant });
    if (asksForTrace(request) && asked.take(caller.tenant, 'standard').wait === 0) span.sample();
    const length = check(request, target, caller);
    const headers = forwardedHeaders(request.headers);
    if (headers === undefined) throw tooLarge();
    coverType(headers);

    const resolved = resolver.resolve(caller.tenant);
    const route = servedBy('status' in resolved ? resolved : await resolved);
    const isRead = READS.has(request.method);
    if (!isRead) refuseUnconfirmed(resolver.confirmation(caller.tenant), clock.now());
    const isDeclared = !Number.isNaN(length) && !request.headers.has('transfer-encoding');
    const taken = quota.take(caller.tenant, route.tier, isDeclared && !isRead ? length : 0);
    if (taken.wait > 0) throw exceeded(taken);

    const read = outgoingBody(request, length, caller.tenant, keeping);
    const body = 'content' in read ? read : await read;
    if (!isDeclared) quota.charge(caller.tenant, route.tier, bytesOf(body));
    try {
      const forwarding = {
        method: request.method,
        headers,
        body: body.content,
        target,
        signal: request.signal,
        traceparent: span.traceparent,
        bodyFault: body.fault,
      };
      const answer = await deliver(forwarding, route, caller);
      const response =
        answer.status === 'answered' ? answer.response : await secondTry(answer, route, forwarding, caller, body);
      return marked(response, taken, isRead ? resolver.confirmation(caller.tenant) : undefined, clock.now());
    } finally {
      body.release();
    }
  };
}

/** Refuses requests that no cell would accept; returns the declared length of the body, or NaN. */
function check({ method, headers }: Request, target: string, { tenant }: TenantCaller): number {
  const claimed = headers.get('x-tenant-id');
  if (claimed !== null && claimed !== tenant)
    throw new Refusal('tenant_mismatch', 'X-Tenant-ID names another tenant than the credential.');
  if (!METHODS.has(method)) throw new Refusal('method_not_allowed', `${[...METHODS].join(', ')} are taken.`);
  if (target.length > ROUTER_LIMITS.target)
    throw new Refusal('target_too_long', `Path and query have at most ${ROUTER_LIMITS.target} characters.`);
  const length = Number(headers.get('content-length') ?? Number.NaN);
  if (length > ROUTER_LIMITS.body) throw bodyTooLarge();
  return length;
}

/** Whether the client wants its trace sampled. */
function asksForTrace({ headers }: Request): boolean {
  const known = readTraceparent(headers.get('traceparent'));
  return known !== undefined && isSampled(known);
}

/** Sends a compressed body as bytes, with its content type in a separate header. */
function coverType(headers: OutgoingHeaders): void {
  const { 'content-encoding': coding, 'content-type': type } = headers;
  if (coding === undefined || type === undefined) return;
  headers[BODY_TYPE_HEADER] = type;
  headers['content-type'] = 'application/octet-stream';
}

function bodyRefusal(fault: StreamFault, readMs: number): Refusal {
  switch (fault) {
    case 'late':
      return late(readMs)();
    case 'broken':
      return broken();
    case 'too-large':
      return bodyTooLarge();
  }
}

/** Refuses writes of a tenant whose route must be confirmed: only the directory's own confirmation counts, and only for a while. */
function refuseUnconfirmed(known: Confirmation | undefined, now: number): void {
  if (known?.onIsolation !== 'refuse') return;
  // A clock that was set back must not make an old confirmation young.
  const age = now - known.askedAt;
  if (age >= 0 && age < ROUTER_LIMITS.confirmedMs) return;
  throw new Refusal(
    'directory_unavailable',
    'The tenant takes no writes while the directory cannot confirm where its cell is.',
    { retryAfterSeconds: RETRY_AFTER.unavailable },
  );
}

/** The answer, with what is left of the quota, and marked as stale if the route of a read was last confirmed too long ago. */
function marked(response: Response, { headers }: Taken, known: Confirmation | undefined, now: number): Response {
  // The headers of a response from fetch are immutable.
  const copy = new Response(response.body, response);
  for (const [name, value] of Object.entries(headers)) copy.headers.set(name, value);
  const age = known === undefined ? 0 : now - known.checkedAt;
  if (age >= ROUTER_LIMITS.staleAfterMs) copy.headers.set(STALE_HEADER, String(Math.floor(age / 1000)));
  return copy;
}

/** Bytes of a body whose length was not declared; a stream counts as the largest there is. */
function bytesOf({ content }: OutgoingBody): number {
  if (content === null) return 0;
  return content instanceof ArrayBuffer ? content.byteLength : ROUTER_LIMITS.body;
}

function servedBy(route: Route): Served {
  switch (route.status) {
    case 'served':
      return route;
    case 'unknown':
      throw new Refusal('unknown_tenant', 'The credential is valid, and its tenant has no cell.');
    case 'unserved':
      throw new Refusal(
        'cell_unavailable',
        'The cell of the tenant is down or has not proved its identity, and no other one stands in for it.',
        { retryAfterSeconds: RETRY_AFTER.unserved },
      );
    case 'unavailable':
      throw new Refusal('directory_unavailable', 'Where the tenant’s cell is cannot be found out now.', {
        retryAfterSeconds: RETRY_AFTER.unavailable,
      });
  }
}

const unreachable = (detail: string) =>
  new Refusal('cell_unavailable', detail, { retryAfterSeconds: RETRY_AFTER.unreachable });

const overloaded = () =>
  new Refusal('cell_overloaded', 'Too many requests wait for the tenant’s cell.', {
    retryAfterSeconds: RETRY_AFTER.overloaded,
  });

const exceeded = ({ wait, headers }: Taken) =>
  new Refusal('quota_exceeded', 'The tenant has sent more requests, or more bytes, than its tier allows.', {
    retryAfterSeconds: wait,
    headers,
  });

const bodyTooLarge = () => new Refusal('payload_too_large', `A body holds at most ${ROUTER_LIMITS.body} bytes.`);

const tooLarge = () =>
  new Refusal('headers_too_large', `The headers have at most ${ROUTER_LIMITS.headers} bytes, without the credential.`);
