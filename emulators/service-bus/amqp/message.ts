// A message as bytes: taken apart far enough to route and store it, and put together again for delivery.
import { randomBytes } from 'node:crypto';
import { CONDITION, ServiceBusError } from '../errors.ts';
import { described, type Encodable, encode, list, raw, Writer } from './encode.ts';
import { DecodeError, Reader, type Value } from './values.ts';

/** Descriptors of the sections. */
export const SECTION = {
  header: 0x70,
  deliveryAnnotations: 0x71,
  messageAnnotations: 0x72,
  properties: 0x73,
  applicationProperties: 0x74,
  data: 0x75,
} as const;

/** Positions in the properties section. */
export const PROPERTY = {
  messageId: 0,
  userId: 1,
  to: 2,
  subject: 3,
  replyTo: 4,
  correlationId: 5,
  contentType: 6,
  contentEncoding: 7,
  absoluteExpiry: 8,
  creation: 9,
  groupId: 10,
  groupSequence: 11,
  replyToGroupId: 12,
} as const;

const NAMES = new Map<string, number>([
  ['amqp:header:list', SECTION.header],
  ['amqp:delivery-annotations:map', SECTION.deliveryAnnotations],
  ['amqp:message-annotations:map', SECTION.messageAnnotations],
  ['amqp:properties:list', SECTION.properties],
  ['amqp:application-properties:map', SECTION.applicationProperties],
  ['amqp:data:binary', SECTION.data],
]);

/** Annotations that only the service may set. */
const SERVICE_ANNOTATIONS = new Set([
  'x-opt-sequence-number',
  'x-opt-enqueued-time',
  'x-opt-locked-until',
  'x-opt-enqueue-sequence-number',
  'x-opt-message-state',
  'x-opt-deadletter-source',
]);

/** Entries of a map, each value still encoded so that its type survives. */
export type RawMap = ReadonlyMap<string, Buffer>;

/** The place of a content in the journal: the file it is in, and its number there. */
export interface JournalPlace {
  readonly snapshot: number;
  readonly id: number;
}

const NOT_WRITTEN: JournalPlace = { snapshot: -1, id: 0 };

/** The parts of a message that travel unchanged with it. Immutable: a change makes a new one. */
export class MessageContent {
  readonly durable: boolean;
  readonly priority: number;
  readonly ttlMs: number | undefined;
  readonly annotations: RawMap;
  /** Properties, application properties, body and footer, as they are sent. */
  readonly tail: Buffer;
  private readonly applicationStart: number;
  private readonly applicationEnd: number;
  private propertyCache: readonly Value[] | undefined;
  private applicationCache: ReadonlyMap<string, Value> | undefined;
  /** Where the content is in the journal, once it has been written there. */
  journalId: JournalPlace = NOT_WRITTEN;

  constructor(parts: ContentParts) {
    this.durable = parts.durable;
    this.priority = parts.priority;
    this.ttlMs = parts.ttlMs;
    this.annotations = parts.annotations;
    this.tail = Buffer.concat([parts.properties, parts.application, parts.body]);
    this.applicationStart = parts.properties.length;
    this.applicationEnd = this.applicationStart + parts.application.length;
  }

  /** The fields of the properties section, in the order of `PROPERTY`. */
  get properties(): readonly Value[] {
    this.propertyCache ??= this.decodeProperties();
    return this.propertyCache;
  }

  get applicationProperties(): ReadonlyMap<string, Value> {
    this.applicationCache ??= new Map(
      [...this.rawApplicationProperties()].map(([name, bytes]) => [name, new Reader(bytes).read()]),
    );
    return this.applicationCache;
  }

  get messageId(): string {
    return String(this.properties[PROPERTY.messageId] ?? '');
  }

  get sessionId(): string | undefined {
    const value = this.properties[PROPERTY.groupId];
    return typeof value === 'string' ? value : undefined;
  }

  get partitionKey(): string | undefined {
    const bytes = this.annotations.get('x-opt-partition-key');
    const value = bytes === undefined ? undefined : new Reader(bytes).read();
    return typeof value === 'string' ? value : undefined;
  }

  /** When the sender wants the message to become available. */
  get scheduledFor(): number | undefined {
    const bytes = this.annotations.get('x-opt-scheduled-enqueue-time');
    const value = bytes === undefined ? undefined : new Reader(bytes).read();
    if (value instanceof Date) return value.getTime();
    return typeof value === 'number' ? value : undefined;
  }

  /** The body alone, with its section constructors. */
  get body(): Buffer {
    return this.tail.subarray(this.applicationEnd);
  }

  /** A copy in which application properties, or property fields, are set (a value) or removed (undefined). */
  with(
    application: ReadonlyMap<string, Encodable>,
    fields: ReadonlyMap<number, Encodable> = new Map(),
  ): MessageContent {
    const entries = new Map<string, Encodable>();
    for (const [name, bytes] of this.rawApplicationProperties()) entries.set(name, raw(bytes));
    for (const [name, value] of application) {
      if (value === undefined) entries.delete(name);
      else entries.set(name, value);
    }
    const properties = fields.size === 0 ? this.tail.subarray(0, this.applicationStart) : this.replaceFields(fields);
    return new MessageContent({
      durable: this.durable,
      priority: this.priority,
      ttlMs: this.ttlMs,
      annotations: this.annotations,
      properties,
      application: entries.size === 0 ? Buffer.alloc(0) : encodeApplication([...entries]),
      body: this.body,
    });
  }

