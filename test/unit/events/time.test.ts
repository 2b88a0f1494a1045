// RFC 3339 times: which texts are times, which instant they name, and that their sort keys sort like the instants.
import fc from 'fast-check';
import { formatTime, parseTime } from '../../../core/events/time.ts';
import { epochMs } from '../../../core/ports/clock.ts';
import { property } from '../../support/properties.ts';

test.each([
  ['whole seconds', '2026-11-21T07:41:03Z', '2026-11-21T07:41:03', 1_795_246_863_000],
  ['milliseconds', '2026-11-21T07:41:03.250Z', '2026-11-21T07:41:03.25', 1_795_246_863_250],
  ['a fraction of zeros', '2026-11-21T07:41:03.000Z', '2026-11-21T07:41:03', 1_795_246_863_000],
  ['nanoseconds', '2026-11-21T07:41:03.123456789Z', '2026-11-21T07:41:03.123456789', 1_795_246_863_123],
  ['18 digits', '2026-11-21T07:41:03.000000000000000001Z', '2026-11-21T07:41:03.000000000000000001', 1_795_246_863_000],
  ['an offset to the east', '2026-11-21T08:41:03+01:00', '2026-11-21T07:41:03', 1_795_246_863_000],
  ['an offset to the west', '2026-11-20T23:41:03-08:00', '2026-11-21T07:41:03', 1_795_246_863_000],
  ['an offset of minutes', '2026-11-21T13:26:03+05:45', '2026-11-21T07:41:03', 1_795_246_863_000],
  ['the largest offset', '2026-11-22T07:40:03+23:59', '2026-11-21T07:41:03', 1_795_246_863_000],
  ['the unknown offset', '2026-11-21T07:41:03-00:00', '2026-11-21T07:41:03', 1_795_246_863_000],
  ['lower-case letters', '2026-11-21t07:41:03z', '2026-11-21T07:41:03', 1_795_246_863_000],
  ['29 February of a leap year', '2028-02-29T00:00:00Z', '2028-02-29T00:00:00', 1_835_395_200_000],
  ['29 February of 2000', '2000-02-29T00:00:00Z', '2000-02-29T00:00:00', 951_782_400_000],
  ['a leap second', '2016-12-31T23:59:60Z', '2017-01-01T00:00:00', 1_483_228_800_000],
  ['a fraction of a leap second', '2016-12-31T23:59:60.5Z', '2017-01-01T00:00:00.5', 1_483_228_800_500],
  ['a leap second elsewhere', '2017-01-01T05:29:60+05:30', '2017-01-01T00:00:00', 1_483_228_800_000],
  ['before 1970', '1969-12-31T23:59:59.999Z', '1969-12-31T23:59:59.999', -1],
  ['the year 1', '0001-01-01T00:00:00Z', '0001-01-01T00:00:00', -62_135_596_800_000],
  ['the year 0', '0000-01-01T00:00:00Z', '0000-01-01T00:00:00', -62_167_219_200_000],
  ['the year 99', '0099-06-01T00:00:00Z', '0099-06-01T00:00:00', -59_029_948_800_000],
  ['the last second of 9999', '9999-12-31T23:59:59Z', '9999-12-31T23:59:59', 253_402_300_799_000],
])('reads %s', (_case, text, sortKey, instant) => {
  expect(parseTime(text)).toEqual({ sortKey, epochMs: instant });
});

test.each([
  ['nothing', ''],
  ['a date', '2026-11-21'],
  ['a missing offset', '2026-11-21T07:41:03'],
  ['a space for T', '2026-11-21 07:41:03Z'],
  ['30 February', '2026-02-30T00:00:00Z'],
  ['29 February of another year', '2026-02-29T00:00:00Z'],
  ['29 February of 1900', '1900-02-29T00:00:00Z'],
  ['31 April', '2026-04-31T00:00:00Z'],
  ['month 13', '2026-13-01T00:00:00Z'],
  ['month 0', '2026-00-01T00:00:00Z'],
  ['day 0', '2026-11-00T00:00:00Z'],
  ['hour 24', '2026-11-21T24:00:00Z'],
  ['minute 60', '2026-11-21T07:60:00Z'],
  ['second 61', '2026-11-21T07:41:61Z'],
  ['offset hour 24', '2026-11-21T07:41:03+24:00'],
  ['offset minute 60', '2026-11-21T07:41:03+01:60'],
  ['an offset without colon', '2026-11-21T07:41:03+0100'],
  ['a full stop without digits', '2026-11-21T07:41:03.Z'],
  ['a comma', '2026-11-21T07:41:03,5Z'],
  ['19 digits', '2026-11-21T07:41:03.1234567890123456789Z'],
  ['two digits of the year', '26-11-21T07:41:03Z'],
  ['five digits of the year', '12026-11-21T07:41:03Z'],
  ['a sign', '+2026-11-21T07:41:03Z'],
  ['a line break at the end', '2026-11-21T07:41:03Z\n'],
  ['white space around', ' 2026-11-21T07:41:03Z '],
  ['other digits', '２０２６-11-21T07:41:03Z'],
  ['an instant before the year 0', '0000-01-01T00:00:00+00:01'],
  ['an instant after the year 9999', '9999-12-31T23:59:59-00:01'],
  ['a leap second that ends the year 9999', '9999-12-31T23:59:60Z'],
  ['epoch milliseconds', '1795246863000'],
])('refuses %s', (_case, text) => {
  expect(parseTime(text)).toBeUndefined();
});

