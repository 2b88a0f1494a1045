// A bound on what is under way: what takes part of it gives it back, and what never does loses it after a time.
import type { Clock } from '../ports/clock.ts';

/** A part that has been taken. Give it back once. */
export interface Share {
  readonly amount: number;
  readonly takenAt: number;
}

/**
 * Counts what is under way up to a capacity. A runtime may drop a request whose client has gone without running another line of its
 * code; a share of it would be missing for ever. So those that are older than `lifeMs` are taken back when there is no room.
 */
export class Allowance {
  readonly #capacity: number;
  readonly #lifeMs: number;
  readonly #clock: Clock;
  /** In the order in which they were taken. */
  readonly #shares = new Set<Share>();
  #taken = 0;

  constructor({ capacity, lifeMs, clock }: { capacity: number; lifeMs: number; clock: Clock }) {
    this.#capacity = capacity;
    this.#lifeMs = lifeMs;
    this.#clock = clock;
  }

  /** What is taken now. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes `amount`, or returns `undefined` if there is not as much left. */
  take(amount: number): Share | undefined {
    const now = this.#clock.now();
    if (this.#taken + amount > this.#capacity) {
      this.#takeBack(now);
      if (this.#taken + amount > this.#capacity) return undefined;
    }
    const share = { amount, takenAt: now };
    this.#shares.add(share);
    this.#taken += amount;
    return share;
  }

  give(share: Share): void {
    if (this.#shares.delete(share)) this.#taken -= share.amount;
  }

  #takeBack(now: number): void {
    for (const share of this.#shares) {
      if (now - share.takenAt < this.#lifeMs) return;
      this.give(share);
    }
  }
}