  /** The same message with another time to live; `Infinity` means none. */
  withTtl(ttlMs: number): MessageContent {
    const own = this.ttlMs ?? Number.POSITIVE_INFINITY;
    if (own === ttlMs) return this;
    const copy: MessageContent = Object.create(MessageContent.prototype);
    return Object.assign(copy, this, {
      ttlMs: ttlMs === Number.POSITIVE_INFINITY ? undefined : ttlMs,
      journalId: NOT_WRITTEN,
    });
  }

  private *rawApplicationProperties(): Generator<[string, Buffer]> {
    if (this.applicationEnd === this.applicationStart) return;
    yield* rawMapEntries(new Reader(this.tail, this.applicationStart));
  }

  private decodeProperties(): Value[] {
    if (this.applicationStart === 0) return [];
    const reader = new Reader(this.tail.subarray(0, this.applicationStart));
    reader.position = 1;
    reader.skip();
    const value = reader.read();
    return Array.isArray(value) ? value : [];
  }

  private replaceFields(fields: ReadonlyMap<number, Encodable>): Buffer {
    const current = this.applicationStart === 0 ? [] : rawFields(this.tail.subarray(0, this.applicationStart));
    return encodeProperties(current, fields);
  }
}

interface ContentParts {
  readonly durable: boolean;
  readonly priority: number;
  readonly ttlMs: number | undefined;
  readonly annotations: RawMap;
  readonly properties: Buffer;
  readonly application: Buffer;
  readonly body: Buffer;
}

/** Takes a single message apart. A message without an id is given one, as the service does. */
export function parseMessage(received: Buffer): MessageContent {
  // The bytes belong to a socket buffer that is far larger than the message; a copy lets go of it.
  const bytes = Buffer.from(received);
  const parts = {
    durable: false,
    priority: 4,
    ttlMs: undefined as number | undefined,
    annotations: new Map<string, Buffer>(),
    properties: undefined as Buffer | undefined,
    application: Buffer.alloc(0),
  };
  let body = bytes.length;
  const reader = new Reader(bytes);
  try {
    while (reader.more && body === bytes.length) {
      const start = reader.position;
      if (bytes[start] !== 0) throw new DecodeError('a message section without a descriptor');
      reader.position++;
      const descriptor = reader.read();
      const code = typeof descriptor === 'string' ? (NAMES.get(descriptor) ?? SECTION.data) : descriptor;
      switch (code) {
        case SECTION.header: {
          const header = reader.read();
          if (!Array.isArray(header)) break;
          parts.durable = header[0] === true;
          if (typeof header[1] === 'number') parts.priority = header[1];
          if (typeof header[2] === 'number') parts.ttlMs = header[2];
          break;
        }
        case SECTION.deliveryAnnotations:
          reader.skip();
          break;
        case SECTION.messageAnnotations:
          for (const [key, value] of rawMapEntries(new Reader(bytes, start)))
            if (!SERVICE_ANNOTATIONS.has(key)) parts.annotations.set(key, value);
          reader.skip();
          break;
        case SECTION.properties:
          reader.skip();
          parts.properties = bytes.subarray(start, reader.position);
          break;
        case SECTION.applicationProperties:
          reader.skip();
          parts.application = bytes.subarray(start, reader.position);
          break;
        default:
          body = start;
      }
    }
  } catch (error) {
    if (error instanceof DecodeError) throw new ServiceBusError(CONDITION.decodeError, error.message);
    throw error;
  }
  return new MessageContent({ ...parts, properties: withMessageId(parts.properties), body: bytes.subarray(body) });
}

/** The entries of a described map, their values still encoded. */
export function* rawMapEntries(reader: Reader): Generator<[string, Buffer]> {
  reader.position++;
  reader.skip();
  yield* rawEntries(reader);
}

/** The entries of a plain map, their values still encoded. */
export function* rawEntries(reader: Reader): Generator<[string, Buffer]> {
  const { count } = reader.openMap();
  for (let index = 0; index < count; index += 2) {
    const key = reader.read();
    yield [String(key), reader.readWithBytes().bytes];
  }
}

function rawFields(section: Buffer): Buffer[] {
  const reader = new Reader(section, 1);
  reader.skip();
  const { count } = reader.openList();
  return Array.from({ length: count }, () => reader.readWithBytes().bytes);
}

function withMessageId(properties: Buffer | undefined): Buffer {
  const fields = properties === undefined ? [] : rawFields(properties);
  const [id] = fields;
  if (properties !== undefined && id !== undefined && id[0] !== 0x40) return properties;
  return encodeProperties(fields, new Map([[PROPERTY.messageId, randomBytes(16).toString('hex')]]));
}

function encodeProperties(current: readonly Buffer[], changes: ReadonlyMap<number, Encodable>): Buffer {
  const fields: Encodable[] = current.map((bytes) => raw(bytes));
  for (const [index, value] of changes) {
    while (fields.length <= index) fields.push(null);
    fields[index] = value ?? null;
  }
  return encode(described(SECTION.properties, list(fields)));
}

function encodeApplication(entries: readonly (readonly [string, Encodable])[]): Buffer {
  const writer = new Writer();
  writer.byte(0);
  writer.byte(0x53);
  writer.byte(SECTION.applicationProperties);
  writer.sized(0xd1, entries.length * 2, () => {
    for (const [key, value] of entries) writer.write(key).write(value);
  });
  return writer.finish();
}
