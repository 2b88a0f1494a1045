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
  /** A read that takes longer costs more than asking the directory. */
  readMs: 500,
  /** A write that takes longer is tried again later. */
  writeMs: 10_000,
} as const;

export interface KvRouteCacheOptions {
  readonly namespace: KvNamespace;
  readonly clock: Pick<Clock, 'sleep'>;
}

export class KvRouteCache implements RouteCache {
  readonly #options: KvRouteCacheOptions;

  constructor(options: KvRouteCacheOptions) {
    this.#options = options;
  }

  async tenant(id: string): Promise<Tenant | undefined> {
    return (await this.#read('tenant', id)) as Tenant | undefined;
  }

  async cell(id: string): Promise<Cell | undefined> {
    return (await this.#read('cell', id)) as Cell | undefined;
  }

  async put({ kind, value }: DirectoryRecord): Promise<void> {
    await this.#call(KV_LIMITS.writeMs, (namespace) => namespace.put(`${kind}/${value.id}`, JSON.stringify(value)));
  }

  async #read(kind: DirectoryRecord['kind'], id: string): Promise<unknown> {
    const key = `${kind}/${id}`;
    const text = await this.#call(KV_LIMITS.readMs, (namespace) => namespace.get(key, { type: 'text' }));
    if (text === null) return undefined;
    const record = parse(text);
    // Only the directory writes here; anything else means that two things share the namespace.
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

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
