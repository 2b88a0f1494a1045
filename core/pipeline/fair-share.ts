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
  /**
   * Calls `work` for each item, several at a time, those of tenants with the least work in progress first; calls at the same time share these
   * places. Rejects with the first error, once what has begun is over, and begins nothing more of this call then.
   */
  each<T extends { readonly tenant: string }>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void>;
}

/** Returns the shares of a batch with messages of these tenants. */
export function sharesOf(tenants: ReadonlySet<string>, clock: Pick<Clock, 'now'>): Shares {
  const spent = new Map<string, number>();
  const isShared = tenants.size > 1;
  const most = isShared ? SHARE_LIMITS.perTenant : SHARE_LIMITS.concurrent;
  const waiting = new Map<string, (() => Promise<void>)[]>();
  const running = new Map<string, number>();
  let inWork = 0;

  const next = (): { readonly tenant: string; readonly work: () => Promise<void> } | undefined => {
    const [tenant] = [...waiting.keys()]
      .filter((each) => (running.get(each) ?? 0) < most)
      .sort((a, b) => (running.get(a) ?? 0) - (running.get(b) ?? 0));
    const [work, ...rest] = waiting.get(tenant ?? '') ?? [];
    if (tenant === undefined || work === undefined) return undefined;
    if (rest.length === 0) waiting.delete(tenant);
    else waiting.set(tenant, rest);
    return { tenant, work };
  };

  const count = (tenant: string, by: 1 | -1): void => {
    inWork += by;
    running.set(tenant, (running.get(tenant) ?? 0) + by);
  };

  const fill = (): void => {
    while (inWork < SHARE_LIMITS.concurrent) {
      const found = next();
      if (found === undefined) return;
      const { tenant, work } = found;
      count(tenant, 1);
      void work().finally(() => {
        count(tenant, -1);
        fill();
      });
    }
  };

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
      const errors: unknown[] = [];
      const all = items.map(
        (item) =>
          new Promise<void>((done) => {
            const one = async (): Promise<void> => {
              try {
                if (errors.length === 0) await work(item);
              } catch (error) {
                errors.push(error);
              } finally {
                done();
              }
            };
            waiting.set(item.tenant, [...(waiting.get(item.tenant) ?? []), one]);
          }),
      );
      fill();
      await Promise.all(all);
      if (errors.length > 0) throw errors[0];
    },
  };
}
