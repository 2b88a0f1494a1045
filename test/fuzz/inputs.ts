// Structured inputs for the HTTP API: requests that are nearly right, made from a seed, so that each can be made again.
import { deflateSync, gzipSync } from 'node:zlib';
import { ask, type Caller, chance, type RequestStep, TYPES } from '../parity/recording.ts';

type Body = string | Uint8Array;

/** Values in the place of a member, a parameter or a header. */
const ODD: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  '',
  ' ',
  '0',
  'null',
  '\u0000',
  '\ud800',
  '\ufffe',
  'ü'.repeat(64),
  '😀',
  'a|b',
  '../..',
  '%00',
  "'; --",
  '__proto__',
  'constructor',
  'x'.repeat(300),
  'x'.repeat(5000),
  [],
  [[]],
  {},
  { '': '' },
  { a: { b: { c: [1, { d: null }] } } },
];

const TIMES: readonly unknown[] = [
  '2026-11-21T07:41:00Z',
  '2026-11-21T07:41:00.123456789Z',
  '2026-11-21t07:41:00z',
  '2026-11-21T07:41:00+14:00',
  '2026-11-21T07:41:60Z',
  '2026-02-30T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
  '2026-11-21',
  'now',
  1_795_246_860,
];

const MEMBERS = [
  'id',
  'source',
  'type',
  'subject',
  'time',
  'specversion',
  'data',
  'datacontenttype',
  'traceparent',
  'extra',
];
const PARAMETERS = ['limit', 'cursor', 'from', 'to', 'metric', 'order', 'window', 'consumer', 'tenant', 'x'];
const READS = [
  '/v1/devices',
  '/v1/devices/pump-1',
  '/v1/devices/pump-1/readings',
  '/v1/devices/pump-1/rollups',
  '/v1/alerts',
  '/v1/parked',
  '/v1/conflicts',
  '/v1/log',
  '/v1/log/digest',
  '/v1/nothing',
];
const OPERATIONS = ['/v1/parked/redrive', '/v1/parked/drop', '/v1/parked'];
const METHODS = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'POST'] as const;
const CONTENT_TYPES = [
  ...Object.values(TYPES),
  'text/plain',
  'application/cloudevents+json; charset=utf-8',
  'application/cloudevents+json;charset=latin1',
  'application/cloudevents-batch+json; x="y',
  'application/octet-stream',
  'multipart/form-data; boundary=x',
  '',
];

