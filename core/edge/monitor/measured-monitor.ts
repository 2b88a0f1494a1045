// What the monitor sees of each cell, as measurements: one place that asks all cells, so that their values can be compared.
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Monitor } from './monitor.ts';
import type { OverviewKeeper } from './overview.ts';

export interface MeasuredMonitorDeps {
  readonly monitor: Monitor;
  /** See `OverviewKeeper.pace`. */
  readonly pace: OverviewKeeper['pace'];
  /** See `OverviewKeeper.backlogs`. */
  readonly backlogs: OverviewKeeper['backlogs'];
  readonly telemetry: Telemetry;
  /** Exports what waits. Nothing waits for it. */
  readonly flush: () => Promise<void>;
}

/** Returns the monitor, whose rounds also measure. */
export function measuredMonitor({ monitor, pace, backlogs, telemetry, flush }: MeasuredMonitorDeps): Monitor {
  return {
    status: () => monitor.status(),
    overview: (known) => monitor.overview(known),
    async round() {
      await monitor.round();
      const { cells, fencing, trouble } = monitor.status();
      for (const { id, verdict, state } of cells) {
        const cell = { 'polycell.peer': id };
        // Of a cell that nothing is known of yet, neither can be said.
        if (verdict !== 'unknown') telemetry.gauge('polycell.cell.up', verdict === 'up' ? 1 : 0, cell);
        telemetry.gauge('polycell.cell.active', state === 'active' ? 1 : 0, cell);
        const { stateMs, lagMs, rpoMs } = pace(id);
        if (stateMs !== null) telemetry.gauge('polycell.event.lag', stateMs / 1000, cell);
        if (lagMs !== null) telemetry.gauge('polycell.replication.lag', lagMs / 1000, cell);
        if (rpoMs !== null) telemetry.gauge('polycell.replication.rpo', rpoMs / 1000, cell);
        for (const { consumer, backlogMs } of backlogs(id)) {
          if (backlogMs === null) continue;
          telemetry.gauge('polycell.consumer.lag', backlogMs / 1000, {
            ...cell,
            'messaging.consumer.group.name': consumer,
          });
        }
      }
      telemetry.gauge('polycell.fencing.waiting', fencing.waiting);
      telemetry.gauge('polycell.monitor.working', trouble === null ? 1 : 0);
      void flush();
    },
  };
}
