// A queue or subscription as a receiver sees it: its messages, its dead-letter queue and its transfer dead-letter queue.
import type { MessageContent } from '../amqp/message.ts';
import type { ServiceBusError } from '../errors.ts';
import type { MessageOrigin, StoredMessage } from './message.ts';
import type { Namespace } from './namespace.ts';
import type { ReceivableSettings } from './settings.ts';
import { type DeadLetterCause, MessageStore, type Properties, type StoreOwner } from './store.ts';

const NO_SESSION_REASON = 'Session ID is null.';

/** Where a message is forwarded automatically, and what follows when it cannot be. */
export class Receivable {
  readonly namespace: Namespace;
  readonly path: string;
  readonly store: MessageStore;
  readonly deadLetters: MessageStore;
  readonly transferDeadLetters: MessageStore;
  settings: ReceivableSettings;

  constructor(
    namespace: Namespace,
    path: string,
    settings: ReceivableSettings,
    activate: (message: StoredMessage) => void,
  ) {
    this.namespace = namespace;
    this.path = path;
    this.settings = settings;
    const self = this;
    const shared = { clock: namespace.clock, journal: namespace.journal };
    const owner: StoreOwner = {
      ...shared,
      get settings() {
        return self.settings;
      },
      deadLetter: (message, cause) => this.deadLetter(message, cause),
      activate,
    };
    const graveyard: StoreOwner = {
      ...shared,
      get settings() {
        return { ...self.settings, deadLetterOnExpiration: false };
      },
      deadLetter: undefined,
      activate: () => undefined,
    };
    this.store = new MessageStore(path, owner, settings.requiresSession);
    this.deadLetters = new MessageStore(`${path}/$DeadLetterQueue`, graveyard, false);
    this.transferDeadLetters = new MessageStore(`${path}/$Transfer/$DeadLetterQueue`, graveyard, false);
  }

  get stores(): readonly MessageStore[] {
    return [this.store, this.deadLetters, this.transferDeadLetters];
  }

  /** Takes a message in, or passes it on if the entity forwards. */
  accept(content: MessageContent, origin: MessageOrigin): void {
    const { settings } = this;
    if (settings.forwardTo !== undefined) {
      const sequenceNumber = ++this.store.lastSequenceNumber;
      this.forward(content, origin, sequenceNumber, settings.forwardTo);
      return;
    }
    const message = { ...origin, ...lifetime(content, settings.defaultTtlMs, this.namespace.clock.now()) };
    if (settings.requiresSession && content.sessionId === undefined) {
      // Only a topic's subscription gets here: a queue refuses such a message at the door.
      this.bury(content, origin, { reason: NO_SESSION_REASON });
      return;
    }
    this.store.add(content, message);
  }

  /** Puts a message into the dead-letter queue that never was in the entity itself. */
  bury(content: MessageContent, origin: MessageOrigin, cause: DeadLetterCause): void {
    const sequenceNumber = ++this.store.lastSequenceNumber;
    this.deadLetters.add(content.with(causeProperties(cause)), { ...origin, sequenceNumber });
  }

  /** Stops timers without notifying holders and consumers: deleting the entity closes their links. */
  dispose(): void {
    for (const store of this.stores) store.dispose();
  }

  private deadLetter(message: StoredMessage, cause: DeadLetterCause): void {
    const content = message.content.with(causeProperties(cause));
    const target = this.settings.forwardDeadLetteredTo;
    const origin: MessageOrigin = {
      sequenceNumber: message.sequenceNumber,
      enqueuedSequenceNumber: message.enqueuedSequenceNumber,
      enqueuedTime: message.enqueuedTime,
      deliveryCount: message.deliveryCount,
      hops: message.hops,
    };
    if (target !== undefined) {
      const failure = this.namespace.forward(target, content, {
        enqueuedSequenceNumber: message.sequenceNumber,
        deadLetterSource: message.deadLetterSource ?? this.path,
        hops: message.hops + 1,
      });
      // A dead-letter queue that forwards has no receivers: what cannot leave has to go where it can be seen.
      if (failure !== undefined)
        this.transferDeadLetters.add(content.with(causeProperties(transferCause(failure))), origin);
      return;
    }
    this.deadLetters.add(content, origin);
  }

  /** Why nothing can be received from one of the stores, if that is so: its messages are forwarded automatically. */
  forwards(store: MessageStore): boolean {
    if (store === this.store) return this.settings.forwardTo !== undefined;
    return store === this.deadLetters && this.settings.forwardDeadLetteredTo !== undefined;
  }

  /** Passes on what was there before the entity began to forward; locked and deferred messages stay. */
  forwardWaiting(): void {
    const { forwardTo } = this.settings;
    if (forwardTo === undefined) return;
    for (const message of [...this.store.inOrder()])
      if (message.available) {
        this.store.remove(message);
        this.forward(message.content, { hops: message.hops }, message.sequenceNumber, forwardTo);
      }
  }

  private forward(content: MessageContent, origin: MessageOrigin, sequenceNumber: number, target: string): void {
    const failure = this.namespace.forward(target, content, {
      enqueuedSequenceNumber: origin.enqueuedSequenceNumber ?? sequenceNumber,
      deadLetterSource: origin.deadLetterSource,
      hops: (origin.hops ?? 0) + 1,
    });
    if (failure === undefined) return;
    const properties = causeProperties(transferCause(failure));
    this.transferDeadLetters.add(content.with(properties), { ...origin, sequenceNumber });
  }
}

function transferCause(failure: ServiceBusError): DeadLetterCause {
  return { reason: failure.condition, description: failure.message };
}

function causeProperties({ reason, description, properties }: DeadLetterCause): Properties {
  const all = new Map(properties);
  if (reason !== undefined) all.set('DeadLetterReason', reason);
  if (description !== undefined) all.set('DeadLetterErrorDescription', description);
  return all;
}

/** A message's own time to live, capped by the entity's default. */
function lifetime(content: MessageContent, defaultTtlMs: number, now: number): MessageOrigin {
  const ttl = Math.min(content.ttlMs ?? Number.POSITIVE_INFINITY, defaultTtlMs);
  if (ttl === Number.POSITIVE_INFINITY) return {};
  return { ttlMs: ttl, expiresAt: now + ttl };
}
