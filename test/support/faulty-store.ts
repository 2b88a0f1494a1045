// A store that fails when a test says so, before or after the work was done, and counts what it is asked.
import { type ErrorCode, PortError } from '../../core/ports/errors.ts';
import type { Store } from '../../core/ports/store.ts';

export type StoreMethod = keyof Store;

export interface Fault {
  readonly code: ErrorCode;
  /** `before`: nothing happens; `after`: it happens, and the answer is lost. */
  readonly when: 'before' | 'after';
  readonly retryAfterMs?: number;
}

/** Whether the next call of a method fails; `undefined` lets it through. */
export type FaultPlan = (method: StoreMethod) => Fault | undefined;

export interface CountedStore extends Store {
  /** Calls of each method, failed ones included. */
  readonly calls: Readonly<Record<StoreMethod, number>>;
}

/** Wraps a store. An `append` that fails `after` rejects as a whole, as a lost connection does. */
export function faultyStore(store: Store, plan: FaultPlan = () => undefined): CountedStore {
  const calls = { get: 0, put: 0, append: 0, transact: 0, query: 0, digests: 0, partitions: 0, delete: 0 };
  const run = async <T>(method: StoreMethod, work: () => Promise<T>): Promise<T> => {
    calls[method] += 1;
    const fault = plan(method);
    const error =
      fault &&
      new PortError(
        fault.code,
        `planned: ${fault.code}`,
        fault.retryAfterMs === undefined ? {} : { retryAfterMs: fault.retryAfterMs },
      );
    if (error !== undefined && fault?.when === 'before') throw error;
    const result = await work();
    if (error !== undefined) throw error;
    return result;
  };
  return {
    calls,
    get: (key) => run('get', () => store.get(key)),
    put: (document, expected) => run('put', () => store.put(document, expected)),
    append: (documents, options) => run('append', () => store.append(documents, options)),
    transact: (partition, writes) => run('transact', () => store.transact(partition, writes)),
    query: (partition, query) => run('query', () => store.query(partition, query)),
    digests: (partition, query) => run('digests', () => store.digests(partition, query)),
    partitions: (query) => run('partitions', () => store.partitions(query)),
    delete: (key, expected) => run('delete', () => store.delete(key, expected)),
  };
}

/** Calls of methods that change something. */
export const writesOf = ({ calls }: CountedStore): number => calls.put + calls.append + calls.transact + calls.delete;

/** A store of which every call fails. */
export const brokenStore = (code: ErrorCode = 'unavailable', retryAfterMs?: number): CountedStore => {
  const fault: Fault = { code, when: 'before', ...(retryAfterMs !== undefined && { retryAfterMs }) };
  const never = () => Promise.reject(new Error('unreachable'));
  return faultyStore(
    {
      get: never,
      put: never,
      append: never,
      transact: never,
      query: never,
      digests: never,
      partitions: never,
      delete: never,
    },
    () => fault,
  );
};
