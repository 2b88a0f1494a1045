// Decides which leases a host takes, so that all hosts end up with about the same number.

/** What the decision needs to know of a lease. */
export interface LeaseView {
  readonly id: string;
  /** The host that works on it, if any. */
  readonly owner: string | undefined;
  /** When it was last renewed, in ms since the epoch. */
  readonly renewedAt: number;
}

/**
 * The leases that `me` should try to take now: free ones up to a fair share, or else one from the host that has most.
 * @param expirationMs a lease not renewed for longer is free, whichever host owns it
 */
export function leasesToTake<L extends LeaseView>(
  leases: readonly L[],
  me: string,
  now: number,
  expirationMs: number,
): L[] {
  const free: L[] = [];
  const held = new Map<string, L[]>([[me, []]]);
  for (const lease of leases) {
    if (lease.owner === undefined || lease.renewedAt + expirationMs < now) {
      free.push(lease);
    } else {
      const list = held.get(lease.owner);
      if (list === undefined) held.set(lease.owner, [lease]);
      else list.push(lease);
    }
  }
  const fairShare = Math.ceil(leases.length / held.size);
  const wanted = fairShare - (held.get(me)?.length ?? 0);
  if (wanted <= 0) return [];
  if (free.length > 0) return free.slice(0, wanted);
  let richest: L[] = [];
  for (const list of held.values()) if (list.length > richest.length) richest = list;
  // Someone who has only one more than a fair share keeps it, unless more than one lease is wanted.
  const enough = wanted > 1 ? fairShare - 1 : fairShare;
  return richest.length > enough ? richest.slice(0, 1) : [];
}
