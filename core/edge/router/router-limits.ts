// The limits of one edge isolate: memory, timeouts and concurrency.
import { CELL_TOPOLOGY } from '../../cell/topology.ts';

/** The requests that a cell takes at a time: those of its HTTP function. */
const CELL_PLACES = CELL_TOPOLOGY.http.maximumConcurrency;

/** The part of a cell's places that one tenant may hold. */
export const TENANT_SHARE = 1 / 4;

export const ROUTER_LIMITS = {
  /** A record read less than this ago is used without a lookup, in milliseconds. */
  freshMs: 5000,
  /** A read is marked as stale when its route was last confirmed this long ago, in milliseconds; routers normally ask far more often. */
  staleAfterMs: 10_000,
  /** For a tenant with the `refuse` policy, the directory confirms the route this often, in milliseconds … */
  confirmMs: 30_000,
  /** … and its writes are refused this long after the request that last confirmed it, in milliseconds. */
  confirmedMs: 60_000,
  /** A record is served for this long after it was last confirmed while neither cache nor directory answers: two hours. */
  staleMs: 7_200_000,
  /** A name unknown to the directory is not looked up again for this long, in milliseconds. */
  negativeMs: 2000,
  /**
   * A source that did not answer is not asked again for this long, in milliseconds: the read cache alone; or, if the directory did not
   * answer either, both, and known tenants are served from memory.
   */
  pauseMs: 1000,
  /** A known tenant waits at most this long for cache and directory together, in milliseconds; then it is served from memory. */
  patienceMs: 750,
  /** A lookup older than cache and directory together may take is considered abandoned, in milliseconds. */
  lookupMs: 6000,
  /** A failing cell is looked up in the directory at most once in this time, in milliseconds, however many requests fail. */
  rereadMs: 250,
  /** Tenants that an isolate remembers, about 400 bytes each; the least recently used are evicted first. */
  tenants: 50_000,
  /** Unknown names that an isolate remembers. */
  negatives: 5000,
  /** Cells that an isolate remembers: the maximum of a directory. */
  cells: 10_000,
  /** Concurrent lookups shared between requests; lookups beyond this are made without sharing. */
  flights: 2000,
  /** Route tokens that an isolate keeps, about 500 bytes each. */
  tokens: 20_000,
  /** Buckets of the tenants' quotas that an isolate keeps, about 100 bytes each. */
  quotas: 50_000,
  /** Concurrent requests to one cell: more would only wait in front of it. */
  perCell: CELL_PLACES,
  /** Of these, those of one tenant: a tenant with slow clients or slow requests leaves room for the others. */
  perTenant: Math.max(1, Math.floor(CELL_PLACES * TENANT_SHARE)),
  /** Bodies up to this size are buffered until the cell has answered, so that they can be sent again: 128 KiB. */
  bufferedBody: 131_072,
  /** Total bytes of buffered bodies: 16 MiB of an isolate's 128. */
  bufferedBodies: 16_777_216,
  /** Of these, those of one tenant: 2 MiB, of the 3 that its share of a cell's places could hold. */
  bufferedBodiesPerTenant: 2_097_152,
  /** Maximum bytes of a body; what a cell accepts. */
  body: 1_048_576,
  /** Bytes read of the body of a request that the edge refuses, so that its client reads the refusal: 4 MiB … */
  discarded: 4_194_304,
  /** … for this long at most, in milliseconds. */
  discardMs: 2000,
  /**
   * Names and values of a request's headers, in bytes, without its credential. API Gateway accepts 10,240 including request line and token
   * (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html).
   */
  headers: 8192,
  /** Path and query of a request, in characters. */
  target: 4096,
  /** Bytes read of a cell's refusal to determine its code. */
  refusal: 4096,
} as const;
