// Built-in date functions on ISO 8601 text with 100-nanosecond digits, timestamps (ms) and ticks (100 ns);
// what they return is in https://learn.microsoft.com/cosmos-db/query/date-time-functions.
import type { Value } from '../../json.ts';
import { type BuiltIn, type BuiltIns, fixed } from './types.ts';

const TICKS_PER_MS = 10_000n;

const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?(Z)?)?$/;

/** Ticks since 1970 of a date text, or undefined when it is not one. */
function ticksOf(text: Value): bigint | undefined {
  const match = typeof text === 'string' ? ISO.exec(text) : null;
  if (match === null) return undefined;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(ms);
  // Date.UTC rolls over; a 30th of February is refused instead.
  if (Number.isNaN(ms) || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23) return undefined;
  return BigInt(ms) * TICKS_PER_MS + BigInt((match[7] ?? '').padEnd(7, '0'));
}

function textOf(ticks: bigint): Value {
  const ms = floorDivide(ticks, TICKS_PER_MS);
  const date = new Date(Number(ms));
  if (Number.isNaN(date.getTime())) return undefined;
  const rest = (ticks - ms * TICKS_PER_MS).toString().padStart(4, '0');
  return `${date.toISOString().slice(0, -1)}${rest}Z`;
}

const floorDivide = (a: bigint, b: bigint): bigint => {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
};

/** Ticks in the parts of a date that have a fixed length. */
const PART_TICKS: Readonly<Record<string, bigint>> = {
  day: 864_000_000_000n,
  hour: 36_000_000_000n,
  minute: 600_000_000n,
  second: 10_000_000n,
  millisecond: 10_000n,
  microsecond: 10n,
};

const PART_NAMES: Readonly<Record<string, string>> = {
  year: 'year',
  yyyy: 'year',
  yy: 'year',
  month: 'month',
  mm: 'month',
  m: 'month',
  day: 'day',
  dd: 'day',
  d: 'day',
  hour: 'hour',
  hh: 'hour',
  minute: 'minute',
  mi: 'minute',
  n: 'minute',
  second: 'second',
  ss: 'second',
  s: 'second',
  millisecond: 'millisecond',
  ms: 'millisecond',
  microsecond: 'microsecond',
  mcs: 'microsecond',
  nanosecond: 'nanosecond',
  ns: 'nanosecond',
  weekday: 'weekday',
  dw: 'weekday',
  w: 'weekday',
};

const partName = (value: Value): string | undefined =>
  typeof value === 'string' ? PART_NAMES[value.toLowerCase()] : undefined;

function add([part, amount, text]: readonly Value[]): Value {
  const ticks = ticksOf(text);
  const name = partName(part);
  if (ticks === undefined || name === undefined || !Number.isInteger(amount)) return undefined;
  const count = Number(amount);
  if (name === 'year' || name === 'month') {
    const ms = floorDivide(ticks, TICKS_PER_MS);
    const date = new Date(Number(ms));
    const day = date.getUTCDate();
    date.setUTCDate(1);
    date.setUTCMonth(date.getUTCMonth() + (name === 'year' ? count * 12 : count));
    const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
    date.setUTCDate(Math.min(day, last));
    return Number.isNaN(date.getTime())
      ? undefined
      : textOf(BigInt(date.getTime()) * TICKS_PER_MS + (ticks - ms * TICKS_PER_MS));
  }
  if (name === 'nanosecond') return textOf(ticks + BigInt(Math.trunc(count / 100)));
  const size = PART_TICKS[name];
  return size === undefined ? undefined : textOf(ticks + size * BigInt(count));
}

function diff([part, from, to]: readonly Value[]): Value {
  const start = ticksOf(from);
  const end = ticksOf(to);
  const name = partName(part);
  if (start === undefined || end === undefined || name === undefined) return undefined;
  if (name === 'year' || name === 'month') {
    const a = new Date(Number(floorDivide(start, TICKS_PER_MS)));
    const b = new Date(Number(floorDivide(end, TICKS_PER_MS)));
    const years = b.getUTCFullYear() - a.getUTCFullYear();
    return name === 'year' ? years : years * 12 + b.getUTCMonth() - a.getUTCMonth();
  }
  if (name === 'nanosecond') return Number((end - start) * 100n);
  const size = PART_TICKS[name];
  // Boundaries crossed, as in SQL Server: 23:59 to 00:01 is one day.
  return size === undefined ? undefined : Number(floorDivide(end, size) - floorDivide(start, size));
}

