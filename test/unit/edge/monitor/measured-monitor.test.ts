// What the monitor's rounds measure of each cell.
import { MemoryTelemetry } from '../../../../adapters/memory/memory-telemetry.ts';
import { measuredMonitor } from '../../../../core/edge/monitor/measured-monitor.ts';
import type { Monitor, MonitorStatus } from '../../../../core/edge/monitor/monitor.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { countingIds } from '../../../support/ids.ts';

const cell = (id: string, verdict: 'up' | 'failing' | 'unknown', state: 'active' | 'down') =>
  ({ id, verdict, state }) as MonitorStatus['cells'][number];

test('a round measures which cells answer and serve, and is not held up by the export', async () => {
  const telemetry = new MemoryTelemetry({ clock: new FakeClock(), ids: countingIds() });
  let rounds = 0;
  const status = {
    cells: [cell('a', 'up', 'active'), cell('b', 'failing', 'down'), cell('c', 'unknown', 'active')],
    fencing: { waiting: 3 },
    trouble: 'the directory is gone',
  } as unknown as MonitorStatus;
  const monitor: Monitor = {
    round: async () => {
      rounds += 1;
    },
    status: () => status,
    overview: () => null,
  };
  const flush = () => new Promise<void>(() => undefined);
  const none = { relayMs: null, stateMs: null, backlogMs: null, lagMs: null, rpoMs: null };
  const pace = (id: string) =>
    id === 'a' ? { relayMs: 200, stateMs: 400, backlogMs: 90_000, lagMs: 1500, rpoMs: 60_000 } : none;
  const backlogs = (id: string) =>
    id === 'a'
      ? [
          { consumer: 'sums', backlogMs: 90_000, silent: true },
          { consumer: 'alerts', backlogMs: null, silent: false },
        ]
      : [];
  const overview = { pace, backlogs, recoveries: () => new Map([['b', 4200]]) };
  await measuredMonitor({ monitor, overview, telemetry, flush }).round();
  expect(rounds).toBe(1);
  expect(telemetry.measured.map(({ kind, name, value, attributes }) => [kind, name, value, attributes])).toEqual([
    // An export leaves out what comes last, if there is too much.
    ['gauge', 'polycell.monitor.working', 0, {}],
    ['gauge', 'polycell.fencing.waiting', 3, {}],
    ['gauge', 'polycell.cell.up', 1, { 'polycell.peer': 'a' }],
    ['gauge', 'polycell.cell.active', 1, { 'polycell.peer': 'a' }],
    ['gauge', 'polycell.cell.up', 0, { 'polycell.peer': 'b' }],
    ['gauge', 'polycell.cell.active', 0, { 'polycell.peer': 'b' }],
    ['gauge', 'polycell.cell.active', 1, { 'polycell.peer': 'c' }],
    ['gauge', 'polycell.relay.lag', 0.2, { 'polycell.peer': 'a' }],
    ['gauge', 'polycell.event.lag', 0.4, { 'polycell.peer': 'a' }],
    ['gauge', 'polycell.replication.lag', 1.5, { 'polycell.peer': 'a' }],
    ['gauge', 'polycell.replication.rpo', 60, { 'polycell.peer': 'a' }],
    ['gauge', 'polycell.rto.last', 4.2, { 'polycell.peer': 'b' }],
    ['gauge', 'polycell.consumer.lag', 90, { 'polycell.peer': 'a', 'messaging.consumer.group.name': 'sums' }],
  ]);
});
