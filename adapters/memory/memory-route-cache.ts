// The route cache in memory, for unit tests; it is never stale.

import type { Cell, DirectoryRecord, Tenant } from '../../core/edge/ports/directory-model.ts';
import type { RouteCache } from '../../core/edge/ports/route-cache.ts';

export class MemoryRouteCache implements RouteCache {
  readonly #records = new Map<string, string>();

  async tenant(id: string): Promise<Tenant | undefined> {
    return this.#read(`tenant/${id}`) as Tenant | undefined;
  }

  async cell(id: string): Promise<Cell | undefined> {
    return this.#read(`cell/${id}`) as Cell | undefined;
  }

  async put({ kind, value }: DirectoryRecord): Promise<void> {
    if (kind === 'removed-tenant') this.#records.delete(`tenant/${value.id}`);
    else this.#records.set(`${kind}/${value.id}`, JSON.stringify(value));
  }

  #read(key: string): unknown {
    const text = this.#records.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }
}
