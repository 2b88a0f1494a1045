// Who gets which message: available messages in order, and the consumers that take turns at them.
import { MinHeap } from './heap.ts';
import type { StoredMessage } from './message.ts';
import type { HeldSession, SessionTable } from './sessions.ts';

/** Someone who takes messages as they come. */
export interface Consumer {
  /** Whether it can take one now. */
  readonly ready: boolean;
  /** Messages are removed as they are handed out. */
  readonly destructive: boolean;
  /** Takes only the messages of this session. */
  readonly session: HeldSession | undefined;
  deliver(message: StoredMessage): void;
}

/** What is done with a message that has been matched with a consumer, and for receivers that wait for a session. */
export interface DispatcherHost {
  hand(message: StoredMessage, consumer: Consumer): void;
  serveWaiters(): void;
}

/** Matches available messages with consumers that are ready. */
export class Dispatcher {
  private readonly sessions: SessionTable | undefined;
  private readonly host: DispatcherHost;
  private readonly available = new MinHeap<StoredMessage>((message) => message.sequenceNumber);
  private readonly consumers: Consumer[] = [];
  private turn = 0;
  private pumping = false;

  constructor(sessions: SessionTable | undefined, host: DispatcherHost) {
    this.sessions = sessions;
    this.host = host;
  }

  get consumerCount(): number {
    return this.consumers.length;
  }

  /** Starts handing messages to a consumer. */
  subscribe(consumer: Consumer): void {
    this.consumers.push(consumer);
    this.requestPump();
  }

  unsubscribe(consumer: Consumer): void {
    const index = this.consumers.indexOf(consumer);
    if (index >= 0) this.consumers.splice(index, 1);
  }

  /** Puts a message among those that wait to be handed out, if it may be. */
  offer(message: StoredMessage): void {
    if (!message.available || message.queued) return;
    const order = this.sessions?.record(message.content.sessionId ?? '').available ?? this.available;
    message.queued = true;
    order.push(message);
    this.requestPump();
  }

  /** Hands out messages at the end of the current turn, once for all that happened in it. */
  requestPump(): void {
    if (this.pumping) return;
    this.pumping = true;
    queueMicrotask(() => {
      this.pumping = false;
      this.pump();
    });
  }

  /** Hands out what consumers can take. */
  pump(): void {
    if (this.sessions !== undefined) {
      this.pumpSessions(this.sessions);
      return;
    }
    while (this.consumers.length > 0) {
      const consumer = this.nextReady();
      if (consumer === undefined) return;
      const message = this.takeNext();
      if (message === undefined) return;
      this.host.hand(message, consumer);
    }
  }

  private pumpSessions(sessions: SessionTable): void {
    for (const consumer of this.consumers) {
      const { session } = consumer;
      if (session === undefined || session.over) continue;
      const record = sessions.record(session.id);
      while (consumer.ready) {
        const message = record.next();
        if (message === undefined) break;
        record.available.pop();
        message.queued = false;
        this.host.hand(message, consumer);
      }
    }
    this.host.serveWaiters();
  }

  private nextReady(): Consumer | undefined {
    const { consumers } = this;
    for (let tried = 0; tried < consumers.length; tried++) {
      this.turn = (this.turn + 1) % consumers.length;
      const consumer = consumers[this.turn];
      if (consumer?.ready) return consumer;
    }
    return undefined;
  }

  private takeNext(): StoredMessage | undefined {
    for (let message = this.available.pop(); message !== undefined; message = this.available.pop()) {
      message.queued = false;
      if (message.available) return message;
    }
    return undefined;
  }
}
