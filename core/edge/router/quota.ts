// A tenant's quota: a bucket of tokens that fills at the rate of its tier, in each isolate by itself.

import { BoundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Tier } from '../ports/directory-model.ts';
import { ROUTER_LIMITS } from './router-limits.ts';

/** What a tenant of one tier may send. */
export interface QuotaRule {
  /** Requests a second, on average. */
  readonly perSecond: number;
  /** Requests at once, after a pause. */
  readonly burst: number;
}

export type QuotaRules = Readonly<Record<Tier, QuotaRule>>;

interface Bucket {
  tokens: number;
  filledAt: number;
}

export interface QuotaDeps {
  readonly rules: QuotaRules;
  readonly clock: Clock;
  /** Buckets to keep; a tenant whose bucket is forgotten begins with a full one. */
  readonly capacity?: number;
}

/** Returns a function that takes one request out of a tenant's quota: 0 if it may go on, else the seconds to wait. */
export function quota({
  rules,
  clock,
  capacity = ROUTER_LIMITS.quotas,
}: QuotaDeps): (tenant: string, tier: Tier) => number {
  const buckets = new BoundedCache<string, Bucket>(capacity);
  return (tenant, tier) => {
    const { perSecond, burst } = rules[tier];
    const now = clock.now();
    let bucket = buckets.get(tenant);
    if (bucket === undefined) {
      bucket = { tokens: burst, filledAt: now };
      buckets.set(tenant, bucket);
    } else {
      // A clock that was set back fills nothing.
      const gained = (Math.max(0, now - bucket.filledAt) * perSecond) / 1000;
      bucket.tokens = Math.min(burst, bucket.tokens + gained);
      bucket.filledAt = now;
    }
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond));
  };
}
