// The sessions of a queue: which have messages, who holds which, and the state kept with each.
import { CONDITION, ServiceBusError, sessionLockLost } from '../errors.ts';
import { MinHeap } from './heap.ts';
import type { StoredMessage } from './message.ts';

/** A receiver that holds a session. */
export interface SessionHolder {
  /** The lock is gone: the receiver has to stop. */
  sessionLost(error: ServiceBusError): void;
}

/** A session that someone holds. */
export interface HeldSession {
  readonly id: string;
  readonly holder: SessionHolder;
  until: number;
  /** The lock was given back or ran out. */
  over: boolean;
}

/** One session: its available messages in order, its state and its holder. */
export class SessionRecord {
  readonly id: string;
  readonly available = new MinHeap<StoredMessage>((message) => message.sequenceNumber);
  state: Buffer | undefined;
  updatedAt = 0;
  held: HeldSession | undefined;

  constructor(id: string) {
    this.id = id;
  }

  /** The next message to hand out, which stays in place. */
  next(): StoredMessage | undefined {
    for (let top = this.available.peek(); top !== undefined; top = this.available.peek()) {
      if (top.available) return top;
      top.queued = false;
      this.available.pop();
    }
    return undefined;
  }
}

interface Waiter {
  readonly grant: (held: HeldSession) => void;
  readonly holder: SessionHolder;
}

/** All sessions of one queue or subscription. */
export class SessionTable {
  readonly records = new Map<string, SessionRecord>();
  readonly held = new Set<HeldSession>();
  private readonly waiters = new Set<Waiter>();

  /** The session of that name, made if it does not exist. */
  record(id: string): SessionRecord {
    let record = this.records.get(id);
    if (record === undefined) {
      record = new SessionRecord(id);
      this.records.set(id, record);
    }
    return record;
  }

  /** Gives the named session to a receiver, or refuses because another one has it. */
  acquire(id: string, holder: SessionHolder, until: number): HeldSession {
    const record = this.record(id);
    if (record.held !== undefined)
      throw new ServiceBusError(
        CONDITION.sessionCannotBeLocked,
        `The requested session '${id}' cannot be accepted. It may be locked by another receiver.`,
      );
    record.held = { id, holder, until, over: false };
    this.held.add(record.held);
    return record.held;
  }

  /** Gives any free session that has messages to a receiver, the one with the oldest message first. */
  acquireNext(holder: SessionHolder, until: number): HeldSession | undefined {
    let best: { record: SessionRecord; sequenceNumber: number } | undefined;
    for (const record of this.records.values()) {
      if (record.held !== undefined) continue;
      const sequenceNumber = record.next()?.sequenceNumber;
      if (sequenceNumber !== undefined && (best === undefined || sequenceNumber < best.sequenceNumber))
        best = { record, sequenceNumber };
    }
    return best === undefined ? undefined : this.acquire(best.record.id, holder, until);
  }

  /** Waits until a session with messages is free; the answer withdraws the wait. */
  waitForNext(holder: SessionHolder, grant: (held: HeldSession) => void): () => void {
    const waiter: Waiter = { grant, holder };
    this.waiters.add(waiter);
    return () => {
      this.waiters.delete(waiter);
    };
  }

  /** Serves receivers that wait for any session, in the order in which they came. */
  serveWaiters(until: number): void {
    for (const waiter of this.waiters) {
      const held = this.acquireNext(waiter.holder, until);
      if (held === undefined) return;
      this.waiters.delete(waiter);
      waiter.grant(held);
    }
  }

  /** The session's lock, if it is held; throws if it is not. */
  requireHeld(id: string): HeldSession {
    const held = this.records.get(id)?.held;
    if (held === undefined) throw sessionLockLost(id);
    return held;
  }

  /** Ends a hold. Sessions without messages and state are forgotten. */
  end(held: HeldSession): void {
    held.over = true;
    this.held.delete(held);
    const record = this.records.get(held.id);
    if (record?.held === held) record.held = undefined;
  }

  /** Drops what is no longer needed, so that a stream of unique session ids does not fill the memory. */
  forgetIfIdle(id: string): void {
    const record = this.records.get(id);
    if (record !== undefined && record.held === undefined && record.state === undefined && record.next() === undefined)
      this.records.delete(id);
  }

  /** When the next session lock runs out. */
  nextExpiry(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const held of this.held) if (held.until < next) next = held.until;
    return next;
  }
}
