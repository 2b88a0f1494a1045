// Builders for the unit tests of the Service Bus emulator: messages as bytes, and a broker with a clock that stands still.
import { described, type Encodable, encodable, encode, list, map, uint } from '../../amqp/encode.ts';
import { type MessageContent, PROPERTY, parseMessage } from '../../amqp/message.ts';
import type { Value } from '../../amqp/values.ts';
import { EmulatorClock } from '../../broker/clock.ts';
import type { Consumer } from '../../broker/dispatcher.ts';
import type { StoredMessage } from '../../broker/message.ts';
import { Namespace } from '../../broker/namespace.ts';
import type { HeldSession } from '../../broker/sessions.ts';

/** What a test says about a message. */
export interface MessageFields {
  readonly id?: string;
  readonly label?: string;
  readonly session?: string;
  readonly ttlMs?: number;
  readonly application?: Readonly<Record<string, Value>>;
  readonly body?: string;
}

/** An encoded message. */
export function messageBytes({ id, label, session, ttlMs, application, body = 'body' }: MessageFields = {}): Buffer {
  const properties: Encodable[] = Array.from({ length: PROPERTY.groupId + 1 }, () => null);
  properties[PROPERTY.messageId] = id ?? null;
  properties[PROPERTY.subject] = label ?? null;
  properties[PROPERTY.groupId] = session ?? null;
  return Buffer.concat([
    encode(described(0x70, list([false, null, ttlMs === undefined ? null : uint(ttlMs)]))),
    encode(described(0x73, list(properties))),
    encode(described(0x74, map(Object.entries(application ?? {}).map(([name, value]) => [name, encodable(value)])))),
    encode(described(0x75, Buffer.from(body))),
  ]);
}

/** A message taken apart. */
export function content(fields: MessageFields = {}): MessageContent {
  return parseMessage(messageBytes(fields));
}

export const START = 1_700_000_000_000;

/** A namespace whose clock stands still. */
export function frozenNamespace(): { namespace: Namespace; clock: EmulatorClock } {
  const clock = new EmulatorClock({ frozenAt: START });
  return { namespace: new Namespace(clock), clock };
}

/** A consumer that takes a given number of messages. */
export class TestConsumer implements Consumer {
  readonly received: StoredMessage[] = [];
  readonly destructive: boolean;
  session: HeldSession | undefined;
  credit: number;

  constructor(credit: number, destructive = false) {
    this.credit = credit;
    this.destructive = destructive;
  }

  get ready(): boolean {
    return this.credit > 0;
  }

  deliver(message: StoredMessage): void {
    this.credit--;
    this.received.push(message);
  }

  /** The bodies that came, without their section's three bytes. */
  get bodies(): string[] {
    return this.received.map((message) => bodyOf(message));
  }
}

/** The text of a message's body. */
export function bodyOf(message: { readonly content: MessageContent }): string {
  const DATA_SECTION_HEAD = 5;
  return message.content.body.subarray(DATA_SECTION_HEAD).toString();
}
