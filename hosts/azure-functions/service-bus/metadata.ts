// Turns received messages into invocations, with the trigger metadata of the Service Bus extension, traps included.
import { randomUUID } from 'node:crypto';
import type { InvocationRequest, TypedData } from '../rpc.ts';

/** The parts of a received message that reach the app; `ServiceBusReceivedMessage` of the SDK has them all. */
export interface MessageView {
  readonly body: unknown;
  readonly messageId?: string | number | Buffer | undefined;
  readonly contentType?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly to?: string | undefined;
  readonly subject?: string | undefined;
  readonly correlationId?: string | number | Buffer | undefined;
  readonly sessionId?: string | undefined;
  readonly replyToSessionId?: string | undefined;
  readonly partitionKey?: string | undefined;
  readonly deadLetterSource?: string | undefined;
  readonly lockToken?: string | undefined;
  readonly applicationProperties?: Readonly<Record<string, unknown>> | undefined;
  /** Attempts before this one, as AMQP counts; Azure Functions counts from 1. */
  readonly deliveryCount?: number | undefined;
  readonly expiresAtUtc?: Date | undefined;
  readonly enqueuedTimeUtc?: Date | undefined;
  readonly sequenceNumber?: { toNumber(): number } | number | undefined;
}

/** How an invocation is to look. */
export interface Shape {
  readonly bindingName: string;
  readonly functionName: string;
  /** dataType `binary`: bodies arrive as Buffers. */
  readonly binary: boolean;
  readonly session: boolean;
  /** The capability IncludeEmptyEntriesInMessagePayload. */
  readonly includeEmpty: boolean;
  readonly now: number;
}

/** .NET's DateTime.MaxValue: a message that never expires. */
const FOREVER = '9999-12-31T23:59:59.9999999';

/** Texts that arrive as they are; the others of their kind end up in JSON. */
const TEXTS: readonly (readonly [string, (message: MessageView) => string | undefined])[] = [
  ['DeadLetterSource', (message) => message.deadLetterSource],
  ['LockToken', (message) => message.lockToken],
  ['MessageId', (message) => text(message.messageId)],
  ['ContentType', (message) => message.contentType],
  ['ReplyTo', (message) => message.replyTo],
  ['To', (message) => message.to],
  ['Subject', (message) => message.subject],
  ['Label', (message) => message.subject],
  ['CorrelationId', (message) => text(message.correlationId)],
  ['SessionId', (message) => message.sessionId],
  ['ReplyToSessionId', (message) => message.replyToSessionId],
  ['PartitionKey', (message) => message.partitionKey],
  ['TransactionPartitionKey', () => undefined],
];

/** Values that the extension serialises: numbers, times, dictionaries. */
const VALUES: readonly (readonly [string, (message: MessageView) => unknown])[] = [
  ['DeliveryCount', (message) => (message.deliveryCount ?? 0) + 1],
  ['ExpiresAtUtc', (message) => utc(message.expiresAtUtc, 'Z')],
  ['ExpiresAt', (message) => utc(message.expiresAtUtc, '+00:00')],
  ['EnqueuedTimeUtc', (message) => utc(message.enqueuedTimeUtc, 'Z')],
  ['EnqueuedTime', (message) => utc(message.enqueuedTimeUtc, '+00:00')],
  ['ApplicationProperties', (message) => message.applicationProperties ?? {}],
  ['UserProperties', (message) => message.applicationProperties ?? {}],
];

/** An invocation for one message (cardinality one). */
export function toSingleInvocation(message: MessageView, shape: Shape): InvocationRequest {
  const metadata = common(shape);
  for (const [name, read] of TEXTS) metadata[name] = optionalText(read(message));
  for (const [name, read] of VALUES) metadata[name] = json(read(message));
  metadata.SequenceNumber = json(sequenceNumber(message));
  const data: TypedData = shape.binary ? { bytes: bodyBytes(message.body) } : { string: bodyText(message.body) };
  return { inputData: [{ name: shape.bindingName, data }], triggerMetadata: metadata };
}

/** An invocation for a batch (cardinality many). */
export function toBatchInvocation(messages: readonly MessageView[], shape: Shape): InvocationRequest {
  const metadata = common(shape);
  for (const [name, read] of TEXTS) metadata[`${name}Array`] = collection(messages.map(read), shape.includeEmpty);
  for (const [name, read] of VALUES) metadata[`${name}Array`] = json(messages.map(read));
  metadata.SequenceNumberArray = { collectionSint64: { sint64: messages.map(sequenceNumber) } };
  const data: TypedData = shape.binary
    ? { collectionBytes: { bytes: messages.map((message) => bodyBytes(message.body)) } }
    : collection(
        messages.map((message) => bodyText(message.body)),
        shape.includeEmpty,
      );
  return { inputData: [{ name: shape.bindingName, data }], triggerMetadata: metadata };
}

/** Objects of the extension that mean nothing outside .NET; they arrive as empty objects, or null without a session. */
function common({ session, functionName, now }: Shape): Record<string, TypedData> {
  const sys = { MethodName: functionName, UtcNow: new Date(now).toISOString(), RandGuid: randomUUID() };
  return {
    MessageReceiver: json({}),
    MessageSession: session ? json({}) : {},
    MessageActions: json({}),
    SessionActions: session ? json({}) : {},
    ReceiveActions: json({}),
    Client: json({}),
    sys: json(sys),
  };
}

/** The host drops empty entries unless the worker asked for them, so that later ones move up. */
function collection(entries: readonly (string | undefined)[], includeEmpty: boolean): TypedData {
  const all = entries.map((entry) => entry ?? '');
  return { collectionString: { string: includeEmpty ? all : all.filter((entry) => entry !== '') } };
}

function optionalText(value: string | undefined): TypedData {
  return value === undefined ? {} : { string: value };
}

function json(value: unknown): TypedData {
  return { json: JSON.stringify(value) };
}

function text(value: string | number | Buffer | undefined): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : value.toString('hex');
}

function sequenceNumber({ sequenceNumber: value }: MessageView): number {
  return typeof value === 'object' ? value.toNumber() : (value ?? 0);
}

function utc(date: Date | undefined, zone: 'Z' | '+00:00'): string {
  if (date === undefined || Number.isNaN(date.getTime())) return FOREVER + zone;
  return date.toISOString().replace(/\.?0*Z$/, zone);
}

function bodyBytes(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  if (body instanceof Uint8Array) return Buffer.from(body);
  return Buffer.from(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''));
}

function bodyText(body: unknown): string {
  return typeof body === 'string' ? body : bodyBytes(body).toString('utf8');
}
