// Shares a worker among tenants: whose work is slow waits for itself, and not for the others of its batch.
import type { Clock } from '../ports/clock.ts';

export const SHARE_LIMITS = {
  /** Groups of a batch whose effects are applied at the same time. */
  concurrent: 16,
  /** Of these, those of one tenant where a batch has several. */
  perTenant: 4,
  /** Work for one tenant in a batch that has several, in milliseconds, added up over its groups; what is left then is delivered again. */
  tenantMs: 10_000,
} as const;

/** The shares of one batch's tenants. */
export interface Shares {
  /** Whether the tenant has had its share of work, and others are in the batch. */
  isUsedUp(tenant: string): boolean;
  /** Does work on account of a tenant. */
  charge<T>(tenant: string, work: () => Promise<T>): Promise<T>;
  /** Calls `work` for each item, several at a time, those of tenants with the least work in progress first. Rejects with its first error. */
  each<T extends { readonly tenant: string }>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void>;
}

/** Returns the shares of a batch with messages of these tenants. */
export function sharesOf(tenants: ReadonlySet<string>, clock: Pick<Clock, 'now'>): Shares {
  const spent = new Map<string, number>();
  const isShared = tenants.size > 1;
  const most = isShared ? SHARE_LIMITS.perTenant : SHARE_LIMITS.concurrent;
  return {
    isUsedUp: (tenant) => isShared && (spent.get(tenant) ?? 0) >= SHARE_LIMITS.tenantMs,

    async charge(tenant, work) {
      const began = clock.now();
      try {
        return await work();
      } finally {
        spent.set(tenant, (spent.get(tenant) ?? 0) + Math.max(0, clock.now() - began));
      }
    },

    async each(items, work) {
      const waiting = new Map<string, (typeof items)[number][]>();
      for (const item of items) waiting.set(item.tenant, [...(waiting.get(item.tenant) ?? []), item]);
      const running = new Map<string, number>();
      const next = () => {
        const [tenant] = [...waiting.keys()]
          .filter((each) => (running.get(each) ?? 0) < most)
          .sort((a, b) => (running.get(a) ?? 0) - (running.get(b) ?? 0));
        if (tenant === undefined) return undefined;
        const [item, ...rest] = waiting.get(tenant) ?? [];
        if (rest.length === 0) waiting.delete(tenant);
        else waiting.set(tenant, rest);
        return item;
      };
      const errors: unknown[] = [];
      const all = new Set<Promise<void>>();
      for (;;) {
        const item = errors.length === 0 && all.size < SHARE_LIMITS.concurrent ? next() : undefined;
        if (item === undefined) {
          if (all.size === 0) break;
          await Promise.race(all);
          continue;
        }
        running.set(item.tenant, (running.get(item.tenant) ?? 0) + 1);
        const one = work(item)
          .catch((error: unknown) => void errors.push(error))
          .finally(() => {
            running.set(item.tenant, (running.get(item.tenant) ?? 1) - 1);
            all.delete(one);
          });
        all.add(one);
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}
