// Request bodies: read within a limit, decoded strictly, and turned into the candidates of an ingest.
import { INGEST_LIMITS } from '../pipeline/ingest.ts';
import type { Json } from '../ports/json.ts';
import type { ApiRequest } from './call.ts';
import { Problem } from './problem.ts';

/** Content types of CloudEvents over HTTP (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md). */
export const EVENT_MEDIA_TYPES = {
  structured: 'application/cloudevents+json',
  batch: 'application/cloudevents-batch+json',
  binary: 'application/json',
} as const;

const HEADER_PREFIX = 'ce-';

/** Deeper values than this are nobody's data, and recursion over them has an end. */
export const MAXIMUM_DEPTH = 100;

/** The body's bytes; the problem `payload_too_large` as soon as there are more than `limit`. */
export async function readBody(request: Pick<ApiRequest, 'headers' | 'body'>, limit: number): Promise<Uint8Array> {
  const refuse = () => new Problem('payload_too_large', `A body holds at most ${limit} bytes.`);
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw refuse();
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of unbroken(request.body as AsyncIterable<Uint8Array>)) {
    length += chunk.length;
    if (length > limit) throw refuse();
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

/** A client that goes away in the middle of its body is no failure of the cell. */
async function* unbroken(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch {
    throw new Problem('invalid_body', 'The body broke off.');
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A body as JSON; the problem `invalid_json` if it is none. */
export function parseJson(bytes: Uint8Array): Json {
  let value: Json;
  try {
    value = JSON.parse(decoder.decode(bytes)) as Json;
  } catch (error) {
    throw new Problem('invalid_json', error instanceof SyntaxError ? error.message : 'The body is not UTF-8.');
  }
  if (isDeeperThan(value, MAXIMUM_DEPTH))
    throw new Problem('invalid_json', `The body is nested more than ${MAXIMUM_DEPTH} levels deep.`);
  return value;
}

function isDeeperThan(value: Json | undefined, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((child) => isDeeperThan(child, levels - 1));
}

/** The events that a request to `POST /v1/events` carries, unchecked. */
export async function readCandidates(request: Pick<ApiRequest, 'headers' | 'body'>): Promise<readonly Json[]> {
  const contentType = request.headers.get('content-type') ?? '';
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase();
  const hasAttributes = [...request.headers.keys()].some((name) => name.startsWith(HEADER_PREFIX));
  const isBinary = mediaType === EVENT_MEDIA_TYPES.binary && hasAttributes;
  if (!isBinary && mediaType !== EVENT_MEDIA_TYPES.structured && mediaType !== EVENT_MEDIA_TYPES.batch) {
    throw new Problem(
      'unsupported_media_type',
      `Send ${EVENT_MEDIA_TYPES.structured}, ${EVENT_MEDIA_TYPES.batch}, or ${EVENT_MEDIA_TYPES.binary} with ce- headers.`,
    );
  }
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType)?.[1];
  if (charset !== undefined && charset.toLowerCase() !== 'utf-8')
    throw new Problem('unsupported_media_type', 'Send the body in UTF-8.');
  const body = parseJson(await readBody(request, INGEST_LIMITS.requestBytes));
  if (isBinary) return [fromHeaders(request.headers, contentType, body)];
  if (mediaType === EVENT_MEDIA_TYPES.structured) return [body];
  if (!Array.isArray(body)) throw new Problem('invalid_batch', 'A batch is a JSON array of events.');
  if (body.length < 1 || body.length > INGEST_LIMITS.events) {
    throw new Problem(
      'invalid_batch',
      `A batch holds 1 to ${INGEST_LIMITS.events} events; this one has ${body.length}.`,
    );
  }
  return body;
}

/** Binary mode: attributes are headers, percent-encoded where they are not printable ASCII. */
function fromHeaders(headers: Headers, contentType: string, data: Json): Json {
  const attributes: [string, Json][] = [];
  for (const [name, value] of headers) {
    if (name.startsWith(HEADER_PREFIX)) attributes.push([name.slice(HEADER_PREFIX.length), percentDecoded(value)]);
  }
  return Object.fromEntries([...attributes, ['datacontenttype', contentType], ['data', data]]);
}

function percentDecoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    if (error instanceof URIError) return value;
    throw error;
  }
}
