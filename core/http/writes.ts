// Serves the writes of the domains as routes: body, idempotency key and refusals are handled alike for all.
import { Refusal } from '../api/refusal.ts';
import type { Route } from '../api/route.ts';
import { object, text, time } from '../api/schema.ts';
import { bodyValidator, type Write, type WriteContext } from '../api/write.ts';
import type { Application } from '../domain/application.ts';
import { EVENT_LIMITS, type Rejection } from '../events/accept.ts';
import { largeIntegers } from '../events/large-integers.ts';
import { isJsonType, isUtf8, parseMediaType } from '../events/media-type.ts';
import { type CompiledValidator, schemaFault } from '../events/registry.ts';
import { isSubject } from '../events/subject.ts';
import { formatTime } from '../events/time.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import type { IngestSummary } from '../pipeline/ingest.ts';
import type { WriteCommand, WriteResult } from '../pipeline/write-once.ts';
import type { Clock } from '../ports/clock.ts';
import { PortError } from '../ports/errors.ts';
import type { Json } from '../ports/json.ts';
import type { Span } from '../ports/telemetry.ts';
import { parseJson, readBody } from './body.ts';
import { type Call, json, type RouteHandler } from './call.ts';
import { BODY_TYPE_HEADER } from './headers.ts';
import { readParameters } from './parameters.ts';
import type { StoresOf } from './reads.ts';

/** The header by which a client makes a write repeatable (draft-ietf-httpapi-idempotency-key-header). */
export const IDEMPOTENCY_HEADER = 'idempotency-key';

export const IDEMPOTENCY_LIMITS = {
  /** Characters of a key; a UUID has 36. */
  keyCharacters: 255,
} as const;

/** Conditions that are refused: a client that sends one relies on it. */
const CONDITIONS = ['if-match', 'if-none-match', 'if-unmodified-since'] as const;

/** The answer to a write. */
export const Written = object(['id', 'source', 'time', 'status'], {
  id: { ...text, description: 'Of the event that the write became.' },
  source: text,
  time,
  status: {
    type: 'string',
    enum: ['accepted', 'duplicate'],
    description: 'duplicate: the write was accepted before, under the same idempotency key.',
  },
});

/** The header of a write, for the OpenAPI document. */
export const idempotencyParameter = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Names the write: a repeat with the same key within a day is accepted once.',
  schema: { ...text, minLength: 1, maxLength: IDEMPOTENCY_LIMITS.keyCharacters },
} as const;

/** The routes of all writes, by name. */
export const writeRoutes = (application: Application): Readonly<Record<string, Route & Write>> =>
  Object.fromEntries(
    application.flatMap(({ writes }) =>
      writes.map((write) => [write.name, { ...write, scope: 'ingest' } as const] as const),
    ),
  );

export interface WriteDeps extends Pick<WriteContext, 'cell'> {
  readonly storesOf: (name: string) => StoresOf;
  readonly clock: Clock;
  readonly once: (command: WriteCommand) => Promise<WriteResult>;
  /** Notes what became of the event. */
  readonly noted: (span: Span, summary: IngestSummary) => void;
}

/** The handlers of all writes, by name. */
export const writeHandlers = (application: Application, deps: WriteDeps): Readonly<Record<string, RouteHandler>> =>
  Object.fromEntries(
    application.flatMap(({ writes, validators }) =>
      writes.map((write) => [write.name, writeHandler(write, validators[bodyValidator(write)], deps)] as const),
    ),
  );

function writeHandler(
  write: Write,
  validator: CompiledValidator | undefined,
  { storesOf, cell, clock, once, noted }: WriteDeps,
): RouteHandler {
  const notFound = ({ id }: Call) =>
    write.missing === undefined
      ? new Refusal<string>('not_found', 'Not found.')
      : new Refusal<string>(write.missing.code, write.missing.detail(id));
  return async (call) => {
    const { tenant, id, epoch, request, query, span } = call;
    const parameters = readParameters(write.parameters, query);
    const key = idempotencyKey(request.headers);
    const body = validator === undefined ? undefined : await bodyOf(call, validator);
    const subject = write.subject(id);
    if (!isSubject(id) || !isSubject(subject)) throw notFound(call);
    const result = await once({
      ...{ tenant, epoch, traceparent: span.traceparent },
      ...{ write: write.name, subject, key },
      request: canonicalJson([[...query].sort(), body ?? null] as Json),
      make: async () => {
        const now = clock.now();
        const context = { ...storesOf(write.name)(call), cell, epoch, now };
        const event = await write.toEvent({ tenant, id, parameters, body }, context);
        if (event === undefined) return undefined;
        const { type, data, extensions, time = formatTime(now) } = event;
        return { ...extensions, type, data, time };
      },
    });
    if (result.status === 'missing') throw notFound(call);
    if (result.status === 'reused')
      throw new Refusal('idempotency_key_reused', 'Send another key with another request, or the same request again.');
    const { event, summary } = result;
    noted(span, summary);
    const [found] = summary.results;
    if (found?.error !== undefined) throw refusalOf(found.error);
    return json(202, { id: event.id, source: event.source, time: event.time, status: found?.status });
  };
}

function idempotencyKey(headers: Headers): string | undefined {
  const condition = CONDITIONS.find((name) => headers.has(name));
  if (condition !== undefined)
    throw new Refusal('unsupported_condition', `Writes take no ${condition}: see GET /v1/conflicts for what collided.`);
  const given = headers.get(IDEMPOTENCY_HEADER);
  if (given === null) return undefined;
  // The draft writes it as a quoted text; most clients send it bare.
  const key = /^"(.*)"$/.exec(given)?.[1] ?? given;
  if (!/^[!-~]+$/.test(key) || key.length > IDEMPOTENCY_LIMITS.keyCharacters)
    throw new Refusal(
      'invalid_idempotency_key',
      `The header Idempotency-Key holds 1 to ${IDEMPOTENCY_LIMITS.keyCharacters} visible ASCII characters.`,
    );
  return key;
}

async function bodyOf({ request }: Call, validator: CompiledValidator): Promise<Json> {
  const { headers } = request;
  const type = parseMediaType(headers.get(BODY_TYPE_HEADER) ?? headers.get('content-type') ?? '');
  if (type === undefined || !isJsonType(type) || !isUtf8(type))
    throw new Refusal('unsupported_media_type', 'Send application/json in UTF-8.');
  const bytes = await readBody(request, EVENT_LIMITS.eventBytes);
  const body = parseJson(bytes);
  if (largeIntegers(new TextDecoder().decode(bytes)).length > 0)
    throw new Refusal('invalid_body', 'An integer beyond ±2^53 would not be kept exactly: send it as a text.');
  const fault = schemaFault(validator, body, 'body');
  if (fault !== undefined)
    throw new Refusal('invalid_body', `${fault.detail}.`, {
      errors: [{ pointer: fault.pointer, detail: `${fault.detail}.` }],
    });
  return body;
}

/** The refusal of a write whose event is rejected. */
function refusalOf({ code, detail }: Rejection): Refusal | PortError {
  if (code === 'event_too_large') return new Refusal('payload_too_large', detail);
  // The time is the cell's own: another process of it must have a clock that is far ahead.
  if (code === 'time_in_future') return new PortError('unavailable', 'The last write has a time far in the future.');
  return new Refusal('invalid_body', detail);
}
