// The route cache on Workers KV: one key for each tenant and each cell.

import type { Cell, DirectoryRecord, Tenant } from '../../core/edge/ports/directory-model.ts';
import type { RouteCache } from '../../core/edge/ports/route-cache.ts';
import { withTimeout } from '../../core/lib/timeout.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import { isJsonObject } from '../../core/ports/json.ts';
import { toKvError } from './errors.ts';
import type { KvNamespace } from './platform.ts';

export const KV_LIMITS = {
  /** Timeout of a read; beyond it, asking the directory is cheaper. */
  readMs: 500,
  /** Timeout of a write, which is then retried later. */
  writeMs: 10_000,
  /** A write without a result after this is considered abandoned: writes to the same key no longer wait for it. */
  abandonMs: 120_000,
  /** Maximum number of keys with a write in progress. */
  writes: 1000,
} as const;

export interface KvRouteCacheOptions {
  readonly namespace: KvNamespace;
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
}

interface KvWrite {
  readonly ended: Promise<void>;
  readonly startedAt: number;
}

export class KvRouteCache implements RouteCache {
  readonly #options: KvRouteCacheOptions;
  /** Writes in progress, by key. A write that timed out here may still take effect. */
  readonly #writes = new Map<string, KvWrite>();

  constructor(options: KvRouteCacheOptions) {
    this.#options = options;
  }

  async tenant(id: string): Promise<Tenant | undefined> {
    return (await this.#read('tenant', id)) as Tenant | undefined;
  }

  async cell(id: string): Promise<Cell | undefined> {
    return (await this.#read('cell', id)) as Cell | undefined;
  }

  /**
   * Writes of one key never overtake each other: the next starts only when the previous one has settled, even if that timed out here, so
   * that a late write cannot replace a newer record with an older one. Until then, the next fails with `unavailable`, and its caller
   * retries.
   */
  async put({ kind, value }: DirectoryRecord): Promise<void> {
    const isRemoval = kind === 'removed-tenant';
    const key = `${isRemoval ? 'tenant' : kind}/${value.id}`;
    const text = JSON.stringify(value);
    const { clock } = this.#options;
    const deadline = clock.now() + KV_LIMITS.writeMs;
    await this.#call(KV_LIMITS.writeMs, async (namespace) => {
      for (let before = this.#under(key); before !== undefined; before = this.#under(key)) {
        await before.ended;
        // The caller has timed out in the meantime, and may have sent a newer record since.
        if (clock.now() >= deadline) throw new PortError('unavailable', 'A write of this key has not ended in time.');
      }
      if (this.#writes.size >= KV_LIMITS.writes)
        throw new PortError('throttled', `Workers KV has not ended ${KV_LIMITS.writes} writes.`);
      const writing = isRemoval ? namespace.delete(key) : namespace.put(key, text);
      const write: KvWrite = {
        startedAt: clock.now(),
        ended: writing.then(nothing, nothing).then(() => {
          if (this.#writes.get(key) === write) this.#writes.delete(key);
        }),
      };
      this.#writes.set(key, write);
      await writing;
    });
  }

  /** The write of this key that the next one must wait for. */
  #under(key: string): KvWrite | undefined {
    const write = this.#writes.get(key);
    if (write === undefined || this.#options.clock.now() - write.startedAt < KV_LIMITS.abandonMs) return write;
    this.#writes.delete(key);
    return undefined;
  }

  async #read(kind: 'cell' | 'tenant', id: string): Promise<unknown> {
    const key = `${kind}/${id}`;
    const text = await this.#call(KV_LIMITS.readMs, (namespace) => namespace.get(key, { type: 'text' }));
    if (text === null) return undefined;
    const record = parse(text);
    // Only the directory writes here; anything else means that the namespace is shared with another application.
    if (!isJsonObject(record) || record.id !== id || !Number.isSafeInteger(record.revision))
      throw new PortError('misconfigured', `The route cache holds something else than a record under ${key}.`);
    return record;
  }

  async #call<T>(milliseconds: number, call: (namespace: KvNamespace) => Promise<T>): Promise<T> {
    const { namespace, clock } = this.#options;
    try {
      return await withTimeout(
        clock,
        milliseconds,
        call(namespace),
        () => new PortError('unavailable', `Workers KV has not answered within ${milliseconds} ms.`),
      );
    } catch (error) {
      throw toKvError(error);
    }
  }
}

const nothing = (): void => undefined;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
