// Where `polycell send` takes its events from: a JSON Lines file, or readings made up on the spot.

import { READING_TYPE } from '../core/domains/telemetry/schemas.ts';
import { fingerprint } from '../core/events/cloud-event.ts';
import { parseTime } from '../core/events/time.ts';
import { linesOf } from './lines.ts';

/** An event to send, and where it comes from, for the report. */
export interface Outgoing {
  readonly line: number;
  readonly event: Readonly<Record<string, unknown>>;
}

/** A line that cannot be sent. */
export interface BadLine {
  readonly line: number;
  readonly reason: string;
}

/** Longer lines are no event: the cell takes 200 KiB. */
const LINE_BYTES = 1024 * 1024;

/**
 * Reads a file of CloudEvents or of bare readings, one JSON object a line. A bare reading has a device (`device` or `subject`), a
 * time (`time` or `timestamp`), a metric and a value; its identity is its content, so sending the file again changes nothing.
 * Empty lines are passed over. Rejects if the file cannot be read.
 */
export async function* fromFile(file: string): AsyncGenerator<Outgoing | BadLine> {
  for await (const { number, text, bytes } of linesOf(file, LINE_BYTES)) {
    if (text === undefined) {
      yield { line: number, reason: `it has ${bytes} bytes, more than any event` };
      continue;
    }
    const bare = number === 1 ? text.replace(/^\uFEFF/, '') : text;
    if (bare.trim() !== '') yield toOutgoing(number, bare);
  }
}

function toOutgoing(line: number, text: string): Outgoing | BadLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { line, reason: `it is not JSON: ${(error as SyntaxError).message}` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { line, reason: 'it is no JSON object' };
  const object = value as Record<string, unknown>;
  return 'specversion' in object ? { line, event: object } : fromReading(line, object);
}

function fromReading(line: number, reading: Record<string, unknown>): Outgoing | BadLine {
  const { device, subject = device, timestamp, time = timestamp, id, source, metric, value, unit, ...rest } = reading;
  const missing = Object.entries({ 'device (or subject)': subject, 'time (or timestamp)': time, metric, value }).filter(
    ([, given]) => given === undefined,
  );
  if (missing.length > 0)
    return {
      line,
      reason: `it is neither a CloudEvent nor a reading: ${missing.map(([name]) => name).join(', ')} missing`,
    };
  if (typeof time !== 'string' || parseTime(time) === undefined)
    return { line, reason: `its time ${JSON.stringify(time)} is not in RFC 3339, such as 2026-11-21T07:41:03Z` };
  const data = { metric, value, ...(unit !== undefined && { unit }), ...rest };
  return {
    line,
    event: {
      specversion: '1.0',
      type: READING_TYPE,
      source: source ?? 'urn:polycell:file',
      id: id ?? fingerprint(JSON.stringify([subject, time, metric, value, unit, rest])),
      subject,
      time,
      data,
    },
  };
}

export interface MadeUp {
  readonly count: number;
  readonly devices: number;
  /** The time of the last reading, in epoch milliseconds. */
  readonly now: number;
  /** Tells this run's readings from every other's. */
  readonly run: string;
}

/**
 * Makes up readings of temperature, one a second from each device, the last of them now. Values are multiples of a quarter,
 * which floating-point numbers hold exactly, so that whoever adds them up gets the same sum in any order.
 */
export function* madeUp({ count, devices, now, run }: MadeUp): Generator<Outgoing> {
  const rounds = Math.ceil(count / devices);
  for (let index = 0; index < count; index += 1) {
    const device = index % devices;
    const round = Math.floor(index / devices);
    const time = new Date(now - (rounds - 1 - round) * 1000).toISOString();
    const value = 20 + ((round * 7 + device * 3) % 40) / 4;
    yield {
      line: index + 1,
      event: {
        specversion: '1.0',
        type: READING_TYPE,
        source: `urn:polycell:send:${run}`,
        id: String(index + 1),
        subject: `device-${device + 1}`,
        time,
        data: { metric: 'temperature', value, unit: 'Cel' },
      },
    };
  }
}
