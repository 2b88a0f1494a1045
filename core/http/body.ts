// Request bodies: reads them within a limit, inflates them, decodes them strictly, and extracts the candidates of an ingest.
import { Refusal } from '../api/refusal.ts';
import { EVENT_LIMITS, type Rejection } from '../events/accept.ts';
import { attributeValue } from '../events/binary-mode.ts';
import { largeIntegers, type Path } from '../events/large-integers.ts';
import { isJsonType, isUtf8, type MediaType, parseMediaType } from '../events/media-type.ts';
import { cutUtf8 } from '../lib/text.ts';
import { INGEST_LIMITS } from '../pipeline/ingest.ts';
import type { Json } from '../ports/json.ts';
import type { ApiRequest } from './call.ts';
import { codingOf, inflate } from './content-coding.ts';
import { BODY_TYPE_HEADER } from './headers.ts';

/** Content types of CloudEvents over HTTP (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md). */
export const EVENT_MEDIA_TYPES = {
  structured: 'application/cloudevents+json',
  batch: 'application/cloudevents-batch+json',
  binary: 'application/json',
} as const;

const HEADER_PREFIX = 'ce-';

/** No real data is nested more deeply; the limit bounds recursion. */
export const MAXIMUM_DEPTH = 100;

/**
 * The body's bytes, inflated if compressed; throws the problem `payload_too_large` as soon as there are more than `limit`, before or
 * after inflating.
 */
export async function readBody(request: Pick<ApiRequest, 'headers' | 'body'>, limit: number): Promise<Uint8Array> {
  const { headers, body } = request;
  const coding = codingOf(headers.get('content-encoding'));
  if (Number(headers.get('content-length') ?? 0) > limit) throw tooLarge(limit);
  if (body === null) return new Uint8Array();
  // Not cancelled by a reader that stops early: what becomes of the rest is the host's decision, which knows whether the connection is kept.
  const chunks = body.values({ preventCancel: true }) as AsyncIterable<Uint8Array>;
  const sent = bounded(unbroken(chunks), limit);
  return collect(coding === undefined ? sent : bounded(inflate(coding, sent), limit));
}

const tooLarge = (limit: number) => new Refusal('payload_too_large', `A body holds at most ${limit} bytes.`);

async function* bounded(chunks: AsyncIterable<Uint8Array>, limit: number): AsyncIterable<Uint8Array> {
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > limit) throw tooLarge(limit);
    yield chunk;
  }
}

async function collect(all: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of all) {
    length += chunk.length;
    chunks.push(chunk);
  }
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

/** A client that disconnects in the middle of its body is not a failure of the cell. */
async function* unbroken(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch {
    throw new Refusal('invalid_body', 'The body broke off.');
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Parses a body as JSON; throws the problem `invalid_json` for anything else. */
export const parseJson = (bytes: Uint8Array): Json => parseText(decode(bytes));

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw new Refusal('invalid_json', 'The body is not UTF-8.');
    throw error;
  }
}

function parseText(text: string): Json {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) throw new Refusal('invalid_json', error.message);
    throw error;
  }
  if (isDeeperThan(value, MAXIMUM_DEPTH))
    throw new Refusal('invalid_json', `The body is nested more than ${MAXIMUM_DEPTH} levels deep.`);
  return value;
}

function isDeeperThan(value: Json | undefined, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((child) => isDeeperThan(child, levels - 1));
}

/** The contents of a request to `POST /v1/events`. */
export interface Candidates {
  /** The events, unchecked. */
  readonly candidates: readonly Json[];
  /** Faults that the parsed values do not show, by index of the event. */
  readonly faults: ReadonlyMap<number, Rejection>;
}

