// How long cells took to take events in the last minute and a half, as routers have reported it: what moves are throttled by.
import type { Clock } from '../../ports/clock.ts';
import { addTimes, type IngestTimes, NO_TIMES } from '../ports/ingest-times.ts';
import { TRAFFIC_LIMITS, type TrafficReport } from '../ports/traffic.ts';

export const INGEST_WINDOW_LIMITS = {
  /** The time that is counted together, in milliseconds: as long as an isolate collects. */
  slotMs: 2000,
  /** Slots that are kept of each cell. */
  slots: 45,
} as const;

export interface IngestWindow {
  /** Adds what an isolate has counted. */
  report(traffic: TrafficReport): void;
  /** What was reported of a cell in the last `agoMs`, as far as it is kept; of slots that began then. */
  times(cell: string, agoMs: number): IngestTimes;
}

interface Slot {
  readonly at: number;
  times: IngestTimes;
}

/** Returns the window, kept in memory: one that begins anew knows of no requests, and an idle cell is not throttled. */
export function ingestWindow(clock: Pick<Clock, 'now'>): IngestWindow {
  const cells = new Map<string, Slot[]>();
  const oldest = () => clock.now() - INGEST_WINDOW_LIMITS.slotMs * INGEST_WINDOW_LIMITS.slots;

  const slotOf = (cell: string): Slot | undefined => {
    for (const [id, slots] of cells) if ((slots.at(-1)?.at ?? 0) < oldest()) cells.delete(id);
    const slots = cells.get(cell) ?? [];
    if (!cells.has(cell) && cells.size >= TRAFFIC_LIMITS.cells) return undefined;
    cells.set(cell, slots);
    const last = slots.at(-1);
    // A clock that was set back begins a slot, too.
    if (last !== undefined && Math.abs(clock.now() - last.at) < INGEST_WINDOW_LIMITS.slotMs) return last;
    const slot: Slot = { at: clock.now(), times: NO_TIMES };
    slots.push(slot);
    slots.splice(0, slots.length - INGEST_WINDOW_LIMITS.slots);
    return slot;
  };

  return {
    report(traffic) {
      for (const [cell, { ingestTimes }] of Object.entries(traffic).slice(0, TRAFFIC_LIMITS.cells)) {
        const slot = ingestTimes && slotOf(cell);
        if (slot && ingestTimes) slot.times = addTimes(slot.times, ingestTimes);
      }
    },

    times: (cell, agoMs) =>
      (cells.get(cell) ?? [])
        .filter(({ at }) => at >= Math.max(oldest(), clock.now() - agoMs) && at <= clock.now())
        .reduce((sum, { times }) => addTimes(sum, times), NO_TIMES),
  };
}
