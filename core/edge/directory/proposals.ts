// Changes that wait for a second operator: read from the audit log, in which they expire automatically.
import type { AuditEntry, Proposal } from '../ports/directory-model.ts';

export const PROPOSAL_LIMITS = {
  /** How long a change can be approved, in milliseconds: an hour. */
  lifeMs: 3_600_000,
  /** Changes that wait at a time. */
  waiting: 20,
  /** Latest entries of the audit log that are searched; a change behind more of them has expired early. */
  entries: 1000,
} as const;

/** The proposals among these entries, newest first, that can still be approved. */
export function openProposals(entries: readonly AuditEntry[], now: number): readonly Proposal[] {
  const approved = new Set(entries.map(({ approves }) => approves));
  return entries.flatMap(({ outcome, revision, at, actor, reason, command }) => {
    const expiresAt = Date.parse(at) + PROPOSAL_LIMITS.lifeMs;
    if (outcome !== 'proposed' || approved.has(revision) || expiresAt <= now) return [];
    return [{ id: revision, actor, reason, command, expiresAt: new Date(expiresAt).toISOString() }];
  });
}
