// Bounds what is in progress, in total and per key; permits that are never released expire.
import type { Clock } from '../../ports/clock.ts';

/** A part that has been taken. Give it back once. */
export interface Permit {
  readonly owner: string;
  readonly amount: number;
  readonly takenAt: number;
}

export interface KeyedSemaphoreOptions {
  readonly capacity: number;
  /** What one owner may have of it; all of it unless given. */
  readonly perOwner?: number;
  readonly lifeMs: number;
  readonly clock: Clock;
}

/**
 * Counts what is under way up to a capacity, and for each owner up to a part of it. A runtime may drop a request whose client has gone without running another line of its
 * code; a share of it would be missing for ever. So those that are older than `lifeMs` are taken back when there is no room.
 */
export class KeyedSemaphore {
  readonly #capacity: number;
  readonly #perOwner: number;
  readonly #lifeMs: number;
  readonly #clock: Clock;
  /** In the order in which they were taken. */
  readonly #shares = new Set<Permit>();
  /** What each owner has; nobody who has nothing. */
  readonly #owned = new Map<string, number>();
  #taken = 0;

  constructor({ capacity, perOwner = capacity, lifeMs, clock }: KeyedSemaphoreOptions) {
    this.#capacity = capacity;
    this.#perOwner = perOwner;
    this.#lifeMs = lifeMs;
    this.#clock = clock;
  }

  /** What is taken now. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes `amount`, or returns `undefined` if there is not as much left, of all or of the owner's part. */
  acquire(amount: number, owner = ''): Permit | undefined {
    const now = this.#clock.now();
    if (!this.#hasRoom(amount, owner)) {
      this.#takeBack(now);
      if (!this.#hasRoom(amount, owner)) return undefined;
    }
    const share = { owner, amount, takenAt: now };
    this.#shares.add(share);
    this.#taken += amount;
    this.#owned.set(owner, (this.#owned.get(owner) ?? 0) + amount);
    return share;
  }

  release(share: Permit): void {
    if (!this.#shares.delete(share)) return;
    const { owner, amount } = share;
    this.#taken -= amount;
    const left = (this.#owned.get(owner) ?? 0) - amount;
    if (left > 0) this.#owned.set(owner, left);
    else this.#owned.delete(owner);
  }

  #hasRoom(amount: number, owner: string): boolean {
    return this.#taken + amount <= this.#capacity && (this.#owned.get(owner) ?? 0) + amount <= this.#perOwner;
  }

  #takeBack(now: number): void {
    for (const share of this.#shares) {
      if (now - share.takenAt < this.#lifeMs) return;
      this.release(share);
    }
  }
}
