// How far moves are, as measurements, after each round of the mover.
import type { Telemetry } from '../../ports/telemetry.ts';
import type { MoveView } from '../ports/mover.ts';
import { isOver } from './move.ts';
import type { WorkingMover } from './mover.ts';

export interface MeasuredMoverDeps {
  readonly mover: WorkingMover;
  readonly telemetry: Pick<Telemetry, 'gauge'>;
  /** Exports what waits. Nothing waits for it. */
  readonly flush: () => Promise<void>;
}

/** Returns the mover, whose rounds also measure: how many moves are under way, and the share of their events that the targets have, once it is known. */
export function measuredMover({ mover, telemetry, flush }: MeasuredMoverDeps): WorkingMover {
  return {
    ...mover,
    async round() {
      const next = await mover.round();
      // Rounds never reject; one that could not read the moves has said so.
      const open = (await mover.list().catch(() => null))?.filter((move) => !isOver(move));
      if (open === undefined) return next;
      telemetry.gauge('polycell.move.open', open.length);
      const sum = (of: (move: MoveView) => number | null) => open.reduce((total, move) => total + (of(move) ?? 0), 0);
      const total = sum((move) => move.total);
      if (total > 0) {
        const there = sum((move) => (move.total === null ? 0 : Math.min(move.there, move.total)));
        telemetry.gauge('polycell.move.progress', there / total);
      }
      void flush();
      return next;
    },
  };
}
