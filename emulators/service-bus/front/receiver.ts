// A client's receiver on a queue, subscription or dead-letter queue: deliveries out, settlements in.
import type { DeliveryState, Source } from '../amqp/connection.ts';
import { type Encodable, raw } from '../amqp/encode.ts';
import { STATE } from '../amqp/frames.ts';
import { rawEntries } from '../amqp/message.ts';
import type { OutgoingLink } from '../amqp/outgoing-link.ts';
import { Described, Reader, text } from '../amqp/values.ts';
import type { Consumer } from '../broker/dispatcher.ts';
import type { StoredMessage } from '../broker/message.ts';
import type { HeldSession, SessionHolder } from '../broker/sessions.ts';
import type { DeadLetterCause, MessageStore } from '../broker/store.ts';
import { asServiceBusError, CONDITION, ServiceBusError } from '../errors.ts';

/**
 * Between the loss of a session and the end of its link, in milliseconds: longer than a busy client takes to settle. That is answered with the loss; the
 * SDK would wait a minute for the answer to a settlement that crosses the link's end on the way.
 */
const FAREWELL_MS = 250;

/** The server's end of a receiver. */
export class Receiver implements Source, Consumer, SessionHolder {
  readonly store: MessageStore;
  readonly destructive: boolean;
  session: HeldSession | undefined;
  private link: OutgoingLink | undefined;
  private deliveries = 0;
  private lost: ServiceBusError | undefined;
  private farewell: NodeJS.Timeout | undefined;

  constructor(store: MessageStore, destructive: boolean) {
    this.store = store;
    this.destructive = destructive;
  }

  get ready(): boolean {
    const { settings } = this.store.owner;
    if (settings.status === 'Disabled' || settings.status === 'ReceiveDisabled') return false;
    return this.lost === undefined && this.link?.ready === true;
  }

  opened(link: OutgoingLink): void {
    this.link = link;
    this.store.dispatcher.subscribe(this);
  }

  demand(): void {
    // At once, not at the end of the turn: a drain request wants what is there now.
    this.store.dispatcher.pump();
  }

  deliver(message: StoredMessage): void {
    this.store.accessedAt = this.store.owner.clock.now();
    this.link?.send(message.encode(), message.lock?.tag ?? this.nextTag());
  }

  settle(tag: Buffer, state: DeliveryState): ServiceBusError | undefined {
    try {
      if (this.destructive) return undefined;
      if (this.lost !== undefined) return this.lost;
      this.apply(this.store.locked(tag.toString('latin1')), state);
      return undefined;
    } catch (error) {
      return asServiceBusError(error);
    }
  }

  sessionLost(error: ServiceBusError): void {
    this.lost = error;
    this.farewell = setTimeout(() => this.link?.close(error), FAREWELL_MS);
  }

  closed(): void {
    clearTimeout(this.farewell);
    this.store.dispatcher.unsubscribe(this);
    // Message locks outlive a plain receiver; a session does not outlive its receiver.
    if (this.session !== undefined) this.store.releaseSession(this.session);
  }

  private nextTag(): Buffer {
    const tag = Buffer.alloc(16);
    tag.writeUInt32BE(++this.deliveries, 12);
    return tag;
  }

  private apply(message: StoredMessage, state: DeliveryState): void {
    switch (state.descriptor) {
      case STATE.accepted:
        this.store.complete(message);
        return;
      case STATE.released:
        this.store.abandon(message, undefined, false);
        return;
      case STATE.modified: {
        const { undeliverable, properties } = readModified(state.bytes);
        if (undeliverable) this.store.defer(message, properties);
        else this.store.abandon(message, properties);
        return;
      }
      case STATE.rejected:
        if (this.store.owner.deadLetter === undefined)
          throw new ServiceBusError(
            CONDITION.notAllowed,
            'A message in a dead-letter queue cannot be dead-lettered again.',
          );
        this.store.deadLetter(message, readRejected(state.bytes));
        return;
      default:
        throw new ServiceBusError(CONDITION.notImplemented, `the delivery state 0x${state.descriptor.toString(16)}`);
    }
  }
}

/** Positions the reader at the first field of a described list and returns how many there are. */
function openDescribed(reader: Reader): number {
  reader.position++;
  reader.skip();
  return reader.openList().count;
}

function readModified(bytes: Buffer | undefined): { undeliverable: boolean; properties: Map<string, Encodable> } {
  const properties = new Map<string, Encodable>();
  if (bytes === undefined) return { undeliverable: false, properties };
  const reader = new Reader(bytes);
  const count = openDescribed(reader);
  if (count > 0) reader.skip();
  const undeliverable = count > 1 && reader.read() === true;
  if (count > 2 && bytes[reader.position] !== 0x40)
    for (const [name, value] of rawEntries(reader)) properties.set(name, raw(value));
  return { undeliverable, properties };
}

function readRejected(bytes: Buffer | undefined): DeadLetterCause {
  if (bytes === undefined) return {};
  const reader = new Reader(bytes);
  if (openDescribed(reader) === 0 || bytes[reader.position] === 0x40) return {};
  const count = openDescribed(reader);
  const condition = text(count > 0 ? reader.read() : null);
  const message = text(count > 1 ? reader.read() : null);
  const properties = new Map<string, Encodable>();
  if (count > 2 && bytes[reader.position] !== 0x40)
    for (const [name, value] of rawEntries(reader)) properties.set(name, raw(value));
  const cause = { properties };
  // Any other condition comes from a client that does not speak of dead-lettering: its words become the reason.
  return condition === CONDITION.deadLetter ? cause : { ...cause, reason: condition, description: message };
}

/** The session that a receiver asks for: a name, `null` for any, or undefined for a receiver without sessions. */
export function requestedSession(filter: ReadonlyMap<unknown, unknown>, key: string): string | null | undefined {
  if (!filter.has(key)) return undefined;
  const value = filter.get(key);
  const plain = value instanceof Described ? value.value : value;
  return typeof plain === 'string' ? plain : null;
}