test('formats an instant in UTC with milliseconds', () => {
  expect(formatTime(epochMs(1_795_246_863_007))).toBe('2026-11-21T07:41:03.007Z');
});

/** An instant to 10^-18 s, and one of the ways to write it. */
interface Written {
  readonly attoseconds: bigint;
  readonly text: string;
}

const written = fc
  .record({
    minute: fc.integer({ min: 0, max: 4_000_000 }),
    second: fc.integer({ min: 0, max: 59 }),
    fraction: fc.oneof(fc.constant(''), fc.stringMatching(/^[0-9]{1,18}$/), fc.stringMatching(/^[059]{1,3}$/)),
    zeros: fc.integer({ min: 0, max: 3 }),
    offset: fc.integer({ min: -1439, max: 1439 }),
    lower: fc.boolean(),
  })
  .map(({ minute, second, fraction, zeros, offset, lower }): Written => {
    const digits = (fraction + (fraction === '' ? '' : '0'.repeat(zeros))).slice(0, 18);
    const utc = 1_794_000_000 + minute * 60 + second;
    const local = new Date((utc + offset * 60) * 1000).toISOString().slice(0, 19);
    const size = Math.abs(offset);
    const zone = `${offset < 0 ? '-' : '+'}${String(Math.floor(size / 60)).padStart(2, '0')}:${String(size % 60).padStart(2, '0')}`;
    const text = `${local}${digits === '' ? '' : `.${digits}`}${offset === 0 ? 'Z' : zone}`;
    return {
      attoseconds: BigInt(utc) * 10n ** 18n + BigInt(digits.padEnd(18, '0')),
      text: lower ? text.toLowerCase() : text,
    };
  });

const signOf = (difference: bigint) => (difference < 0n ? -1 : difference > 0n ? 1 : 0);

property(
  'sort keys that end in ! sort like the instants they name',
  fc.tuple(written, written),
  ([a, b]) => {
    const left = `${parseTime(a.text)?.sortKey}!`;
    const right = `${parseTime(b.text)?.sortKey}!`;
    const order = left < right ? -1 : left > right ? 1 : 0;
    expect(order).toBe(signOf(a.attoseconds - b.attoseconds));
  },
  1000,
);

property('a sort key is a time of its own with the same key', written, ({ text }) => {
  const sortKey = parseTime(text)?.sortKey ?? '';
  expect(parseTime(`${sortKey}Z`)?.sortKey).toBe(sortKey);
});

property('milliseconds are the instant, cut off', written, ({ text, attoseconds }) => {
  expect(parseTime(text)?.epochMs).toBe(Number(attoseconds / 10n ** 15n));
});

property(
  'a day is one exactly if the calendar has it',
  fc.record({
    year: fc.integer({ min: 0, max: 9999 }),
    month: fc.nat(14),
    day: fc.nat(33),
    zone: fc.constantFrom('Z', '+00:00'),
  }),
  ({ year, month, day, zone }) => {
    const pad = (value: number, digits: number) => String(value).padStart(digits, '0');
    const text = `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}T12:00:00`;
    const date = new Date(`${text}Z`);
    const exists = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
    expect(parseTime(text + zone)).toEqual(exists ? { sortKey: text, epochMs: date.getTime() } : undefined);
  },
  1000,
);

property('any text is a time or is refused, and never throws', fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
  expect(() => parseTime(text)).not.toThrow();
});
