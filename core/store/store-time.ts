// How long requests to stores have been under way: distinguishes work that waits for a slow store from work that does not finish.
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';

export interface StoreTime {
  /** Milliseconds, since the beginning, in which at least one request of the watched stores was under way. */
  busyMs(): number;
  /** The store, with its requests watched. */
  watch(store: Store): Store;
}

/** Returns a watch for the stores of one process. */
export function storeTime(clock: Clock): StoreTime {
  let underWay = 0;
  let since = 0;
  let total = 0;
  const watched =
    <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (underWay === 0) since = clock.now();
      underWay += 1;
      try {
        return await call(...args);
      } finally {
        underWay -= 1;
        if (underWay === 0) total += clock.now() - since;
      }
    };
  return {
    busyMs: () => total + (underWay === 0 ? 0 : clock.now() - since),
    watch: (store) => ({
      get: watched(store.get.bind(store)),
      put: watched(store.put.bind(store)),
      append: watched(store.append.bind(store)),
      transact: watched(store.transact.bind(store)),
      query: watched(store.query.bind(store)),
      digests: watched(store.digests.bind(store)),
      partitions: watched(store.partitions.bind(store)),
      delete: watched(store.delete.bind(store)),
    }),
  };
}
