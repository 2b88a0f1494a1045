// NCRONTAB expressions and time spans: the moments they name.
import { parseSchedule } from '../../timer/schedule.ts';

const after = (schedule: string, ...times: string[]): string[] =>
  times.map((time) => new Date(parseSchedule(schedule).next(Date.parse(time))).toISOString());

it.each([
  ['0 */5 * * * *', '2026-03-01T10:02:30Z', '2026-03-01T10:05:00.000Z'],
  ['0 */5 * * * *', '2026-03-01T10:05:00Z', '2026-03-01T10:10:00.000Z'],
  ['*/10 * * * * *', '2026-03-01T10:00:00.500Z', '2026-03-01T10:00:10.000Z'],
  ['*/5 * * * *', '2026-03-01T10:02:30Z', '2026-03-01T10:05:00.000Z'],
  ['0 30 9 * * Mon-Fri', '2026-03-06T09:30:00Z', '2026-03-09T09:30:00.000Z'],
  ['0 0 0 1 JAN,jul *', '2026-03-01T00:00:00Z', '2026-07-01T00:00:00.000Z'],
  ['0 0 0 1 Jan *', '2026-03-01T00:00:00Z', '2027-01-01T00:00:00.000Z'],
  ['59 59 23 31 12 *', '2026-12-31T23:59:59Z', '2027-12-31T23:59:59.000Z'],
  ['0 0 12 29 2 *', '2026-03-01T00:00:00Z', '2028-02-29T12:00:00.000Z'],
  // Day and weekday must both match: the next Friday the 13th.
  ['0 0 0 13 * 5', '2026-03-14T00:00:00Z', '2026-11-13T00:00:00.000Z'],
  ['0 10/20 * * * *', '2026-03-01T10:11:00Z', '2026-03-01T10:30:00.000Z'],
  ['0 0 8-18/4 * * *', '2026-03-01T12:30:00Z', '2026-03-01T16:00:00.000Z'],
  ['00:01:30', '2026-03-01T10:00:00Z', '2026-03-01T10:01:30.000Z'],
  ['1.00:00:00', '2026-03-01T10:00:00Z', '2026-03-02T10:00:00.000Z'],
])('%s after %s is %s', (schedule, time, expected) => {
  expect(after(schedule, time)).toEqual([expected]);
});

it.each([
  ['61 * * * * *', 'has "61" as its second'],
  ['* * * 0 * *', 'has "0" as its day'],
  ['* * * * 13 *', 'has "13" as its month'],
  ['* * * * * 7', 'has "7" as its day of week'],
  ['* * * * * Caturday', 'has "Caturday" as its day of week'],
  ['*/0 * * * * *', 'has "*/0" as its second'],
  ['5-1 * * * * *', 'has "5-1" as its second'],
  ['1,,2 * * * * *', 'has "1,,2" as its second'],
  ['* * * ? * *', 'has "?" as its day'],
  ['* * *', 'neither an NCRONTAB expression'],
  ['00:00:00', 'neither an NCRONTAB expression'],
])('%s is refused', (schedule, message) => {
  expect(() => parseSchedule(schedule)).toThrow(message);
});

it('says so when nothing ever matches', () => {
  expect(() => parseSchedule('0 0 0 30 2 *').next(0)).toThrow('never matches');
});
