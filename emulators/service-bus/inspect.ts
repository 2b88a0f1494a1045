// What is inside the emulator, as plain objects for tests and for the control interface.
import { Described, Reader, Uuid, type Value } from './amqp/values.ts';
import type { Namespace } from './broker/namespace.ts';
import type { MessageStore } from './broker/store.ts';
import { entityNotFound } from './errors.ts';

/** One queue, subscription or dead-letter queue, or a topic's scheduled messages. */
export interface StoreSummary {
  readonly path: string;
  readonly active: number;
  readonly locked: number;
  readonly deferred: number;
  readonly scheduled: number;
  readonly sessions: number;
  readonly receivers: number;
  readonly sizeInBytes: number;
}

/** One message. */
export interface MessageSummary {
  readonly sequenceNumber: number;
  readonly messageId: string;
  readonly sessionId: string | undefined;
  readonly state: 'active' | 'deferred' | 'scheduled';
  readonly deliveryCount: number;
  readonly enqueuedTime: number;
  readonly lockedUntil: number | undefined;
  readonly expiresAt: number | undefined;
  readonly applicationProperties: Readonly<Record<string, unknown>>;
  /** Text, or base64 if the bytes are no text, of a data body; the decoded value of any other body. */
  readonly body: unknown;
}

/** Everything that holds messages. */
export function summarize(namespace: Namespace): StoreSummary[] {
  return [...namespace.stores()].map(summarizeStore);
}

function summarizeStore(store: MessageStore): StoreSummary {
  const counts = { active: 0, locked: 0, deferred: 0, scheduled: 0 };
  for (const message of store.messages.values()) counts[message.lock === undefined ? message.state : 'locked']++;
  return {
    path: store.path,
    ...counts,
    sessions: store.sessions?.records.size ?? 0,
    receivers: store.dispatcher.consumerCount,
    sizeInBytes: store.sizeInBytes,
  };
}

/** The messages at a path, by ascending sequence number. */
export function listMessages(namespace: Namespace, path: string, limit = 1_000): MessageSummary[] {
  const store = namespace.storeAt(path);
  if (store === undefined) throw entityNotFound(path);
  return store.peek(0, limit).map((message) => ({
    sequenceNumber: message.sequenceNumber,
    messageId: message.content.messageId,
    sessionId: message.content.sessionId,
    state: message.state,
    deliveryCount: message.deliveryCount,
    enqueuedTime: message.enqueuedTime,
    lockedUntil: message.lock?.until,
    expiresAt: Number.isFinite(message.expiresAt) ? message.expiresAt : undefined,
    applicationProperties: Object.fromEntries(
      [...message.content.applicationProperties].map(([name, value]) => [name, plain(value)]),
    ),
    body: plainBody(message.content.body),
  }));
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function plainBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const section = new Reader(body).read();
  return plain(section instanceof Described ? section.value : section);
}

function plain(value: Value): unknown {
  if (Buffer.isBuffer(value)) {
    try {
      return UTF8.decode(value);
    } catch (error) {
      if (error instanceof TypeError) return value.toString('base64');
      throw error;
    }
  }
  if (value instanceof Uuid || typeof value === 'bigint') return value.toString();
  if (value instanceof Described) return plain(value.value);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item)]));
  return Array.isArray(value) ? value.map(plain) : value;
}