/** Reads the events of a request to `POST /v1/events`. */
export async function readCandidates(request: Pick<ApiRequest, 'headers' | 'body'>): Promise<Candidates> {
  const { headers } = request;
  const contentType = headers.get(BODY_TYPE_HEADER) ?? headers.get('content-type') ?? '';
  const mode = modeOf(parseMediaType(contentType), headers);
  const text = decode(await readBody(request, INGEST_LIMITS.requestBytes));
  const body = parseText(text);
  const large = largeIntegers(text);
  if (mode === 'binary') return fromHeaders(headers, contentType, body, large);
  if (mode === 'structured') return { candidates: [body], faults: faultsOf(large.map((path) => [0, ...path])) };
  if (!Array.isArray(body)) throw new Refusal('invalid_batch', 'A batch is a JSON array of events.');
  if (body.length < 1 || body.length > INGEST_LIMITS.events) {
    throw new Refusal(
      'invalid_batch',
      `A batch holds 1 to ${INGEST_LIMITS.events} events; this one has ${body.length}.`,
    );
  }
  return { candidates: body, faults: faultsOf(large) };
}

type Mode = 'structured' | 'batch' | 'binary';

function modeOf(type: MediaType | undefined, headers: Headers): Mode {
  const mode =
    type?.essence === EVENT_MEDIA_TYPES.structured
      ? 'structured'
      : type?.essence === EVENT_MEDIA_TYPES.batch
        ? 'batch'
        : type !== undefined && isJsonType(type) && hasAttributes(headers)
          ? 'binary'
          : undefined;
  if (type === undefined || mode === undefined) {
    throw new Refusal(
      'unsupported_media_type',
      `Send ${EVENT_MEDIA_TYPES.structured}, ${EVENT_MEDIA_TYPES.batch}, or ${EVENT_MEDIA_TYPES.binary} with ce- headers.`,
    );
  }
  if (!isUtf8(type)) throw new Refusal('unsupported_media_type', 'Send the body in UTF-8.');
  return mode;
}

const hasAttributes = (headers: Headers): boolean => [...headers.keys()].some((name) => name.startsWith(HEADER_PREFIX));

/** The first fault of each event; a path begins with the event's index. */
function faultsOf(large: readonly Path[]): ReadonlyMap<number, Rejection> {
  const faults = new Map<number, Rejection>();
  for (const [index, ...path] of large)
    if (typeof index === 'number' && !faults.has(index)) faults.set(index, largeInteger(path));
  return faults;
}

const largeInteger = (path: Path): Rejection => ({
  code: path[0] === 'data' ? 'invalid_data' : 'invalid_attribute',
  detail: 'An integer beyond ±2^53 would not be kept exactly: send it as a text.',
  pointer: path.map((step) => `/${escapeStep(step)}`).join(''),
});

/** A step of a JSON pointer (RFC 6901), cut to the length that an attribute's name may have. */
const escapeStep = (step: string | number): string =>
  cutUtf8(String(step), EVENT_LIMITS.extensionNameCharacters).replaceAll('~', '~0').replaceAll('/', '~1');

/** Binary mode: attributes are headers. */
function fromHeaders(headers: Headers, contentType: string, data: Json, large: readonly Path[]): Candidates {
  const attributes: [string, Json][] = [];
  let fault: Rejection | undefined;
  for (const [header, text] of headers) {
    if (!header.startsWith(HEADER_PREFIX)) continue;
    const name = header.slice(HEADER_PREFIX.length);
    const value = attributeValue(text);
    if (value !== undefined) attributes.push([name, value]);
    else
      fault ??= {
        code: 'invalid_attribute',
        detail: `The header ${cutUtf8(header, EVENT_LIMITS.extensionNameCharacters)} must be ASCII, with other characters percent-encoded as UTF-8.`,
        pointer: `/${escapeStep(name)}`,
      };
  }
  const [path] = large;
  if (fault === undefined && path !== undefined) fault = largeInteger(['data', ...path]);
  return {
    candidates: [Object.fromEntries([...attributes, ['datacontenttype', contentType], ['data', data]])],
    faults: new Map(fault === undefined ? [] : [[0, fault]]),
  };
}
