// RFC 3339 times as text that sorts like the instants, at any precision that a client sends.
import { type EpochMs, epochMs } from '../ports/clock.ts';

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,18}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** An instant, as precise as it was sent. */
export interface Instant {
  /** Whole milliseconds; finer digits are truncated. */
  readonly epochMs: EpochMs;
  /**
   * UTC without the `Z` and without trailing zeros of the fraction: `2026-11-21T07:41:03.5`. All texts of an instant have the same
   * sort key, and if every key is followed by a character below `.`, keys sort like their instants.
   */
  readonly sortKey: string;
}

/** Parses an RFC 3339 time, or returns `undefined` for anything else, such as 30 February or a missing offset. */
export function parseTime(text: string): Instant | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour, offsetMinute] = match;
  const parts = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (parts[3] > 23 || parts[4] > 59 || parts[5] > 60 || Number(offsetHour ?? 0) > 23 || Number(offsetMinute ?? 0) > 59)
    return undefined;
  if (parts[2] < 1 || parts[2] > daysOf(parts[0], parts[1])) return undefined;
  const digits = fraction.replace(/0+$/, '');
  const milliseconds = Number(digits.slice(0, 3).padEnd(3, '0'));
  const behindSeconds = digits === '' ? '' : `.${digits}`;
  const isUtc = sign === undefined || (offsetHour === '00' && offsetMinute === '00');
  // Nearly all clients send UTC, which needs no calculation. `Date.UTC` maps the first hundred years to other years.
  if (isUtc && parts[5] < 60 && parts[0] >= 100) {
    return {
      epochMs: epochMs(Date.UTC(parts[0], parts[1] - 1, parts[2], parts[3], parts[4], parts[5], milliseconds)),
      sortKey: `${text.slice(0, 10)}T${text.slice(11, 19)}${behindSeconds}`,
    };
  }
  const date = new Date(Date.UTC(2000, 0, 1));
  date.setUTCFullYear(parts[0], parts[1] - 1, parts[2]);
  // A leap second (:60) rolls over into the next minute, as in POSIX time.
  const offset = (sign === '-' ? 1 : -1) * (Number(offsetHour ?? 0) * 60 + Number(offsetMinute ?? 0));
  date.setUTCHours(parts[3], parts[4] + offset, parts[5], 0);
  const seconds = date.toISOString();
  if (!/^\d{4}-/.test(seconds)) return undefined;
  return { epochMs: epochMs(date.getTime() + milliseconds), sortKey: seconds.slice(0, 19) + behindSeconds };
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** The number of days of a month, counted from 1; 0 for an invalid month. */
function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? 0);
}

/** The RFC 3339 text of an instant in milliseconds, in UTC. */
export const formatTime = (instant: EpochMs): string => new Date(instant).toISOString();
