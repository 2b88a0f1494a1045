// A monitor's storage in memory.

import type { MonitorStorage } from '../../core/edge/monitor/monitor-storage.ts';
import type { Json } from '../../core/ports/json.ts';

export class MemoryMonitorStorage implements MonitorStorage {
  readonly #values = new Map<string, string>();

  async get<T extends Json>(key: string): Promise<T | undefined> {
    const text = this.#values.get(key);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  async put(key: string, value: Json): Promise<void> {
    this.#values.set(key, JSON.stringify(value));
  }

  async delete(key: string): Promise<boolean> {
    return this.#values.delete(key);
  }

  async list<T extends Json>({
    prefix,
    limit,
  }: {
    readonly prefix: string;
    readonly limit: number;
  }): Promise<ReadonlyMap<string, T>> {
    const keys = [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
    return new Map(keys.slice(0, limit).map((key) => [key, JSON.parse(this.#values.get(key) ?? 'null') as T]));
  }
}
