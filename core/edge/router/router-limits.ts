// The bounds of one isolate of the edge: what it remembers, how long it waits, and how much it takes on.

export const ROUTER_LIMITS = {
  /** A record read less than this ago is used without asking anybody, in milliseconds. */
  freshMs: 5000,
  /** A route that was last confirmed this long ago is marked as stale on reads, in milliseconds: routers ask far more often. */
  staleAfterMs: 10_000,
  /** A tenant that is to be refused on isolation has its route confirmed by the directory this often, in milliseconds … */
  confirmMs: 30_000,
  /** … and its writes are refused this long after the last confirmation was asked for, in milliseconds. */
  confirmedMs: 60_000,
  /** A record is served for this long after it was last confirmed while neither cache nor directory answers: two hours. */
  staleMs: 7_200_000,
  /** A name that the directory does not know is not asked for again for this long, in milliseconds. */
  negativeMs: 2000,
  /** Whoever has not answered is left alone for this long: the read cache for itself; if the directory has not either, every tenant that is known is served from memory. */
  pauseMs: 1000,
  /** A tenant that is known waits this long at most for cache and directory together, in milliseconds, then is served from memory. */
  patienceMs: 750,
  /** A lookup that takes longer than cache and directory together may is one that nobody does any more, in milliseconds. */
  lookupMs: 6000,
  /** A cell that fails is looked up in the directory this often at most, in milliseconds, however many requests fail. */
  rereadMs: 250,
  /** Tenants that an isolate remembers, about 400 bytes each; those used longest ago are forgotten first. */
  tenants: 50_000,
  /** Names without a tenant that an isolate remembers. */
  negatives: 5000,
  /** Cells that an isolate remembers: as many as a directory has at most. */
  cells: 10_000,
  /** Lookups that an isolate shares between requests at a time; those beyond are made, and shared with nobody. */
  flights: 2000,
  /** Route tokens that an isolate keeps, about 500 bytes each. */
  tokens: 20_000,
  /** Buckets of the tenants' quotas that an isolate keeps, about 100 bytes each. */
  quotas: 50_000,
  /** Requests that wait for one cell's answer at a time, at most. */
  perCell: 512,
  /** Those of one tenant among them: one that sends slowly, or asks for what takes long, leaves places for the others. */
  perTenant: 128,
  /** A body up to this is kept until the cell has answered, so that it can be sent again: 128 KiB. */
  bufferedBody: 131_072,
  /** All bodies that are being kept, in bytes: 16 MiB of an isolate's 128. */
  bufferedBodies: 16_777_216,
  /** Those of one tenant among them: 4 MiB. */
  bufferedBodiesPerTenant: 4_194_304,
  /** A body at most, in bytes; what a cell takes. */
  body: 1_048_576,
  /**
   * Names and values of the headers of a request, in bytes, without its credential. API Gateway takes 10,240 together with the request line and the route token
   * (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html).
   */
  headers: 8192,
  /** Path and query of a request, in characters. */
  target: 4096,
  /** Bytes of a refusal by a cell that are read to see what it is. */
  refusal: 4096,
} as const;
