// Storage for the monitor's state that must survive a restart: a few JSON values by key.
import type { Json } from '../../ports/json.ts';

/**
 * Keys are strings of 1 to 2,048 bytes, values JSON of at most 128 KiB. One writer. Acknowledged writes are durable. Every method rejects
 * with the platform's error. It is the asynchronous part of a Durable Object's storage, which therefore needs no adapter
 * (https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/).
 */
export interface MonitorStorage {
  /** The value of the key, or `undefined` if it has none. */
  get<T extends Json>(key: string): Promise<T | undefined>;

  /** Sets the key's value. */
  put(key: string, value: Json): Promise<void>;

  /** Removes the key; `false` if it had no value. */
  delete(key: string): Promise<boolean>;

  /** Keys with this prefix and their values, in key order, at most `limit`. */
  list<T extends Json>(query: { readonly prefix: string; readonly limit: number }): Promise<ReadonlyMap<string, T>>;
}
