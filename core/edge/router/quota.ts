// A tenant's quota: buckets of requests and of bytes that fill at the rate of its tier, separately in each isolate.

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
  /** Bytes of bodies per second, on average; `REQUEST_BYTES` for each request unless given. */
  readonly bytesPerSecond?: number;
  /** Bytes in a burst; at least the largest body, whatever is given. */
  readonly burstBytes?: number;
}

export type QuotaRules = Readonly<Record<Tier, QuotaRule>>;

/** Bytes of bodies that a quota of requests allows for each of them unless it says otherwise: a batch of about a hundred events. */
export const REQUEST_BYTES = 32 * 1024;

interface Bucket {
  requests: number;
  bytes: number;
  filledAt: number;
}

export interface QuotaDeps {
  readonly rules: QuotaRules;
  readonly clock: Clock;
  /** Maximum number of buckets; a tenant whose bucket is evicted starts with a full one. */
  readonly capacity?: number;
}

export interface Taken {
  /** 0 if the request may proceed, else the seconds to wait. */
  readonly wait: number;
  /** What the tenant may send, and how much of it is left (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/). */
  readonly headers: { readonly ratelimit: string; readonly 'ratelimit-policy': string };
}

export interface Quota {
  /** Takes one request with so many bytes from a tenant's quota, or nothing. */
  take(tenant: string, tier: Tier, bytes?: number): Taken;
  /** Takes bytes whose number was not known before. What the quota lacks keeps the next request waiting. */
  charge(tenant: string, tier: Tier, bytes: number): void;
}

/** Returns the quotas of all tenants. */
export function quota({ rules, clock, capacity = ROUTER_LIMITS.quotas }: QuotaDeps): Quota {
  const buckets = new BoundedCache<string, Bucket>(capacity);

  const filled = (tenant: string, limits: Required<QuotaRule>): Bucket => {
    const now = clock.now();
    const known = buckets.get(tenant);
    if (known === undefined) {
      const bucket = { requests: limits.burst, bytes: limits.burstBytes, filledAt: now };
      buckets.set(tenant, bucket);
      return bucket;
    }
    // A clock that was set back adds nothing.
    const seconds = Math.max(0, now - known.filledAt) / 1000;
    known.requests = Math.min(limits.burst, known.requests + seconds * limits.perSecond);
    known.bytes = Math.min(limits.burstBytes, known.bytes + seconds * limits.bytesPerSecond);
    known.filledAt = now;
    return known;
  };

  return {
    take(tenant, tier, bytes = 0) {
      const limits = completed(rules[tier]);
      const bucket = filled(tenant, limits);
      const waits = [
        (1 - bucket.requests) / limits.perSecond,
        // A tenant that owes bytes waits, whatever it sends.
        (bytes - bucket.bytes) / limits.bytesPerSecond,
        -bucket.bytes / limits.bytesPerSecond,
      ];
      const longest = Math.max(...waits);
      if (longest <= 0) {
        bucket.requests -= 1;
        bucket.bytes -= bytes;
      }
      return { wait: longest <= 0 ? 0 : Math.max(1, Math.ceil(longest)), headers: headersOf(limits, bucket) };
    },
    charge(tenant, tier, bytes) {
      filled(tenant, completed(rules[tier])).bytes -= bytes;
    },
  };
}

const completed = (rule: QuotaRule): Required<QuotaRule> => {
  const { perSecond, burst, bytesPerSecond = perSecond * REQUEST_BYTES, burstBytes = burst * REQUEST_BYTES } = rule;
  return { perSecond, burst, bytesPerSecond, burstBytes: Math.max(burstBytes, ROUTER_LIMITS.body) };
};

/** `q` is the quota, `w` the seconds in which an empty bucket fills, `r` what is left, `t` the seconds until it is full. */
function headersOf(limits: Required<QuotaRule>, bucket: Bucket): Taken['headers'] {
  const rows = [
    { name: 'requests', unit: '', quota: limits.burst, rate: limits.perSecond, left: bucket.requests },
    {
      name: 'bytes',
      unit: ';qu="content-bytes"',
      quota: limits.burstBytes,
      rate: limits.bytesPerSecond,
      left: bucket.bytes,
    },
  ].map(({ quota: most, left, ...row }) => ({ ...row, most: Math.floor(most), left: Math.max(0, Math.floor(left)) }));
  const item = (parts: (row: (typeof rows)[number]) => string) =>
    rows.map((row) => `"${row.name}";${parts(row)}`).join(', ');
  return {
    ratelimit: item(({ left, most, rate }) => `r=${left};t=${Math.ceil((most - left) / rate)}`),
    'ratelimit-policy': item(({ most, rate, unit }) => `q=${most};w=${Math.ceil(most / rate)}${unit}`),
  };
}
