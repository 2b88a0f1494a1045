// The messages of one queue, subscription or dead-letter queue: their order, locks, expiry and receivers.
import type { Encodable } from '../amqp/encode.ts';
import type { MessageContent } from '../amqp/message.ts';
import { messageLockLost, sessionLockLost } from '../errors.ts';
import type { Cancel, EmulatorClock } from './clock.ts';
import { type Consumer, Dispatcher } from './dispatcher.ts';
import { MinHeap } from './heap.ts';
import type { Journal } from './journal.ts';
import { type MessageLock, type MessageOrigin, type MessageState, newLock, StoredMessage } from './message.ts';
import { type HeldSession, type SessionHolder, SessionTable } from './sessions.ts';
import type { ReceivableSettings } from './settings.ts';

/** Names and values for a message's application properties. */
export type Properties = ReadonlyMap<string, Encodable>;

/** Why a message goes to the dead-letter queue. */
export interface DeadLetterCause {
  readonly reason?: string | undefined;
  readonly description?: string | undefined;
  readonly properties?: Properties;
}

/** What a store needs from the entity it belongs to. */
export interface StoreOwner {
  readonly settings: ReceivableSettings;
  readonly clock: EmulatorClock;
  readonly journal: Journal;
  /** Takes a message that leaves for the dead-letter queue; undefined where there is none. */
  readonly deadLetter: ((message: StoredMessage, cause: DeadLetterCause) => void) | undefined;
  /** Takes a scheduled message whose time has come. */
  activate(message: StoredMessage): void;
}

const NEVER = Number.POSITIVE_INFINITY;

/** The messages of one receivable path. */
export class MessageStore {
  readonly path: string;
  readonly messages = new Map<number, StoredMessage>();
  readonly sessions: SessionTable | undefined;
  /** Who receives from here. */
  readonly dispatcher: Dispatcher;
  readonly owner: StoreOwner;
  lastSequenceNumber = 0;
  sizeInBytes = 0;
  accessedAt = 0;
  private sorted = true;
  private highest = 0;
  private readonly locks = new Map<string, StoredMessage>();
  private readonly expiries = new MinHeap<StoredMessage>((message) => message.expiresAt);
  private readonly schedule = new MinHeap<StoredMessage>((message) => message.scheduledFor ?? 0);
  private alarm: { readonly at: number; readonly cancel: Cancel } | undefined;

  constructor(path: string, owner: StoreOwner, withSessions: boolean) {
    this.path = path;
    this.owner = owner;
    this.sessions = withSessions ? new SessionTable() : undefined;
    this.dispatcher = new Dispatcher(this.sessions, {
      hand: (message, consumer) => this.hand(message, consumer),
      serveWaiters: () => this.serveWaiters(),
    });
  }

  private get now(): number {
    return this.owner.clock.now();
  }

  /** Takes a message in. Without a sequence number it gets the next one. */
  add(content: MessageContent, origin: MessageOrigin = {}): StoredMessage {
    const sequenceNumber = origin.sequenceNumber ?? this.lastSequenceNumber + 1;
    this.lastSequenceNumber = Math.max(this.lastSequenceNumber, sequenceNumber);
    const message = new StoredMessage(content, sequenceNumber, this.now, origin);
    this.restore(message);
    this.owner.journal.stored(this.path, message);
    return message;
  }

  /** Puts a message in its place without recording it. */
  restore(message: StoredMessage): void {
    const { sequenceNumber } = message;
    this.lastSequenceNumber = Math.max(this.lastSequenceNumber, sequenceNumber);
    if (sequenceNumber < this.highest) this.sorted = false;
    this.highest = Math.max(this.highest, sequenceNumber);
    this.messages.set(sequenceNumber, message);
    this.sizeInBytes += message.size;
    if (message.expiresAt !== NEVER) {
      this.expiries.push(message);
      this.wakeAt(message.expiresAt);
    }
    if (message.state === 'scheduled') {
      this.schedule.push(message);
      this.wakeAt(message.scheduledFor ?? 0);
    } else this.dispatcher.offer(message);
  }

  /** Puts back a change that was made before a restart. */
  restoreChange(message: StoredMessage, content: MessageContent, deliveryCount: number, state: MessageState): void {
    this.change(message, content);
    message.deliveryCount = deliveryCount;
    message.state = state;
    this.dispatcher.offer(message);
  }

