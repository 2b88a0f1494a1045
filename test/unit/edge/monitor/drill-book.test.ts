// The book of drills: the newest are kept, over a restart, beside what other releases have stored.
import { drillBook } from '../../../../core/edge/monitor/drill-book.ts';
import { DRILL_LIMITS, type DrillResult } from '../../../../core/edge/ports/drills.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { MemoryMonitorStorage } from '../../../support/monitor-storage.ts';

const drill = (id: string, more: Partial<DrillResult> = {}): DrillResult => ({
  id,
  kind: 'cell-loss',
  cell: 'a',
  startedAt: '2026-11-21T07:40:00.000Z',
  endedAt: '2026-11-21T07:41:00.000Z',
  outcome: 'passed',
  rtoMs: 3000,
  missed: [],
  ...more,
});

const idsOf = (records: readonly { readonly id: string }[]) => records.map(({ id }) => id);

test('the newest are kept, whatever their ids, and those that were handed over long ago go', async () => {
  const clock = new FakeClock();
  const storage = new MemoryMonitorStorage();
  const book = drillBook(storage, clock);
  for (let number = 0; number < DRILL_LIMITS.kept + 3; number += 1) {
    await book.noteDrill(drill(`drill-${String(999 - number)}`), 'ann');
    clock.jump(1000);
  }
  const kept = idsOf(await drillBook(storage, clock).drills());
  expect([kept.length, kept[0], kept.at(-1)]).toEqual([DRILL_LIMITS.kept, 'drill-897', 'drill-996']);
  expect((await storage.list({ prefix: '', limit: 1000 })).size).toBe(DRILL_LIMITS.kept);
});

test('a record that comes after those of a clock that was ahead is kept all the same', async () => {
  const clock = new FakeClock();
  const book = drillBook(new MemoryMonitorStorage(), clock);
  clock.jump(3_600_000);
  for (let number = 0; number < DRILL_LIMITS.kept; number += 1) await book.noteDrill(drill(`early-${number}`), 'ann');
  clock.jump(-3_600_000);
  const record = await book.noteDrill(drill('drill-now'), 'ann');
  const kept = await book.drills();
  expect(kept).toHaveLength(DRILL_LIMITS.kept);
  expect(kept).toContainEqual(record);
});

test('what is known under an id stays, also when another operator hands it over again', async () => {
  const clock = new FakeClock();
  const book = drillBook(new MemoryMonitorStorage(), clock);
  const first = await book.noteDrill(drill('drill-1'), 'ann');
  clock.jump(1000);
  expect(await book.noteDrill(drill('drill-1', { outcome: 'failed' }), 'ben')).toEqual(first);
  expect(await book.drills()).toEqual([first]);
});

test('the storage of an earlier release has none; of a later one what this one cannot read is left out', async () => {
  const clock = new FakeClock();
  const storage = new MemoryMonitorStorage();
  await storage.put('overview/failovers', []);
  const book = drillBook(storage, clock);
  expect(await book.drills()).toEqual([]);
  const kept = await book.noteDrill(drill('drill-1'), 'ann');
  await storage.put('drills/later-1', { ...kept, id: 'later-1', outcome: 'abandoned' } as never);
  await storage.put('drills/later-2', 'a text');
  const { cell: _cell, rtoMs: _rtoMs, missed: _missed, ...least } = kept;
  await storage.put('drills/later-3', { ...least, id: 'later-3', more: { of: 'it' } } as never);
  expect(await book.drills()).toEqual([kept, { ...kept, id: 'later-3', cell: null, rtoMs: null, missed: [] }]);
});
