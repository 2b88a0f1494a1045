// A tenant's quota: a token bucket that fills at the rate of its tier, separately in each isolate.

import { BoundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Tier } from '../ports/directory-model.ts';
import { ROUTER_LIMITS } from './router-limits.ts';

/** The quota of a tenant of one tier. */
export interface QuotaRule {
  /** Requests per second, on average. */
  readonly perSecond: number;
  /** Requests in a burst, after a pause. */
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
  /** Maximum number of buckets; a tenant whose bucket is evicted starts with a full one. */
  readonly capacity?: number;
}

/** Returns a function that takes one request from a tenant's quota: 0 if it may proceed, else the seconds to wait. */
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
      // A clock that was set back adds no tokens.
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