/** The input of a number: the same for the same seed, whatever came before. Its tenant is that of its lane. */
export function inputOf(seed: number, number: number, lane: number): RequestStep {
  const next = chance((Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) | 1);
  // The first numbers of neighbouring seeds are alike.
  for (let warm = 0; warm < 8; warm += 1) next();
  const below = (bound: number) => Math.floor(next() * bound);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const odd = () => pick(ODD);
  const writer: Caller = { tenant: `fuzz-${lane}` };
  const reader: Caller = { tenant: 'fuzz-reader' };
  const name = `input ${number} of seed ${seed}`;

  const event = (index: number): Record<string, unknown> => {
    const made: Record<string, unknown> = {
      specversion: '1.0',
      type: 'io.polycell.reading.v1',
      source: 'urn:fuzz',
      id: `f-${number}-${index}`,
      subject: `pump-${below(4)}`,
      time: pick(TIMES),
      data: { metric: pick(['temperature', 'x'.repeat(128), 'ü']), value: below(1000) / 8 },
    };
    for (let changes = below(4); changes > 0; changes -= 1) {
      const member = pick(MEMBERS);
      const how = below(4);
      if (how === 0) delete made[member];
      else if (how === 1) made[String(odd()).slice(0, 20)] = odd();
      else if (how === 2) made.data = { ...(made.data as object), [pick(['metric', 'value', 'unit', 'more'])]: odd() };
      else made[member] = odd();
    }
    return made;
  };

  const damaged = (text: string): Body => {
    switch (below(10)) {
      case 0:
        return text.slice(0, below(text.length + 1));
      case 1:
        return `\ufeff${text}`;
      case 2:
        return Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xc0, below(256)])]);
      case 3:
        return `${'['.repeat(below(200))}${text}`;
      case 4:
        return text.replace(/\d+/, '9007199254740993');
      default:
        return text;
    }
  };

  const ingest = (): RequestStep => {
    const isBatch = next() < 0.5;
    const events = Array.from({ length: isBatch ? below(6) : 1 }, (_, index) => event(index));
    if (events.length > 1 && next() < 0.2) events.push(events[0] as Record<string, unknown>);
    let body = damaged(JSON.stringify(isBatch ? events : events[0]));
    const type = next() < 0.8 ? (isBatch ? TYPES.batch : TYPES.one) : pick(CONTENT_TYPES);
    const headers: Record<string, string> = { 'content-type': type };
    const coding = below(12);
    if (coding < 3) {
      headers['content-encoding'] = pick(['gzip', 'deflate', 'gzip', 'br', 'identity']);
      body = headers['content-encoding'] === 'deflate' ? deflateSync(body) : gzipSync(body);
      if (coding === 0) body = body.subarray(0, below(body.length + 1));
    }
    return ask('ingest', writer, 'POST', '/v1/events', { name, headers, body, chunked: next() < 0.2 });
  };

  const binary = (): RequestStep => {
    const headers: Record<string, string> = { 'content-type': next() < 0.8 ? TYPES.binary : pick(CONTENT_TYPES) };
    for (const [member, value] of Object.entries(event(0)))
      if (member !== 'data' && typeof value !== 'object' && /^[a-z0-9]+$/.test(member) && value !== '')
        headers[`ce-${member}`] = inHeader(value);
    const body = damaged(JSON.stringify({ metric: 'temperature', value: next() < 0.8 ? below(100) : odd() }));
    return ask('binary', writer, 'POST', '/v1/events', { name, headers, body, chunked: next() < 0.2 });
  };

  const query = (): string => {
    const parts = Array.from({ length: below(4) }, () => {
      const value = pick<() => unknown>([
        odd,
        () => below(2000) - 5,
        () => pick(TIMES),
        () => btoa(JSON.stringify([below(9), 'x'])),
      ])();
      return `${pick(PARAMETERS)}=${percent(value, next() < 0.9)}`;
    });
    return parts.length === 0 ? '' : `?${parts.join(pick(['&', '&', '&&', '?']))}`;
  };

  const read = (): RequestStep => {
    const path =
      next() < 0.7 ? pick(READS) : `/v1/devices/${percent(odd(), true)}${pick(['', '/', '/readings', '//'])}`;
    return ask('read', reader, next() < 0.9 ? 'GET' : pick(METHODS), path + query(), { name });
  };

  const operate = (): RequestStep => {
    const body = damaged(JSON.stringify(next() < 0.5 ? { [pick(['consumer', 'ids', 'all', 'x'])]: odd() } : odd()));
    const headers = { 'content-type': pick(['application/json', ...CONTENT_TYPES]) };
    return ask('operate', reader, pick(METHODS), pick(OPERATIONS) + query(), { name, headers, body });
  };

  return pick([ingest, ingest, ingest, binary, read, read, operate])();
}

/** A value as a header can have it: characters of one byte, and no control characters. */
const inHeader = (value: unknown): string => encodeURI(wellFormed(String(value), 400));

/** Lone surrogates have no percent encoding, nor has half of a pair. */
const wellFormed = (text: string, length: number): string => Buffer.from(text.slice(0, length)).toString();

function percent(value: unknown, whole: boolean): string {
  const text = encodeURIComponent(wellFormed(typeof value === 'string' ? value : JSON.stringify(value), 600));
  return whole ? text : text.slice(0, -1);
}
