// Lanes: decides which messages of a tenant are beyond its share, and wait with their like, behind no one else's.
import { BoundedCache } from '../lib/bounded-cache.ts';
import { utf8Length } from '../lib/text.ts';
import type { BusMessage } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';

/** A tenant's share of the first lane. A worker takes this much in a moment, whatever it does with it. */
export const LANE_LIMITS = {
  bytesPerSecond: 64 * 1024,
  burstBytes: 128 * 1024,
  eventsPerSecond: 50,
  burstEvents: 100,
  /** Tenants whose shares are remembered; one that is forgotten begins with a whole share. */
  tenants: 10_000,
} as const;

interface Share {
  bytes: number;
  events: number;
  filledAt: number;
}

/**
 * Returns the rule by which messages get their lane. A message passes while its tenant has anything left, and may overdraw: the next ones
 * wait until that is filled again. Each relay process counts for itself.
 */
export function lanes(clock: Pick<Clock, 'now'>): (message: BusMessage) => BusMessage {
  const shares = new BoundedCache<string, Share>(LANE_LIMITS.tenants);

  const filled = (tenant: string): Share => {
    const now = clock.now();
    const share = shares.get(tenant) ?? { bytes: Infinity, events: Infinity, filledAt: now };
    // A clock that was set back adds nothing.
    const seconds = Math.max(0, now - share.filledAt) / 1000;
    share.bytes = Math.min(LANE_LIMITS.burstBytes, share.bytes + seconds * LANE_LIMITS.bytesPerSecond);
    share.events = Math.min(LANE_LIMITS.burstEvents, share.events + seconds * LANE_LIMITS.eventsPerSecond);
    share.filledAt = now;
    shares.set(tenant, share);
    return share;
  };

  return (message) => {
    const share = filled(message.tenant);
    if (share.bytes <= 0 || share.events <= 0) return { ...message, lane: 'side' };
    share.bytes -= utf8Length(JSON.stringify(message.event));
    share.events -= 1;
    return message;
  };
}