  /** Forgets a message: it was completed, cancelled, expired or moved. */
  remove(message: StoredMessage): void {
    if (message.removed) return;
    this.unlock(message);
    message.removed = true;
    this.messages.delete(message.sequenceNumber);
    this.sizeInBytes -= message.size;
    this.owner.journal.removed(this.path, message.sequenceNumber);
  }

  /** Locks a message for a receiver. */
  lock(message: StoredMessage, session?: HeldSession): MessageLock {
    const lock = newLock(session?.until ?? this.now + this.owner.settings.lockDurationMs, session);
    message.lock = lock;
    this.locks.set(lock.key, message);
    this.wakeAt(lock.until);
    return lock;
  }

  /** The message that a lock belongs to, if the lock still holds. */
  locked(key: string): StoredMessage {
    const message = this.locks.get(key);
    if (message?.lock === undefined) throw messageLockLost();
    const { until, session } = message.lock;
    if (session?.over === true) throw sessionLockLost(session.id);
    if (until <= this.now && session === undefined) throw messageLockLost();
    return message;
  }

  /** Restarts a lock's time and returns when it ends. */
  renew(key: string): number {
    const message = this.locked(key);
    const { lock } = message;
    if (lock === undefined) throw messageLockLost();
    lock.until = this.now + this.owner.settings.lockDurationMs;
    // Locks are kept in the order in which they run out.
    this.locks.delete(key);
    this.locks.set(key, message);
    return lock.until;
  }

  complete(message: StoredMessage): void {
    this.remove(message);
  }

  /** Gives a message back; it counts as a failed attempt unless it was never looked at. */
  abandon(message: StoredMessage, properties?: Properties, counts = true): void {
    this.unlock(message);
    if (properties !== undefined && properties.size > 0) this.change(message, message.content.with(properties));
    const { deadLetter, settings } = this.owner;
    // In a dead-letter queue the count stands still, as nothing could follow from it.
    if (counts && deadLetter !== undefined) {
      message.deliveryCount++;
      if (message.deliveryCount >= settings.maxDeliveryCount) {
        this.deadLetter(message, {
          reason: 'MaxDeliveryCountExceeded',
          description: `Message could not be consumed after ${settings.maxDeliveryCount} delivery attempts.`,
        });
        return;
      }
    }
    this.owner.journal.changed(this.path, message);
    if (message.expiresAt <= this.now) this.expire(message);
    else this.dispatcher.offer(message);
  }

  /** Sets a message aside until someone asks for it by its sequence number. */
  defer(message: StoredMessage, properties?: Properties): void {
    this.unlock(message);
    if (properties !== undefined && properties.size > 0) this.change(message, message.content.with(properties));
    if (this.owner.deadLetter !== undefined) message.deliveryCount++;
    message.state = 'deferred';
    this.owner.journal.changed(this.path, message);
  }

  /** Moves a message to the dead-letter queue. */
  deadLetter(message: StoredMessage, cause: DeadLetterCause): void {
    const { deadLetter } = this.owner;
    if (deadLetter === undefined) return;
    this.remove(message);
    deadLetter(message, cause);
  }

  /** Messages from a sequence number on, whatever their state. */
  peek(from: number, count: number, session?: string): StoredMessage[] {
    const found: StoredMessage[] = [];
    for (const message of this.inOrder()) {
      if (found.length >= count) break;
      if (message.sequenceNumber < from) continue;
      if (session === undefined || message.content.sessionId === session) found.push(message);
    }
    return found;
  }

  /** All messages by ascending sequence number. */
  inOrder(): Iterable<StoredMessage> {
    if (!this.sorted) {
      const all = [...this.messages].sort(([a], [b]) => a - b);
      this.messages.clear();
      for (const [sequenceNumber, message] of all) this.messages.set(sequenceNumber, message);
      this.sorted = true;
    }
    return this.messages.values();
  }

  /** Gives the named session to a holder. */
  acquireSession(id: string, holder: SessionHolder): HeldSession {
    const table = this.requireSessions();
    const held = table.acquire(id, holder, this.now + this.owner.settings.lockDurationMs);
    this.wakeAt(held.until);
    return held;
  }

  /** Gives the next free session with messages to a holder, now or when there is one. */
  acquireNextSession(holder: SessionHolder, grant: (held: HeldSession) => void): Cancel {
    const table = this.requireSessions();
    const withdraw = table.waitForNext(holder, (held) => {
      this.wakeAt(held.until);
      grant(held);
    });
    this.serveWaiters();
    return withdraw;
  }

