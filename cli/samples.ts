// Where `polycell send` takes its events from: a JSON Lines file, or the samples of a domain.

import { application } from '../core/application.ts';
import type { Domain } from '../core/domain/domain.ts';
import { fingerprint } from '../core/events/cloud-event.ts';
import { parseTime } from '../core/events/time.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/ports/json.ts';
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

/** Longer lines cannot be events: the cell accepts 200 KiB. */
const LINE_BYTES = 1024 * 1024;

/**
 * Reads a file of CloudEvents, or of a domain's events in short form, one JSON object a line. The identity of a short event without
 * an id is its content, so sending the file again changes nothing. Empty lines are skipped. Rejects if the file cannot be read.
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
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    return { line, reason: `it is not JSON: ${(error as SyntaxError).message}` };
  }
  if (!isJsonObject(value)) return { line, reason: 'it is no JSON object' };
  return 'specversion' in value ? { line, event: value } : fromShort(line, value);
}

/** The first domain that can read the line; or why each domain cannot. */
function fromShort(line: number, object: JsonObject): Outgoing | BadLine {
  const reasons: string[] = [];
  for (const domain of application) {
    const short = domain.fromShort?.(object);
    if (short === undefined) continue;
    if (typeof short === 'string') {
      reasons.push(short);
      continue;
    }
    const { type, subject, time, data, id, source } = short;
    if (typeof time !== 'string' || parseTime(time) === undefined)
      return { line, reason: `its time ${JSON.stringify(time)} is not in RFC 3339, such as 2026-11-21T07:41:03Z` };
    const event = {
      specversion: '1.0',
      type,
      source: source ?? 'urn:polycell:file',
      id: id ?? fingerprint(JSON.stringify([type, subject, time, data])),
      subject,
      time,
      data,
    };
    return { line, event };
  }
  return { line, reason: reasons.join('; ') || 'it is not a CloudEvent' };
}

export interface MadeUp {
  readonly domain: Domain;
  readonly count: number;
  readonly subjects: number;
  /** The time of the last event, in epoch milliseconds. */
  readonly now: number;
  /** Distinguishes this run’s events from those of all others, by their source and by their ids. */
  readonly run: string;
}

/** Makes up events of a domain, one a second from each subject, the last of them now. */
export function* madeUp({ domain, count, subjects, now, run }: MadeUp): Generator<Outgoing> {
  const rounds = Math.ceil(count / subjects);
  for (let index = 0; index < count; index += 1) {
    const round = Math.floor(index / subjects);
    const { type, subject, data } = domain.sample(index % subjects, round);
    const time = new Date(now - (rounds - 1 - round) * 1000).toISOString();
    yield {
      line: index + 1,
      event: {
        specversion: '1.0',
        type,
        source: `urn:polycell:send:${run}`,
        id: `${run}-${index + 1}`,
        subject,
        time,
        data,
      },
    };
  }
}
