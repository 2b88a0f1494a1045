// The monitor's Durable Object: there is always a next alarm.
import { monitorObject } from '../../../adapters/cloudflare/monitor-object.ts';
import { drillBook } from '../../../core/edge/monitor/drill-book.ts';
import { FakeClock, START } from '../../support/fake-clock.ts';
import { MemoryMonitorStorage } from '../../support/monitor-storage.ts';

function object(round: () => Promise<void>) {
  const clock = new FakeClock();
  const reports: string[] = [];
  let alarm: number | null = null;
  const storage = {
    getAlarm: async () => alarm,
    setAlarm: async (at: number) => {
      alarm = at;
    },
  };
  const methods = monitorObject({
    monitor: { round, status: () => 'fine', overview: (known) => `all but ${known}` },
    report: (traffic: string) => void reports.push(traffic),
    ingestTimes: (cell, agoMs) => ({ [cell.length]: agoMs }),
    gate: { caughtUp: async (cell) => ({ cell, state: 'unknown', running: null, latest: null }) },
    book: drillBook(new MemoryMonitorStorage(), clock),
    storage,
    clock,
    intervalMs: 1000,
  });
  return { clock, reports, methods, alarm: () => (alarm === null ? null : alarm - START), setAlarm: storage.setAlarm };
}

test('asking how things stand wakes it, and an alarm that is set stays', async () => {
  const { methods, alarm, clock } = object(async () => undefined);
  expect(await methods.status()).toBe('fine');
  expect(alarm()).toBe(0);
  clock.jump(500);
  await methods.wake();
  expect(await methods.caughtUp('a', 1, true)).toMatchObject({ cell: 'a', state: 'unknown' });
  expect(await methods.ingestTimes('a', 60)).toEqual({ 1: 60 });
  expect(alarm()).toBe(0);
});

test('the next alarm is set before the round, an interval ahead, whatever becomes of the round', async () => {
  const seen: (number | null)[] = [];
  const { methods, alarm } = object(async () => {
    seen.push(alarm());
    throw new Error('The round has failed.');
  });
  await expect(methods.alarm()).rejects.toThrow('The round has failed.');
  expect(seen).toEqual([1000]);
  expect(alarm()).toBe(1000);
});

test('an alarm that is long overdue was lost, and is set anew', async () => {
  const { methods, alarm, clock, setAlarm } = object(async () => undefined);
  await setAlarm(START);
  clock.jump(10_000);
  await methods.wake();
  expect(alarm()).toBe(0);
  clock.jump(1);
  await methods.wake();
  expect(alarm()).toBe(10_001);
});

test('asking for the overview wakes it, too, and says what the caller knows; reports are handed on', async () => {
  const { methods, alarm, reports } = object(async () => undefined);
  expect(await methods.overview('"1"')).toBe('all but "1"');
  expect(alarm()).toBe(0);
  await methods.report('traffic');
  expect(reports).toEqual(['traffic']);
});
