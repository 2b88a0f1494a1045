// The edge in memory: a directory, a read cache that can be behind, cells that are functions of a test, and faults of them all.

import { MemoryDirectoryStorage } from '../../adapters/memory/memory-directory-storage.ts';
import { MemoryRouteCache } from '../../adapters/memory/memory-route-cache.ts';
import { MemoryTelemetry } from '../../adapters/memory/memory-telemetry.ts';
import { routeTokenSigner } from '../../core/cell/route-token.ts';
import { createDirectory } from '../../core/edge/directory/directory.ts';
import { createEdge } from '../../core/edge/edge.ts';
import { leaseDesk } from '../../core/edge/lease-desk.ts';
import type { Authentication, Credentials } from '../../core/edge/ports/credentials.ts';
import type { Directory } from '../../core/edge/ports/directory.ts';
import type { DirectoryCommand, EndpointProof } from '../../core/edge/ports/directory-model.ts';
import type { RouteCache } from '../../core/edge/ports/route-cache.ts';
import { type CrossOriginRules, crossOrigin } from '../../core/edge/router/cross-origin.ts';
import { edgeOpenApi } from '../../core/edge/router/edge-openapi.ts';
import { forwarder, type Outgoing, type Send } from '../../core/edge/router/forward.ts';
import { type QuotaRules, quota } from '../../core/edge/router/quota.ts';
import { hasProved } from '../../core/edge/router/route-memory.ts';
import { type ResolverLimits, RouteResolver } from '../../core/edge/router/route-resolver.ts';
import { routeSigner } from '../../core/edge/router/route-signer.ts';
import { createRouter } from '../../core/edge/router/router.ts';
import { openApiDocument } from '../../core/http/openapi.ts';
import { PortError } from '../../core/ports/errors.ts';
import { definition } from './cloud.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { countingIds } from './ids.ts';
import { METERS } from './meters.ts';
import { RecordingLog } from './recording-log.ts';
import { CELL_KEY, EDGE_KEY, publicPart } from './route-tokens.ts';

export type Source = 'there' | 'gone' | 'silent';

/** `Bearer tenant:<tenant>` and `Bearer operator:<name>[:<scope>,…]` are credentials here; how real ones are verified is tested with their adapters. */
export const sayso = (kind: 'tenant' | 'operator'): Credentials => ({
  authenticate(request): Authentication {
    const header = request.headers.get('authorization');
    if (header === null) return { status: 'absent' };
    const [, said, name = '', scopes = 'control.read'] = /^Bearer (\w+):([^:]+)(?::(.+))?$/.exec(header) ?? [];
    if (said !== kind) return { status: 'refused', reason: 'it is another one' };
    const caller =
      kind === 'tenant'
        ? ({ kind, tenant: name, scopes: ['ingest', 'read'] } as const)
        : { kind, subject: name, scopes: scopes.split(',') };
    return { status: 'accepted', caller };
  },
});

export interface TestEdgeOptions {
  readonly limits?: Partial<ResolverLimits>;
  readonly quotas?: QuotaRules;
  readonly perCell?: number;
  readonly perTenant?: number;
  /** Whether cells must have proved their identity; not by default, as these cells have no keys. */
  readonly proofs?: boolean;
  readonly credentials?: readonly Credentials[];
  readonly clock?: FakeClock;
  /** The share of traces that are sampled; all unless given. */
  readonly share?: number;
  readonly crossOrigin?: Partial<CrossOriginRules>;
  /** Another edge whose directory, read cache and cells this one shares. */
  readonly beside?: TestEdge;
}

export interface Received extends Omit<Outgoing, 'headers'> {
  readonly url: string;
  readonly headers: Headers;
}

export const PLENTY: QuotaRules = {
  standard: { perSecond: 1e6, burst: 1e6 },
  premium: { perSecond: 1e6, burst: 1e6 },
};

/** A source that may be gone or silent; `count` is called for each question. */
function faulty<T extends object>(inner: T, how: () => Source, count: () => void): T {
  return new Proxy(inner, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return async (...call: unknown[]) => {
        count();
        if (how() === 'gone') throw new PortError('unavailable', 'It is gone.');
        if (how() === 'silent') return new Promise(() => undefined);
        return Reflect.apply(method, target, call);
      };
    },
  });
}

function world() {
  const storage = new MemoryDirectoryStorage();
  const clock = new FakeClock();
  return {
    storage,
    /** The directory's. */
    clock,
    cache: new MemoryRouteCache(),
    keeper: createDirectory({ storage, clock }),
    /** Endpoint → what answers there; a request to any other one is refused. */
    cells: new Map<string, Send>(),
  };
}

export type World = ReturnType<typeof world>;

