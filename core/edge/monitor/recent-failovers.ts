// The latest failovers by the audit log, and how long each kept tenants without a cell, as far as the monitor has seen it.

import type { EpochMs } from '../../ports/clock.ts';
import type { Json } from '../../ports/json.ts';
import { type AuditEntry, type Cell, isServing } from '../ports/directory-model.ts';
import type { MonitorStorage } from './monitor-storage.ts';

export const FAILOVER_LIMITS = {
  /** Failovers that are shown. */
  shown: 20,
  /** Entries of the audit log that are looked through for them. */
  entries: 500,
  /** One that the monitor first sees later than this, in milliseconds, is not measured: it has not seen how it began. */
  freshMs: 60_000,
} as const;

/** A failover, from the last sign of life to the failback. The field names are part of the control API. */
export interface RecentFailover {
  /** The directory's revision of the change that has marked the cell down. */
  readonly revision: number;
  readonly cell: string;
  readonly actor: string;
  readonly reason: string;
  /** The last sign of life before it; `null` if the cell was answering, or if the monitor had not seen it. */
  readonly silentSince: string | null;
  /** When the directory marked the cell down. */
  readonly downAt: string;
  /** When every standby that had taken over its tenants was first seen answering after that; `null` until then, or if none took over. */
  readonly servedAt: string | null;
  /** From `silentSince`, or else from `downAt`, to `servedAt`: what was measured, and not the objective. */
  readonly rtoMs: number | null;
  /** When the cell was failed back; `null` until then. */
  readonly backAt: string | null;
}

/** What is kept of a failover that the audit log does not have. */
interface Measured {
  readonly [name: string]: Json;
  readonly revision: number;
  readonly cell: string;
  readonly silentSince: number | null;
  readonly servedAt: number | null;
}

const SAVED = 'overview/failovers';

/** The changes of an entry that mark a cell down, or let it serve again. */
const switches = ({ changes }: AuditEntry): readonly { readonly cell: string; readonly down: boolean }[] =>
  changes.flatMap(({ kind, id, before, after }) => {
    if (kind !== 'cell' || before === null || after === null) return [];
    const [was, is] = [before as Cell, after as Cell];
    return was.switches === is.switches ? [] : [{ cell: id, down: !isServing(is) }];
  });

/** The failovers in these entries, newest first as they are; the failback is the next one of the same cell. */
export function failoversIn(
  entries: readonly AuditEntry[],
): readonly Omit<RecentFailover, 'silentSince' | 'servedAt' | 'rtoMs'>[] {
  const backs = new Map<string, string>();
  return entries
    .filter(({ outcome }) => outcome === 'applied')
    .flatMap((entry) => {
      const { revision, actor, reason, at } = entry;
      return switches(entry).flatMap(({ cell, down }) => {
        if (!down) {
          backs.set(cell, at);
          return [];
        }
        const backAt = backs.get(cell) ?? null;
        backs.delete(cell);
        return [{ revision, cell, actor, reason, downAt: at, backAt }];
      });
    })
    .slice(0, FAILOVER_LIMITS.shown);
}

/** What the monitor sees of cells now. */
export interface Sight {
  /** The last sign of life of a cell that does not answer; `null` of one that does, or that was never seen. */
  silentSince(cell: string): EpochMs | null;
  /** The latest probe of a cell, if it was answered. */
  answer(cell: string): { readonly sentAt: number; readonly tookMs: number } | null;
  /** The cells that now serve tenants of this home, which is down. */
  standbysOf(home: string): readonly string[];
}

/** Cell → the RTO of its latest failover that was measured, in milliseconds. `failovers`: the newest first. */
export function latestRecoveries(
  failovers: readonly Pick<RecentFailover, 'cell' | 'rtoMs'>[],
): ReadonlyMap<string, number> {
  const latest = new Map<string, number>();
  for (const { cell, rtoMs } of failovers) if (rtoMs !== null && !latest.has(cell)) latest.set(cell, rtoMs);
  return latest;
}

export interface RecentFailovers {
  /** Takes the newest entries of the audit log, newest first. */
  read(entries: readonly AuditEntry[]): void;
  /** Measures what the current round shows. Rejects with the storage's error. */
  measure(sight: Sight, now: EpochMs): Promise<void>;
  list(): readonly RecentFailover[];
}

/** Returns the list; it starts with what `storage` has kept. */
export function recentFailovers(storage: Pick<MonitorStorage, 'get' | 'put'>): RecentFailovers {
  let known: ReturnType<typeof failoversIn> = [];
  let measured: Map<string, Measured> | undefined;
  const keyOf = ({ revision, cell }: { readonly revision: number; readonly cell: string }) => `${revision} ${cell}`;

  return {
    read(entries) {
      known = failoversIn(entries);
    },

    async measure(sight, now) {
      if (measured === undefined) {
        const kept = (await storage.get<readonly Measured[]>(SAVED)) ?? [];
        measured = new Map(kept.map((each) => [keyOf(each), each]));
      }
      const current = new Map<string, Measured>();
      let isNew = false;
      for (const failover of known) {
        const { revision, cell, downAt, backAt } = failover;
        const before = measured.get(keyOf(failover));
        const downMs = Date.parse(downAt);
        let next = before;
        // Only while it is down can the monitor see who serves its tenants.
        const isOpen = backAt === null && (before === undefined ? now - downMs <= FAILOVER_LIMITS.freshMs : true);
        if (isOpen && (before?.servedAt ?? null) === null) {
          const seen = sight.silentSince(cell);
          const silentSince =
            before === undefined ? (seen !== null && seen <= downMs ? seen : null) : before.silentSince;
          const answers = sight.standbysOf(cell).map((standby) => sight.answer(standby));
          const times = answers.flatMap((found) =>
            found !== null && found.sentAt >= downMs ? [found.sentAt + found.tookMs] : [],
          );
          const isServed = answers.length > 0 && times.length === answers.length;
          next = { revision, cell, silentSince, servedAt: isServed ? Math.max(...times) : null };
        }
        if (next === undefined) continue;
        isNew ||= next.servedAt !== before?.servedAt || before === undefined;
        current.set(keyOf(failover), next);
      }
      measured = current;
      if (isNew) await storage.put(SAVED, [...current.values()]);
    },

    list: () =>
      known.map((failover) => {
        const { silentSince = null, servedAt = null } = measured?.get(keyOf(failover)) ?? {};
        const from = silentSince ?? Date.parse(failover.downAt);
        return {
          ...failover,
          silentSince: silentSince === null ? null : timeOf(silentSince),
          servedAt: servedAt === null ? null : timeOf(servedAt),
          rtoMs: servedAt === null ? null : Math.max(0, servedAt - from),
        };
      }),
  };
}

const timeOf = (at: number): string => new Date(at).toISOString();