  /** Renews a session's lock and with it those of its messages. */
  renewSession(id: string): number {
    const held = this.requireSessions().requireHeld(id);
    held.until = this.now + this.owner.settings.lockDurationMs;
    for (const message of this.locks.values()) if (message.lock?.session === held) message.lock.until = held.until;
    return held.until;
  }

  /** The holder lets go of a session: its messages are free again, and no attempt is counted. */
  releaseSession(held: HeldSession): void {
    if (held.over) return;
    this.endSession(held, false);
  }

  /** Takes a session away from its holder, as when its lock runs out. */
  loseSession(held: HeldSession): void {
    this.endSession(held, true);
    held.holder.sessionLost(sessionLockLost(held.id));
  }

  /** Ends every lock at once, as if its time had run out. */
  loseLocks(): number {
    const held = [...this.locks.values()];
    for (const message of held) if (message.lock?.session === undefined) this.abandon(message);
    const sessions = [...(this.sessions?.held ?? [])];
    for (const session of sessions) this.loseSession(session);
    return held.length;
  }

  /** Forgets all messages and sessions; locks end with them. */
  clear(): void {
    for (const message of [...this.messages.values()]) this.remove(message);
    for (const record of this.sessions?.records.values() ?? []) {
      record.state = undefined;
      this.owner.journal.sessionState(this.path, record.id, undefined);
    }
  }

  /** Stops timers; the store is not used again. */
  dispose(): void {
    this.alarm?.cancel();
    this.alarm = undefined;
  }

  private requireSessions(): SessionTable {
    if (this.sessions === undefined) throw new TypeError(`${this.path} has no sessions`);
    return this.sessions;
  }

  private endSession(held: HeldSession, counts: boolean): void {
    const table = this.requireSessions();
    table.end(held);
    for (const message of [...this.locks.values()])
      if (message.lock?.session === held) this.abandon(message, undefined, counts);
    this.serveWaiters();
    table.forgetIfIdle(held.id);
  }

  private serveWaiters(): void {
    this.sessions?.serveWaiters(this.now + this.owner.settings.lockDurationMs);
  }

  private hand(message: StoredMessage, consumer: Consumer): void {
    if (consumer.destructive) this.remove(message);
    else this.lock(message, consumer.session);
    consumer.deliver(message);
  }

  private unlock(message: StoredMessage): void {
    if (message.lock === undefined) return;
    this.locks.delete(message.lock.key);
    message.lock = undefined;
  }

  private change(message: StoredMessage, content: MessageContent): void {
    this.sizeInBytes -= message.size;
    message.content = content;
    this.sizeInBytes += message.size;
  }

  private expire(message: StoredMessage): void {
    if (this.owner.settings.deadLetterOnExpiration && this.owner.deadLetter !== undefined)
      this.deadLetter(message, {
        reason: 'TTLExpiredException',
        description: 'The message expired and was dead lettered.',
      });
    else this.remove(message);
  }

  private wakeAt(at: number): void {
    if (at === NEVER || (this.alarm !== undefined && this.alarm.at <= at)) return;
    this.alarm?.cancel();
    this.alarm = { at, cancel: this.owner.clock.schedule(at, () => this.onAlarm()) };
  }

  private onAlarm(): void {
    this.alarm = undefined;
    const { now } = this;
    let next = NEVER;
    for (const message of this.locks.values()) {
      const lock = message.lock;
      if (lock === undefined || lock.session !== undefined) continue;
      if (lock.until > now) {
        next = lock.until;
        break;
      }
      this.abandon(message);
    }
    for (const held of [...(this.sessions?.held ?? [])]) if (held.until <= now) this.loseSession(held);
    for (let top = this.schedule.peek(); top !== undefined; top = this.schedule.peek()) {
      if ((top.scheduledFor ?? 0) > now) break;
      this.schedule.pop();
      if (top.removed) continue;
      this.remove(top);
      this.owner.activate(top);
    }
    for (let top = this.expiries.peek(); top !== undefined && top.expiresAt <= now; top = this.expiries.peek()) {
      this.expiries.pop();
      // A locked message outlives its time until the lock ends.
      if (!top.removed && top.lock === undefined) this.expire(top);
    }
    this.wakeAt(
      Math.min(
        next,
        this.sessions?.nextExpiry() ?? NEVER,
        this.schedule.peek()?.scheduledFor ?? NEVER,
        this.expiries.peek()?.expiresAt ?? NEVER,
      ),
    );
  }
}
