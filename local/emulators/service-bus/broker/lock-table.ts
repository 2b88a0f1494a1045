// The locks on messages of one store, in the order in which they run out.
import { messageLockLost, sessionLockLost } from '../errors.ts';
import { type MessageLock, newLock, type StoredMessage } from './message.ts';
import type { HeldSession } from './sessions.ts';

/** Which message is locked by which token. Locks that belong to a session end with it and have no time of their own. */
export class LockTable {
  private readonly messages = new Map<string, StoredMessage>();

  /** The locked messages. Those that are released meanwhile are passed over. */
  values(): Iterable<StoredMessage> {
    return this.messages.values();
  }

  /** Locks a message, with its session if it was handed out through one. */
  take(message: StoredMessage, until: number, session: HeldSession | undefined): MessageLock {
    const lock = newLock(until, session);
    message.lock = lock;
    this.messages.set(lock.key, message);
    return lock;
  }

  /** The message that a lock belongs to, if the lock still holds. */
  find(key: string, now: number): StoredMessage {
    const message = this.messages.get(key);
    if (message?.lock === undefined) throw messageLockLost();
    const { until, session } = message.lock;
    if (session?.over === true) throw sessionLockLost(session.id);
    if (until <= now && session === undefined) throw messageLockLost();
    return message;
  }

  /** Starts a lock's time anew and tells when it runs out. */
  renew(key: string, now: number, durationMs: number): number {
    const message = this.find(key, now);
    const { lock } = message;
    if (lock === undefined) throw messageLockLost();
    lock.until = now + durationMs;
    // Now it is the last one to run out.
    this.messages.delete(key);
    this.messages.set(key, message);
    return lock.until;
  }

  /** The messages that are locked by way of a session. */
  ofSession(held: HeldSession): StoredMessage[] {
    return [...this.messages.values()].filter((message) => message.lock?.session === held);
  }

  release(message: StoredMessage): void {
    if (message.lock === undefined) return;
    this.messages.delete(message.lock.key);
    message.lock = undefined;
  }

  /** Calls `lost` for every message whose lock has run out; tells when the next lock of a message's own does. */
  endOverdue(now: number, lost: (message: StoredMessage) => void): number {
    for (const message of this.messages.values()) {
      const { lock } = message;
      if (lock === undefined || lock.session !== undefined) continue;
      if (lock.until > now) return lock.until;
      lost(message);
    }
    return Number.POSITIVE_INFINITY;
  }
}
