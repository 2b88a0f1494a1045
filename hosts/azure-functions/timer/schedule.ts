// The schedules of timer triggers: NCRONTAB expressions and plain intervals, in UTC.
import { parseTimeSpan } from '../host-json.ts';

/** When a timer fires. */
export interface Schedule {
  /** The first moment strictly after `after` (both in ms since the epoch). */
  next(after: number): number;
}

/** The fields in order, each with its bounds and the names it accepts. */
const FIELDS = [
  { name: 'second', least: 0, most: 59, names: [] },
  { name: 'minute', least: 0, most: 59, names: [] },
  { name: 'hour', least: 0, most: 23, names: [] },
  { name: 'day', least: 1, most: 31, names: [] },
  {
    name: 'month',
    least: 1,
    most: 12,
    names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  { name: 'day of week', least: 0, most: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
] as const;

type Field = (typeof FIELDS)[number];

/** Longer than this without a match means that the expression never matches, such as 30 February. */
const SEARCH_YEARS = 28;
const DAY_MS = 86_400_000;

/**
 * @param text six NCRONTAB fields (five: seconds are 0), or `hh:mm:ss` for a fixed interval
 * @throws Error saying which field is wrong
 */
export function parseSchedule(text: string): Schedule {
  const interval = text.includes(':') ? parseTimeSpan(text.trim()) : undefined;
  if (interval !== undefined && interval > 0) return { next: (after) => after + interval };
  const parts = text.trim().split(/\s+/);
  if (parts.length === 5) parts.unshift('0');
  if (parts.length !== FIELDS.length) {
    throw new Error(`The schedule "${text}" is neither an NCRONTAB expression of six fields nor a time span.`);
  }
  const sets = FIELDS.map((field, index) => parseField(field, parts[index] ?? '', text));
  return { next: (after) => nextMatch(sets, after, text) };
}

function parseField(field: Field, text: string, schedule: string): ReadonlySet<number> {
  const fail = (): never => {
    throw new Error(`The schedule "${schedule}" has "${text}" as its ${field.name}.`);
  };
  const number = (value: string): number => {
    const named = field.names.findIndex((name) => value.toLowerCase().startsWith(name));
    const parsed = named >= 0 ? named + field.least : /^\d+$/.test(value) ? Number(value) : Number.NaN;
    return parsed >= field.least && parsed <= field.most ? parsed : fail();
  };
  const values = new Set<number>();
  for (const item of text.split(',')) {
    const [range = '', stepText, ...rest] = item.split('/');
    const step = stepText === undefined ? 1 : Number(stepText);
    if (rest.length > 0 || !Number.isInteger(step) || step < 1 || range === '') fail();
    const [fromText = '', toText, ...more] = range.split('-');
    if (more.length > 0) fail();
    const from = range === '*' ? field.least : number(fromText);
    // A start with a step runs to the end of the field; without one it is a single value.
    const open = range === '*' || (toText === undefined && stepText !== undefined);
    const to = open ? field.most : toText === undefined ? from : number(toText);
    if (from > to) fail();
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return values;
}

/** NCRONTAB wants day *and* day of week to match, unlike Unix cron. */
function nextMatch(sets: readonly ReadonlySet<number>[], after: number, schedule: string): number {
  const [seconds, minutes, hours, days, months, weekdays] = sets;
  const has = (set: ReadonlySet<number> | undefined, value: number): boolean => set?.has(value) === true;
  let at = Math.floor(after / 1000) * 1000 + 1000;
  const giveUp = after + SEARCH_YEARS * 366 * DAY_MS;
  while (at < giveUp) {
    const date = new Date(at);
    if (!has(months, date.getUTCMonth() + 1)) {
      at = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
    } else if (!has(days, date.getUTCDate()) || !has(weekdays, date.getUTCDay())) {
      at = Math.floor(at / DAY_MS) * DAY_MS + DAY_MS;
    } else if (!has(hours, date.getUTCHours())) {
      at = Math.floor(at / 3_600_000) * 3_600_000 + 3_600_000;
    } else if (!has(minutes, date.getUTCMinutes())) {
      at = Math.floor(at / 60_000) * 60_000 + 60_000;
    } else if (!has(seconds, date.getUTCSeconds())) {
      at += 1000;
    } else {
      return at;
    }
  }
  throw new Error(`The schedule "${schedule}" never matches.`);
}