export function testEdge({
  limits,
  quotas = PLENTY,
  perCell,
  perTenant,
  proofs = false,
  credentials,
  clock = new FakeClock(),
  share = 1,
  beside,
  crossOrigin: rules,
}: TestEdgeOptions = {}) {
  const shared: World = beside?.world ?? world();
  const { storage, cache, keeper, cells } = shared;
  const log = new RecordingLog();
  const ids = countingIds();
  const telemetry = new MemoryTelemetry({ clock, ids, share });
  const sources: { cache: Source; directory: Source } = { cache: 'there', directory: 'there' };
  const asked = { cache: 0, directory: 0 };
  const received: Received[] = [];
  const directoryClient = faulty<Directory>(
    keeper,
    () => sources.directory,
    () => (asked.directory += 1),
  );
  const resolver = new RouteResolver({
    cache: faulty<RouteCache>(
      cache,
      () => sources.cache,
      () => (asked.cache += 1),
    ),
    directory: directoryClient,
    clock,
    log,
    ...(limits && { limits }),
    ...(proofs && { isTrusted: hasProved }),
  });
  const forwardMs = 3000;
  const send: Send = async (url, outgoing) => {
    received.push({ ...outgoing, url, headers: new Headers(outgoing.headers) });
    const answer = cells.get(new URL(url).origin);
    if (answer === undefined) throw new TypeError('connection refused');
    return answer(url, outgoing);
  };
  const handle = createEdge({
    document: edgeOpenApi(openApiDocument(METERS)),
    version: '1.2.3',
    tenants: createRouter({
      credentials: credentials ?? [sayso('tenant')],
      resolver,
      quota: quota({ rules: quotas, clock }),
      sign: routeSigner({ sign: routeTokenSigner(EDGE_KEY), clock }),
      forward: forwarder({
        send,
        clock,
        forwardMs,
        ...(perCell !== undefined && { perCell }),
        ...(perTenant !== undefined && { perTenant }),
      }),
      telemetry,
      clock,
      log,
      bodyReadMs: forwardMs,
      bodyLifeMs: 4 * forwardMs,
    }),
    operators: sayso('operator'),
    control: async (_request, operator) => Response.json({ operator: operator.subject }),
    leases: leaseDesk({ directory: directoryClient, clock, log }),
    crossOrigin: crossOrigin({ browsers: [], webhooks: [], webhookRate: 600, ...rules }),
    failedAt: () => resolver.failedAt,
    clock,
    telemetry,
    log,
  });

  const change = async (command: DirectoryCommand, proof?: EndpointProof) => {
    const holdings = Object.fromEntries((await keeper.cells()).map(({ cell }) => [cell.id, null]));
    const intent = { actor: 'operator', reason: 'a test', holdings, ...(proof && { proof }) };
    const outcome = await keeper.change(command, intent);
    if (outcome.status === 'refused') throw new Error(`${outcome.code}: ${outcome.detail}`);
  };

  return {
    world: shared,
    clock,
    log,
    telemetry,
    resolver,
    sources,
    asked,
    received,
    cells,
    handle,
    change,
    /** Brings the read cache up to date. */
    publish: async () => {
      for (const record of storage.unpublished(1000)) {
        await cache.put(record);
        storage.published(record);
      }
    },
    /** Adds cells whose answer is their own name. */
    addCells: async (...names: readonly string[]) => {
      for (const name of names) {
        await change({ kind: 'add-cell', cell: definition(name) });
        cells.set(`https://${name}.example`, async () => new Response(name, { headers: { 'x-polycell-cell': name } }));
      }
    },
    /** Adds a cell that can prove its identity by `CELL_KEY`. */
    addProvedCell: (name: string) => {
      const cell = { ...definition(name), keys: [publicPart(CELL_KEY)] };
      return change({ kind: 'add-cell', cell }, { cell: name, endpoint: cell.endpoint, keys: cell.keys });
    },
    addTenant: (tenant: string, cell: string, standby: string | null = null) =>
      change({ kind: 'add-tenant', tenant, residency: 'any', tier: 'standard', cell, standby }),
    /** Resolves once cells have received so many requests in all: signing takes other threads' time. */
    arrived: async (count: number) => {
      for (let turn = 0; received.length < count; turn += 1) {
        if (turn > 1000) throw new Error(`Only ${received.length} requests have arrived, not ${count}.`);
        await settle();
      }
    },
    /** A request of a tenant. */
    call: (path: string, init: RequestInit & { readonly tenant?: string | null } = {}): Promise<Response> => {
      const { tenant = 'acme', ...rest } = init;
      const headers = new Headers(rest.headers);
      if (tenant !== null) headers.set('authorization', `Bearer tenant:${tenant}`);
      return handle(new Request(`https://edge.example${path}`, { ...rest, headers }));
    },
  };
}

export type TestEdge = ReturnType<typeof testEdge>;

/** What a client sees of an answer: the cell that gave it, or status and code of a refusal. */
export async function seen(response: Promise<Response> | Response): Promise<string> {
  const { status, headers, ...rest } = await unpack(await response);
  return headers.get('content-type') === 'application/problem+json'
    ? `${status} ${JSON.parse(rest.text).code}`
    : `${status} ${rest.text}`;
}

const unpack = async (response: Response) => ({
  status: response.status,
  headers: response.headers,
  text: await response.text(),
});

/** What a route token says, unverified. */
export function claimsOf({ headers }: { readonly headers: Headers }): Record<string, unknown> {
  const [, payload = ''] = (headers.get('x-polycell-route') ?? '').split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString());
}
