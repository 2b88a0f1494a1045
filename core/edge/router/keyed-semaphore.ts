// Bounds what is in progress, in total and per key; permits that are never released expire.
import type { Clock } from '../../ports/clock.ts';

/** An acquired amount. Release it once. */
export interface Permit {
  readonly owner: string;
  readonly amount: number;
  readonly takenAt: number;
}

export interface KeyedSemaphoreOptions {
  readonly capacity: number;
  /** Maximum amount for one owner; the whole capacity by default. */
  readonly perOwner?: number;
  readonly lifeMs: number;
  readonly clock: Clock;
}

/**
 * Limits the amount in progress to a capacity, and that of each owner to a part of it. A runtime may drop a request whose client has
 * disconnected without running another line of its code, and its permit would be lost. So permits older than `lifeMs` expire when there
 * is no room.
 */
export class KeyedSemaphore {
  readonly #capacity: number;
  readonly #perOwner: number;
  readonly #lifeMs: number;
  readonly #clock: Clock;
  /** In order of acquisition. */
  readonly #permits = new Set<Permit>();
  /** Owner → amount held; owners that hold nothing have no entry. */
  readonly #owned = new Map<string, number>();
  #taken = 0;

  constructor({ capacity, perOwner = capacity, lifeMs, clock }: KeyedSemaphoreOptions) {
    this.#capacity = capacity;
    this.#perOwner = perOwner;
    this.#lifeMs = lifeMs;
    this.#clock = clock;
  }

  /** The amount acquired now. */
  get taken(): number {
    return this.#taken;
  }

  /** Acquires `amount`, or returns `undefined` if the capacity or the owner's part of it is exhausted. */
  acquire(amount: number, owner = ''): Permit | undefined {
    const now = this.#clock.now();
    if (!this.#hasRoom(amount, owner)) {
      this.#takeBack(now);
      if (!this.#hasRoom(amount, owner)) return undefined;
    }
    const permit = { owner, amount, takenAt: now };
    this.#permits.add(permit);
    this.#taken += amount;
    this.#owned.set(owner, (this.#owned.get(owner) ?? 0) + amount);
    return permit;
  }

  release(permit: Permit): void {
    if (!this.#permits.delete(permit)) return;
    const { owner, amount } = permit;
    this.#taken -= amount;
    const left = (this.#owned.get(owner) ?? 0) - amount;
    if (left > 0) this.#owned.set(owner, left);
    else this.#owned.delete(owner);
  }

  #hasRoom(amount: number, owner: string): boolean {
    return this.#taken + amount <= this.#capacity && (this.#owned.get(owner) ?? 0) + amount <= this.#perOwner;
  }

  #takeBack(now: number): void {
    for (const permit of this.#permits) {
      if (now - permit.takenAt < this.#lifeMs) return;
      this.release(permit);
    }
  }
}
