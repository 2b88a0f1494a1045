// Keeps what a cell notes of a tenant's copies as the newest assignment says: whether it leaves them underived.
import { type Assignment, leavesCopies } from '../cell/assignment.ts';
import { BoundedCache } from '../lib/bounded-cache.ts';
import type { UnderivedNotes } from '../pipeline/underived.ts';
import type { HeldAssignments } from './held-assignments.ts';

/** Tenants whose part a process remembers, about a hundred bytes each. */
const TENANTS = 10_000;

export interface CopiesPartDeps {
  /** The id of this cell. */
  readonly cell: string;
  readonly assignments: Pick<HeldAssignments, 'newest'>;
  readonly notes: Pick<UnderivedNotes, 'follow'>;
}

/**
 * Returns a function that is called with the newest assignment that is held, each time that one comes: with every copy, push and fence, so that
 * a note that was missed is made with the next of them. Rejects with the store's error.
 */
export function copiesPart({ cell, assignments, notes }: CopiesPartDeps): (newest: Assignment) => Promise<void> {
  const known = new BoundedCache<string, string>(TENANTS);
  return async (newest) => {
    const { tenant, firstEpoch, epoch } = newest;
    const part = `${firstEpoch} ${epoch} ${leavesCopies(newest, cell)}`;
    if (known.get(tenant) === part) return;
    await notes.follow(tenant, async () => {
      const held = (await assignments.newest(tenant))?.assignment;
      return held !== undefined && leavesCopies(held, cell);
    });
    known.set(tenant, part);
  };
}
