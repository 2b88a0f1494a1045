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
      // An export has a limit of series: what matters most comes first.
      telemetry.gauge('polycell.monitor.working', trouble === null ? 1 : 0);
      telemetry.gauge('polycell.fencing.waiting', fencing.waiting);
      for (const { id, verdict, state } of cells) {
        // Of a cell that nothing is known of yet, neither can be said.
        if (verdict !== 'unknown') telemetry.gauge('polycell.cell.up', verdict === 'up' ? 1 : 0, ofCell(id));
        telemetry.gauge('polycell.cell.active', state === 'active' ? 1 : 0, ofCell(id));
      }
      for (const { id } of cells) {
        const { relayMs, stateMs, lagMs, rpoMs } = overview.pace(id);
        const seconds = {
          'polycell.relay.lag': relayMs,
          'polycell.event.lag': stateMs,
          'polycell.replication.lag': lagMs,
          'polycell.replication.rpo': rpoMs,
          'polycell.rto.last': recoveries.get(id) ?? null,
        };
        for (const [name, milliseconds] of Object.entries(seconds))
          if (milliseconds !== null) telemetry.gauge(name, milliseconds / 1000, ofCell(id));
      }
      for (const { id } of cells)
        for (const { consumer, backlogMs } of overview.backlogs(id))
          if (backlogMs !== null)
            telemetry.gauge('polycell.consumer.lag', backlogMs / 1000, {
              ...ofCell(id),
              'messaging.consumer.group.name': consumer,
            });
      void flush();
    },
  };
}

const ofCell = (id: string) => ({ 'polycell.peer': id });
