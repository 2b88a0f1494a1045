// How far a cell that took over may be behind its tenant's home: what it says with each read.
import { BoundedCache } from '../lib/bounded-cache.ts';
import type { Clock } from '../ports/clock.ts';
import type { HeldAssignments } from './held-assignments.ts';
import type { ReplicaNotes } from './notes.ts';

export const STANDING_IN_LIMITS = {
  /** So long a process goes by what it has read, in milliseconds. */
  rememberedMs: 5000,
  /** Tenants that it remembers, with some hundred bytes each. */
  tenants: 10_000,
} as const;

/** What is known of a tenant for which this cell may stand in. */
interface Known {
  readonly at: number;
  /** The first epoch of the placement; `null` if this cell is not the standby. */
  readonly firstEpoch: number | null;
  /** When the home last began to compare, and all was here; `null` if it never did. */
  readonly passedAt: number | null;
}

export interface StandingInDeps {
  /** The id of this cell. */
  readonly cell: string;
  readonly assignments: Pick<HeldAssignments, 'newest'>;
  readonly notes: Pick<ReplicaNotes, 'receiver'>;
  readonly clock: Clock;
}

/**
 * Returns a function that says from how long ago on, in milliseconds, events may be missing that the home has acknowledged: since the last
 * comparison began by which all were here. `unknown` if there was none; `undefined` where the home itself serves.
 */
export function standingIn({
  cell,
  assignments,
  notes,
  clock,
}: StandingInDeps): (tenant: string, epoch: number) => Promise<string | undefined> {
  const known = new BoundedCache<string, Known>(STANDING_IN_LIMITS.tenants);

  const read = async (tenant: string, at: number): Promise<Known> => {
    const assignment = (await assignments.newest(tenant))?.assignment;
    if (assignment?.standby?.id !== cell) return { at, firstEpoch: null, passedAt: null };
    const note = await notes.receiver(tenant, assignment.home.id);
    return { at, firstEpoch: assignment.firstEpoch, passedAt: note?.passedAt ?? null };
  };

  return async (tenant, epoch) => {
    const now = clock.now();
    let found = known.get(tenant);
    if (found === undefined || Math.abs(now - found.at) >= STANDING_IN_LIMITS.rememberedMs) {
      found = await read(tenant, now);
      known.set(tenant, found);
    }
    const { firstEpoch, passedAt } = found;
    // The standby serves under every second epoch of a placement.
    if (firstEpoch === null || epoch < firstEpoch || (epoch - firstEpoch) % 2 === 0) return undefined;
    return passedAt === null ? 'unknown' : String(Math.max(0, now - passedAt));
  };
}
