// Validates an event from a client: accepts it, or reports exactly what is wrong with it.

import { cutUtf8, jsonBytesAtMost, toWireJson, utf8Length } from '../lib/text.ts';
import type { EpochMs } from '../ports/clock.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { isJsonObject, type Json, type JsonObject } from '../ports/json.ts';
import { isJsonType, parseMediaType } from './media-type.ts';
import type { SchemaRegistry } from './registry.ts';
import { isSubject } from './subject.ts';
import { parseTime } from './time.ts';
import { readTraceparent } from './trace.ts';

/** The limits and forms of an event; the OpenAPI document states the same values. */
export const EVENT_LIMITS = {
  /** Bytes of an event's JSON. */
  eventBytes: 200 * 1024,
  /** Bytes of `id` and of `source`. */
  identityBytes: 256,
  /** Characters of `type`. */
  typeCharacters: 256,
  /** Characters of an extension attribute's name. */
  extensionNameCharacters: 64,
  /** How far ahead of the cell's clock `time` may lie, in milliseconds. */
  futureMs: 5 * 60 * 1000,
} as const;

/** CloudEvents 1.0, "Naming conventions": lower-case letters and digits. */
const EXTENSION_NAME = /^[a-z0-9]{1,64}$/;

/** Prefix of attributes that Polycell itself adds to messages; clients must not use it. */
export const RESERVED_PREFIX = 'polycell';

/** An absolute URI (RFC 3986, 4.3, plus a fragment): a scheme, then characters allowed in a URI. */
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;

/** CloudEvents 1.0, "Type system": characters not allowed in a String; a lone surrogate has no UTF-8 form, so strings could collide. */
const NO_TEXT = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;
const PLAIN_TEXT = /^[ -~]*$/;
const isText = (value: string): boolean => PLAIN_TEXT.test(value) || !NO_TEXT.test(value);

const LONE_SURROGATE = /\p{Cs}/u;

/** CloudEvents 1.0, "Type system": an Integer. */
const isInteger = (value: number): boolean => Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31;

export type RejectionCode =
  | 'invalid_event'
  | 'missing_attribute'
  | 'invalid_attribute'
  | 'unknown_type'
  | 'invalid_data'
  | 'unsupported_data_base64'
  | 'time_in_future'
  | 'event_too_large'
  | 'subject_full'
  | 'event_not_storable'
  | 'erased';

/** Why an event was rejected; `pointer` is a JSON pointer into the event as sent. */
export interface Rejection {
  readonly code: RejectionCode;
  readonly detail: string;
  readonly pointer?: string;
}

export type Acceptance =
  | { readonly accepted: true; readonly event: CloudEvent }
  | { readonly accepted: false; readonly rejection: Rejection };

export interface AcceptContext {
  readonly registry: SchemaRegistry;
  readonly now: EpochMs;
}

const reject = (code: RejectionCode, detail: string, pointer?: string): Acceptance => ({
  accepted: false,
  rejection: pointer === undefined ? { code, detail } : { code, detail, pointer },
});

/** Checks one candidate against all rules for events. An accepted event has a `traceparent` only if the client sent a readable one. */
export function acceptEvent(candidate: Json, context: AcceptContext): Acceptance {
  if (!isJsonObject(candidate)) return reject('invalid_event', 'An event is a JSON object.');
  const tooLarge = checkSize(candidate);
  if (tooLarge !== undefined) return tooLarge;
  const attributes = withoutNulls(candidate);
  const fault =
    checkRequired(attributes, context) ?? checkOptional(attributes) ?? checkData(attributes, context.registry);
  if (fault !== undefined) return { accepted: false, rejection: fault };
  const { traceparent: sent, ...rest } = attributes;
  const traceparent = readTraceparent(sent);
  return { accepted: true, event: { ...rest, ...(traceparent !== undefined && { traceparent }) } as CloudEvent };
}

/** Measures as the bus does: every accepted event must be publishable. Nearly all events are too small to need measuring. */
function checkSize(candidate: JsonObject): Acceptance | undefined {
  if (jsonBytesAtMost(candidate) <= EVENT_LIMITS.eventBytes) return undefined;
  const bytes = utf8Length(toWireJson(candidate));
  if (bytes <= EVENT_LIMITS.eventBytes) return undefined;
  return reject('event_too_large', `The event has ${bytes} bytes; an event holds at most ${EVENT_LIMITS.eventBytes}.`);
}

/** The identity of a candidate as repeated in its result: the text, or `null` where it has none. */
export function identityOf(candidate: Json): { id: string | null; source: string | null } {
  const text = (value: unknown) => (typeof value === 'string' ? cutUtf8(value, EVENT_LIMITS.identityBytes) : null);
  return isJsonObject(candidate)
    ? { id: text(candidate.id), source: text(candidate.source) }
    : { id: null, source: null };
}

/** CloudEvents JSON format: a null member is an unset attribute. */
function withoutNulls(candidate: JsonObject): JsonObject {
  if (!Object.values(candidate).includes(null)) return candidate;
  return Object.fromEntries(Object.entries(candidate).filter(([name, value]) => value !== null || name === 'data'));
}