function partOf([part, text]: readonly Value[]): Value {
  const ticks = ticksOf(text);
  if (ticks === undefined) return undefined;
  const date = new Date(Number(floorDivide(ticks, TICKS_PER_MS)));
  const fraction = Number(((ticks % 10_000_000n) + 10_000_000n) % 10_000_000n);
  switch (partName(part)) {
    case 'year':
      return date.getUTCFullYear();
    case 'month':
      return date.getUTCMonth() + 1;
    case 'day':
      return date.getUTCDate();
    case 'hour':
      return date.getUTCHours();
    case 'minute':
      return date.getUTCMinutes();
    case 'second':
      return date.getUTCSeconds();
    case 'millisecond':
      return date.getUTCMilliseconds();
    case 'microsecond':
      return Math.floor(fraction / 10);
    case 'nanosecond':
      return fraction * 100;
    case 'weekday':
      return date.getUTCDay() + 1;
    default:
      return undefined;
  }
}

function bin([text, part, size = 1, origin = '1970-01-01T00:00:00.0000000Z']: readonly Value[]): Value {
  const ticks = ticksOf(text);
  const start = ticksOf(origin);
  const unit = PART_TICKS[partName(part) ?? ''];
  if (ticks === undefined || start === undefined || unit === undefined) return undefined;
  if (!Number.isInteger(size) || Number(size) <= 0) return undefined;
  const width = unit * BigInt(Number(size));
  return textOf(start + floorDivide(ticks - start, width) * width);
}

function fromParts(args: readonly Value[]): Value {
  if (!args.every((part) => Number.isInteger(part))) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, fraction = 0] = args.map(Number);
  const two = (part: number): string => String(part).padStart(2, '0');
  const text = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}.${String(fraction).padStart(7, '0')}Z`;
  const ticks = ticksOf(text);
  return ticks === undefined ? undefined : textOf(ticks);
}

const now = (f: (ms: number) => Value): BuiltIn => fixed(0, (_, context) => f(context.now));
const dateTime = now((ms) => textOf(BigInt(ms) * TICKS_PER_MS));
const timestamp = now((ms) => ms);
const ticks = now((ms) => Number(BigInt(ms) * TICKS_PER_MS));

export const DATE_FUNCTIONS: BuiltIns = {
  GETCURRENTDATETIME: dateTime,
  GETCURRENTDATETIMESTATIC: dateTime,
  GETCURRENTTIMESTAMP: timestamp,
  GETCURRENTTIMESTAMPSTATIC: timestamp,
  GETCURRENTTICKS: ticks,
  GETCURRENTTICKSSTATIC: ticks,
  DATETIMEADD: fixed(3, add),
  DATETIMEDIFF: fixed(3, diff),
  DATETIMEPART: fixed(2, partOf),
  DATETIMEBIN: { min: 2, max: 4, call: bin },
  DATETIMEFROMPARTS: { min: 3, max: 7, call: fromParts },
  DATETIMETOTIMESTAMP: fixed(1, ([text]) => {
    const value = ticksOf(text);
    return value === undefined ? undefined : Number(floorDivide(value, TICKS_PER_MS));
  }),
  DATETIMETOTICKS: fixed(1, ([text]) => {
    const value = ticksOf(text);
    return value === undefined ? undefined : Number(value);
  }),
  TIMESTAMPTODATETIME: fixed(1, ([ms]) =>
    Number.isInteger(ms) ? textOf(BigInt(Number(ms)) * TICKS_PER_MS) : undefined,
  ),
  TICKSTODATETIME: fixed(1, ([value]) => (Number.isInteger(value) ? textOf(BigInt(Number(value))) : undefined)),
};
