// The service's limits that the emulator enforces, and the emulator's own bounds, each with a name.

/** Largest stored document, in bytes of JSON. https://learn.microsoft.com/azure/cosmos-db/concepts-limits */
export const MAX_DOCUMENT_BYTES = 2 * 1024 * 1024;
/** Largest request body of a transactional batch. */
export const MAX_BATCH_BYTES = 2 * 1024 * 1024;
/** Largest request body of anything; a document plus room for the envelope of a bulk request. */
export const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
/** Operations in one batch or bulk request. */
export const MAX_BATCH_OPERATIONS = 100;
/** Operations in one patch request. */
export const MAX_PATCH_OPERATIONS = 10;
/** Characters of a document id. */
export const MAX_ID_LENGTH = 1023;
/** Characters of a database or container id. */
export const MAX_RESOURCE_ID_LENGTH = 255;
/** Bytes of one partition key value. */
export const MAX_PARTITION_KEY_BYTES = 2048;
/** Levels of a hierarchical partition key. */
export const MAX_PARTITION_KEY_PATHS = 3;
/** Nesting depth of a document. */
export const MAX_DEPTH = 128;
/** Page size when the client names none. */
export const DEFAULT_PAGE_ITEMS = 100;
/** Page size when the client asks for as much as possible (-1). */
export const MAX_PAGE_ITEMS = 1000;
/** A page ends once its documents exceed this many bytes. */
export const MAX_PAGE_BYTES = 4 * 1024 * 1024;
/** Characters of SQL text. */
export const MAX_SQL_LENGTH = 512 * 1024;
/** Depth of nested expressions and subqueries in SQL. */
export const MAX_SQL_DEPTH = 200;
/** Distinct SQL texts whose parse results are kept. */
export const SQL_CACHE_ENTRIES = 500;
/** Characters of SQL text whose parse results are kept. */
export const SQL_CACHE_CHARS = 4 * 1024 * 1024;
/** Characters of the patterns of LIKE and RegexMatch that are kept compiled, each kind. */
export const PATTERN_CACHE_CHARS = 64 * 1024;
/** Levels of the syntax tree of a query, chains such as `a + b + c` included; bounds the recursion that evaluates it. */
export const MAX_SQL_TREE_DEPTH = 1000;
/** JOINs in a query. https://learn.microsoft.com/azure/cosmos-db/concepts-limits#sql-query-limits */
export const MAX_JOINS = 10;
/** Steps of a query after which other requests have a turn; some milliseconds. */
export const QUERY_SLICE_STEPS = 50_000;
/** Steps that a query may take where it cannot be interrupted, such as in a subquery; some tenths of a second. */
export const QUERY_UNBROKEN_STEPS = 2_000_000;
/** Steps after which a page whose rows come in order ends, however few it has; the service does so after some seconds. */
export const QUERY_PAGE_STEPS = 2_000_000;
/** Steps of a request whose rows can only be given when all have been looked at: sorted, grouped or distinct ones. */
export const QUERY_TOTAL_STEPS = 20_000_000;
/** Steps that count for a row which a query keeps: it bounds memory, and pays for sorting. */
export const KEPT_ROW_STEPS = 64;
/** Characters of a text that a query builds. */
export const MAX_BUILT_CHARS = 16 * 1024 * 1024;
/** Seconds of a time to live. https://learn.microsoft.com/azure/cosmos-db/time-to-live */
export const MAX_TTL = 2 ** 31 - 1;
/** Whether a value is a time to live: -1 for no end, else seconds. */
export const isTtl = (value: unknown): boolean =>
  value === -1 || (Number.isInteger(value) && Number(value) > 0 && Number(value) <= MAX_TTL);
/** Largest throughput of a container or database. */
export const MAX_THROUGHPUT = 1_000_000;
/** How far the date of a signed request may be from the time here, in milliseconds. */
export const MAX_CLOCK_SKEW_MS = 15 * 60 * 1000;
/** Throughput of a container or database that names none. */
export const DEFAULT_THROUGHPUT = 400;
/** Throughput one physical partition can serve; decides how many ranges a new container gets. */
export const THROUGHPUT_PER_RANGE = 6000;
/** Ranges of a new container unless the emulator's options or the throughput ask for more. */
export const DEFAULT_RANGES = 2;
/** Most ranges a container can be created with. */
export const MAX_RANGES = 64;
/** Bytes of past document versions kept per range for the all-versions change feed. */
export const VERSION_HISTORY_BYTES = 16 * 1024 * 1024;
/** Text size up to which parsed documents are kept next to their text, over all containers. */
export const PARSED_CACHE_CHARS = 48 * 1024 * 1024;
/** The log file is rewritten as a snapshot when it is larger than this and than twice the last snapshot. */
export const COMPACT_LOG_BYTES = 16 * 1024 * 1024;
/** Published key of every Cosmos DB emulator; not a secret. */
export const WELL_KNOWN_KEY =
  'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==';