function checkRequired(event: JsonObject, context: AcceptContext): Rejection | undefined {
  for (const name of ['specversion', 'id', 'source', 'type', 'subject', 'time']) {
    const value = event[name];
    if (value === undefined)
      return { code: 'missing_attribute', detail: `The attribute ${name} is required.`, pointer: `/${name}` };
    if (typeof value !== 'string')
      return { code: 'invalid_attribute', detail: `The attribute ${name} must be a text.`, pointer: `/${name}` };
  }
  const { specversion, id, source, type, subject, time } = event as Record<string, string>;
  if (specversion !== '1.0') return invalid('specversion', 'The attribute specversion must be "1.0".');
  for (const [name, value] of [
    ['id', id],
    ['source', source],
  ] as const) {
    const length = utf8Length(value ?? '');
    if (length < 1 || length > EVENT_LIMITS.identityBytes) {
      return invalid(
        name,
        `The attribute ${name} must have 1 to ${EVENT_LIMITS.identityBytes} bytes; it has ${length}.`,
      );
    }
    if (!isText(value ?? '')) return invalid(name, noText(name));
  }
  if (!context.registry.has(type ?? '')) {
    return {
      code: 'unknown_type',
      detail: `No schema is registered for the type ${JSON.stringify(cutUtf8(type ?? '', EVENT_LIMITS.typeCharacters))}.`,
      pointer: '/type',
    };
  }
  if (!isSubject(subject)) {
    return invalid(
      'subject',
      'The attribute subject must have 1 to 128 characters of A-Z a-z 0-9 . _ : ~ @ + - and be neither . nor ..',
    );
  }
  const instant = parseTime(time ?? '');
  if (instant === undefined)
    return invalid('time', 'The attribute time must be an RFC 3339 time such as 2026-11-21T07:41:03Z.');
  if (instant.epochMs > context.now + EVENT_LIMITS.futureMs) {
    return {
      code: 'time_in_future',
      detail: 'The attribute time lies more than 5 minutes in the future.',
      pointer: '/time',
    };
  }
  return undefined;
}

const noText = (name: string): string =>
  `The attribute ${name} holds a control character, a noncharacter, or half a surrogate pair.`;

const invalid = (name: string, detail: string): Rejection => ({
  code: 'invalid_attribute',
  detail,
  pointer: `/${name}`,
});

const KNOWN = new Set(['specversion', 'id', 'source', 'type', 'subject', 'time', 'data']);

function checkOptional(event: JsonObject): Rejection | undefined {
  for (const [name, value] of Object.entries(event)) {
    if (KNOWN.has(name)) continue;
    if (name === 'data_base64') {
      return {
        code: 'unsupported_data_base64',
        detail: 'The schema of this type takes no bytes: send data as JSON in the member data, not in data_base64.',
        pointer: '/data_base64',
      };
    }
    if (!EXTENSION_NAME.test(name)) {
      return {
        code: 'invalid_attribute',
        detail: 'An attribute name must have 1 to 64 lower-case letters and digits.',
        pointer: `/${escapePointer(name)}`,
      };
    }
    if (name.startsWith(RESERVED_PREFIX))
      return invalid(name, `Attributes whose name starts with ${RESERVED_PREFIX} are reserved.`);
    if (typeof value === 'object') return invalid(name, `The attribute ${name} must be a text, a number or a boolean.`);
    if (typeof value === 'number' && !isInteger(value))
      return invalid(name, `The attribute ${name} is a number, so it must be an integer of 32 bits.`);
    if (typeof value === 'string' && !isText(value)) return invalid(name, noText(name));
  }
  const { datacontenttype, dataschema } = event;
  const type = typeof datacontenttype === 'string' ? parseMediaType(datacontenttype) : undefined;
  if (datacontenttype !== undefined && (type === undefined || !isJsonType(type)))
    return invalid('datacontenttype', 'The attribute datacontenttype must be a JSON media type.');
  if (dataschema !== undefined && !(typeof dataschema === 'string' && ABSOLUTE_URI.test(dataschema)))
    return invalid('dataschema', 'The attribute dataschema must be an absolute URI.');
  return undefined;
}

function checkData(event: JsonObject, registry: SchemaRegistry): Rejection | undefined {
  if (event.data === undefined)
    return {
      code: 'invalid_data',
      detail: 'The member data is required by the schema of this type.',
      pointer: '/data',
    };
  const fault = registry.validate(event.type as string, event.data);
  if (fault !== undefined) return { code: 'invalid_data', detail: fault.detail, pointer: `/data${fault.pointer}` };
  const unkept = unkeptValue(event.data);
  return unkept === undefined
    ? undefined
    : {
        code: 'invalid_data',
        detail: 'A number is beyond the range of a double, or a text holds half a surrogate pair.',
        pointer: `/data${unkept}`,
      };
}

/**
 * The pointer to a value that would not be stored as sent: a number such as 1e400, which would become null, or a lone surrogate,
 * which has no UTF-8 form.
 */
function unkeptValue(value: Json | undefined): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : '';
  if (typeof value === 'string') return LONE_SURROGATE.test(value) ? '' : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, child] of Object.entries(value)) {
    const found = LONE_SURROGATE.test(name) ? '' : unkeptValue(child);
    if (found !== undefined) return `/${escapePointer(name)}${found}`;
  }
  return undefined;
}

const escapePointer = (name: string): string =>
  cutUtf8(name, EVENT_LIMITS.extensionNameCharacters).replaceAll('~', '~0').replaceAll('/', '~1');
