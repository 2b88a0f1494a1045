// When something happens to the messages of one store by itself, and the one timer that waits for it.
import type { Cancel, EmulatorClock } from './clock.ts';
import { MinHeap } from './heap.ts';
import type { StoredMessage } from './message.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** What to do when a time has come. */
export interface Due {
  /** Ends the locks that have run out, and tells when the next lock of a message does. */
  endMessageLocks(now: number): number;
  endSessionLocks(now: number): void;
  /** When the next lock of a session runs out. */
  nextSessionLock(): number;
  activate(message: StoredMessage): void;
  expire(message: StoredMessage): void;
}

/** Watches over scheduled and mortal messages; of locks it only has to be told when they run out. */
export class Deadlines {
  private readonly clock: EmulatorClock;
  private readonly due: Due;
  private readonly expiries = new MinHeap<StoredMessage>((message) => message.expiresAt);
  private readonly schedule = new MinHeap<StoredMessage>((message) => message.scheduledFor ?? 0);
  private alarm: { readonly at: number; readonly cancel: Cancel } | undefined;

  constructor(clock: EmulatorClock, due: Due) {
    this.clock = clock;
    this.due = due;
  }

  /** Minds when a message expires and, if it is scheduled, when it becomes available. */
  watch(message: StoredMessage): void {
    if (message.expiresAt !== NEVER) {
      this.expiries.push(message);
      this.wakeAt(message.expiresAt);
    }
    if (message.state === 'scheduled') {
      this.schedule.push(message);
      this.wakeAt(message.scheduledFor ?? 0);
    }
  }

  /** Looks at everything at that time, or earlier if something else is due before. */
  wakeAt(at: number): void {
    if (at === NEVER || (this.alarm !== undefined && this.alarm.at <= at)) return;
    this.alarm?.cancel();
    this.alarm = { at, cancel: this.clock.schedule(at, () => this.onAlarm()) };
  }

  /** Stops the timer. */
  dispose(): void {
    this.alarm?.cancel();
    this.alarm = undefined;
  }

  private onAlarm(): void {
    this.alarm = undefined;
    const now = this.clock.now();
    const nextMessageLock = this.due.endMessageLocks(now);
    this.due.endSessionLocks(now);
    for (let top = this.schedule.peek(); top !== undefined; top = this.schedule.peek()) {
      if ((top.scheduledFor ?? 0) > now) break;
      this.schedule.pop();
      if (!top.removed) this.due.activate(top);
    }
    for (let top = this.expiries.peek(); top !== undefined && top.expiresAt <= now; top = this.expiries.peek()) {
      this.expiries.pop();
      // A locked message outlives its time until the lock ends.
      if (!top.removed && top.lock === undefined) this.due.expire(top);
    }
    this.wakeAt(
      Math.min(
        nextMessageLock,
        this.due.nextSessionLock(),
        this.schedule.peek()?.scheduledFor ?? NEVER,
        this.expiries.peek()?.expiresAt ?? NEVER,
      ),
    );
  }
}
