// What the monitor sees of each cell, as measurements: one place that asks all cells, so that their values can be compared.
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Monitor } from './monitor.ts';
import type { OverviewKeeper } from './overview.ts';

export interface MeasuredMonitorDeps {
  readonly monitor: Monitor;
  readonly overview: Pick<OverviewKeeper, 'pace' | 'backlogs' | 'recoveries'>;
  readonly telemetry: Telemetry;
  /** Exports what waits. Nothing waits for it. */
  readonly flush: () => Promise<void>;
}

/** Returns the monitor, whose rounds also measure. */
export function measuredMonitor({ monitor, overview, telemetry, flush }: MeasuredMonitorDeps): Monitor {
  return {
    status: () => monitor.status(),
    overview: (known) => monitor.overview(known),
    async round() {
      await monitor.round();
      const { cells, fencing, trouble } = monitor.status();
      const recoveries = overview.recoveries();
      for (const { id, verdict, state } of cells) {
        const cell = { 'polycell.peer': id };
        // Of a cell that nothing is known of yet, neither can be said.
        if (verdict !== 'unknown') telemetry.gauge('polycell.cell.up', verdict === 'up' ? 1 : 0, cell);
        telemetry.gauge('polycell.cell.active', state === 'active' ? 1 : 0, cell);
        const { relayMs, stateMs, lagMs, rpoMs } = overview.pace(id);
        if (relayMs !== null) telemetry.gauge('polycell.relay.lag', relayMs / 1000, cell);
        if (stateMs !== null) telemetry.gauge('polycell.event.lag', stateMs / 1000, cell);
        if (lagMs !== null) telemetry.gauge('polycell.replication.lag', lagMs / 1000, cell);
        if (rpoMs !== null) telemetry.gauge('polycell.replication.rpo', rpoMs / 1000, cell);
        const rtoMs = recoveries.get(id);
        if (rtoMs !== undefined) telemetry.gauge('polycell.rto.last', rtoMs / 1000, cell);
        for (const { consumer, backlogMs } of overview.backlogs(id)) {
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
