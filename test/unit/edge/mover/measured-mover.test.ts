// What the mover's rounds measure of the moves under way.
import { MemoryTelemetry } from '../../../../adapters/memory/memory-telemetry.ts';
import { measuredMover } from '../../../../core/edge/mover/measured-mover.ts';
import type { WorkingMover } from '../../../../core/edge/mover/mover.ts';
import type { MoveView } from '../../../../core/edge/ports/mover.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { countingIds } from '../../../support/ids.ts';

const move = (state: MoveView['state'], total: number | null, there: number) => ({ state, total, there }) as MoveView;

test('a round does not fail where the moves cannot be read, and says when the next one is due', async () => {
  const telemetry = new MemoryTelemetry({ clock: new FakeClock(), ids: countingIds() });
  const list = async () => Promise.reject(new Error('The storage is away.'));
  const mover = { round: async () => 2000, list } as unknown as WorkingMover;
  expect(await measuredMover({ mover, telemetry, flush: async () => undefined }).round()).toBe(2000);
  expect(telemetry.measured).toEqual([]);
});

test('a round measures the moves under way and how far their copies are, and is not held up by the export', async () => {
  const telemetry = new MemoryTelemetry({ clock: new FakeClock(), ids: countingIds() });
  let moves = [
    move('seeding', 300, 100),
    move('planned', null, 0),
    move('following', 100, 120),
    move('sealed', 50, 50),
  ];
  const mover = { round: async () => 1000, list: async () => moves } as unknown as WorkingMover;
  const measured = measuredMover({ mover, telemetry, flush: () => new Promise<void>(() => undefined) });
  expect(await measured.round()).toBe(1000);
  moves = [move('aborted', 300, 100)];
  await measured.round();
  expect(telemetry.measured.map(({ kind, name, value }) => [kind, name, value])).toEqual([
    ['gauge', 'polycell.move.open', 3],
    // What came to the target meanwhile, beyond what was counted, is not more than all.
    ['gauge', 'polycell.move.progress', 0.5],
    ['gauge', 'polycell.move.open', 0],
  ]);
});
