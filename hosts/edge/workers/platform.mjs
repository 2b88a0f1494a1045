// The rest of the simulated platform: a KV namespace and the way out to the internet, both with faults on request.

/** https://developers.cloudflare.com/kv/platform/limits/ */
const LIMITS = { keyBytes: 512, valueBytes: 25 * 1024 * 1024, metadataBytes: 1024, listed: 1000, bulk: 100 };

/** How long a silent service keeps a caller waiting, in milliseconds: longer than any caller waits. */
const SILENCE_MS = 600_000;

/**
 * @typedef {'refused' | 'silent' | { delayMs: number }} Fault
 * @typedef {{ routeCache?: Fault, origins?: Record<string, Fault>, objects?: Record<string, Fault> }} Faults
 * @typedef {{ keys: string[], type?: 'json' | 'text', withMetadata?: boolean }} BulkRead
 */

/** @type {Faults} */
let faults = {};

/** @param {Fault | undefined} fault @returns {Promise<'passed' | 'failed'>} */
async function suffer(fault) {
  if (fault === undefined) return 'passed';
  if (fault === 'refused') return 'failed';
  await new Promise((resolve) => setTimeout(resolve, fault === 'silent' ? SILENCE_MS : fault.delayMs));
  return fault === 'silent' ? 'failed' : 'passed';
}

/** Every request that the Worker makes to the outside. */
export const Outbound = {
  /** @param {Request} request */
  async fetch(request) {
    const { origins } = faults;
    if (origins !== undefined && (await suffer(origins[new URL(request.url).origin])) === 'failed')
      throw new Error('Network connection lost.');
    return fetch(request);
  },
};

/** The KV namespace, in the runtime's protocol. */
export const RouteCache = {
  /** @param {Request} request @param {any} env */
  async fetch(request, env) {
    if ((await suffer(faults.routeCache)) === 'failed') return new Response('Service Unavailable', { status: 503 });
    return env.STORE.get(env.STORE.idFromName('routes')).fetch(request);
  },
};

/** Only the host knows the secret. */
export default {
  /** @param {Request} request @param {any} env */
  async fetch(request, env) {
    if (request.headers.get('authorization') !== `Bearer ${env.SECRET}`) return new Response(null, { status: 403 });
    faults = /** @type {Faults} */ (await request.json());
    return env.SWITCH.fetch('http://switch/', { method: 'PUT', body: JSON.stringify(faults.objects ?? {}) });
  },
};

/** The storage of the namespace. It is read-after-write consistent, which is more than KV promises. */
export class Store {
  /** @param {any} state */
  constructor(state) {
    this.sql = state.storage.sql;
    this.sql.exec(
      'CREATE TABLE IF NOT EXISTS pairs (key TEXT PRIMARY KEY, value BLOB NOT NULL, metadata TEXT, expires INTEGER) WITHOUT ROWID',
    );
  }

  /** @param {Request} request */
  async fetch(request) {
    const url = new URL(request.url);
    const key = decodeURIComponent(url.pathname.slice(1));
    if (request.method === 'GET' && key === '') return this.list(url.searchParams);
    if (request.method === 'POST' && key === 'bulk/get')
      return this.bulk(/** @type {BulkRead} */ (await request.json()));
    if (key === '' || new TextEncoder().encode(key).length > LIMITS.keyBytes)
      return refusal(414, `A key has 1 to ${LIMITS.keyBytes} bytes.`);
    if (request.method === 'GET') return this.get(key);
    if (request.method === 'PUT') return this.put(key, url.searchParams, request);
    if (request.method !== 'DELETE') return refusal(501, `${request.method} is not supported here.`);
    this.sql.exec('DELETE FROM pairs WHERE key = ?', key);
    return new Response(null, { status: 204 });
  }

  /** @param {string} key */
  read(key) {
    return this.sql
      .exec('SELECT value, metadata FROM pairs WHERE key = ? AND (expires IS NULL OR expires > ?)', key, seconds())
      .toArray()[0];
  }

  /** @param {string} key */
  get(key) {
    const row = this.read(key);
    if (row === undefined) return refusal(404, 'There is none.');
    return new Response(row.value, { headers: row.metadata === null ? {} : { 'cf-kv-metadata': row.metadata } });
  }

  /** @param {string} key @param {URLSearchParams} query @param {Request} request */
  async put(key, query, request) {
    const value = await request.arrayBuffer();
    const metadata = request.headers.get('cf-kv-metadata');
    if (value.byteLength > LIMITS.valueBytes) return refusal(413, `A value has ${LIMITS.valueBytes} bytes at most.`);
    if (metadata !== null && metadata.length > LIMITS.metadataBytes)
      return refusal(413, `Metadata has ${LIMITS.metadataBytes} bytes at most.`);
    const life = query.get('expiration_ttl');
    const end = query.get('expiration');
    const expires = life !== null ? seconds() + Number(life) : end !== null ? Number(end) : null;
    this.sql.exec('INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?)', key, value, metadata, expires);
    return new Response(null, { status: 204 });
  }

  /** @param {URLSearchParams} query */
  list(query) {
    const limit = Math.min(Number(query.get('key_count_limit') ?? LIMITS.listed), LIMITS.listed);
    const prefix = query.get('prefix') ?? '';
    const rows = this.sql
      .exec(
        'SELECT key, metadata, expires FROM pairs WHERE substr(key, 1, ?) = ? AND key > ? AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?',
        prefix.length,
        prefix,
        query.get('cursor') ?? '',
        seconds(),
        limit + 1,
      )
      .toArray();
    const page = rows.slice(0, limit);
    /** @param {{ key: string, metadata: string | null, expires: number | null }} row */
    const toKey = ({ key, metadata, expires }) => ({
      name: key,
      ...(expires !== null && { expiration: expires }),
      ...(metadata !== null && { metadata: JSON.parse(metadata) }),
    });
    const complete = rows.length <= limit;
    return Response.json({
      keys: page.map(toKey),
      list_complete: complete,
      ...(!complete && { cursor: page.at(-1).key }),
    });
  }

  /** @param {BulkRead} wanted */
  bulk({ keys, type, withMetadata = false }) {
    if (keys.length > LIMITS.bulk) return refusal(400, `${LIMITS.bulk} keys at most.`);
    const entries = keys.map((key) => {
      const row = this.read(key);
      if (row === undefined) return [key, null];
      const text = new TextDecoder().decode(row.value);
      const value = type === 'json' ? JSON.parse(text) : text;
      return [key, withMetadata ? { value, metadata: JSON.parse(row.metadata ?? 'null') } : value];
    });
    return Response.json(Object.fromEntries(entries));
  }
}

const seconds = () => Math.floor(Date.now() / 1000);

/** @param {number} status @param {string} reason */
const refusal = (status, reason) => new Response(reason, { status });
