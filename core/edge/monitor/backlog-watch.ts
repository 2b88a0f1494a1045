// What the cells say of their consumers' backlogs, and what the monitor remembers: a consumer that stays silent is behind by ever more.
import type { ConsumerBacklog } from '../../cell/backlogs.ts';

export const BACKLOG_LIMITS = {
  /** What a cell has said is remembered for this long, in milliseconds: later, a consumer may have noted something and forgotten it. */
  rememberedMs: 60_000,
  /** A backlog that its cell does not speak of any more is not known after this long, in milliseconds: what waited may be among the dead letters. */
  unconfirmedMs: 3_600_000,
} as const;

export interface BacklogWatch {
  /** Takes in what a cell has said now. */
  take(cell: string, backlogs: readonly ConsumerBacklog[], now: number): void;
  /** As of what the cell has said last; none of a cell that has said nothing for `BACKLOG_LIMITS.rememberedMs`. */
  of(cell: string, now: number): readonly ConsumerBacklog[];
  /** Drops what is known of other cells than these. */
  keep(cells: ReadonlyMap<string, unknown>): void;
}

interface Said {
  readonly at: number;
  readonly backlogs: readonly ConsumerBacklog[];
}

/**
 * Returns the watch. A cell reads two minutes of notes, so of a silent consumer it knows less than that. What such a consumer was behind by before has
 * grown since: it would have noted anything that it was done with.
 */
export function backlogWatch(): BacklogWatch {
  const said = new Map<string, Said>();

  const newest = (cell: string, now: number): Said | undefined => {
    const known = said.get(cell);
    return known !== undefined && Math.abs(now - known.at) < BACKLOG_LIMITS.rememberedMs ? known : undefined;
  };

  return {
    take(cell, backlogs, now) {
      const before = newest(cell, now);
      const grown = (of: string): number | null => {
        const known = before?.backlogs.find(({ consumer, silent }) => consumer === of && silent);
        return before === undefined || known?.backlogMs == null ? null : known.backlogMs + Math.max(0, now - before.at);
      };
      const current = backlogs.map((backlog) => {
        const remembered = backlog.silent ? grown(backlog.consumer) : null;
        const isGone = backlog.backlogMs === null && (remembered ?? 0) > BACKLOG_LIMITS.unconfirmedMs;
        return remembered === null || isGone
          ? backlog
          : { ...backlog, backlogMs: Math.max(remembered, backlog.backlogMs ?? 0) };
      });
      said.set(cell, { at: now, backlogs: current });
    },

    of: (cell, now) => newest(cell, now)?.backlogs ?? [],

    keep(cells) {
      for (const cell of said.keys()) if (!cells.has(cell)) said.delete(cell);
    },
  };
}
