// Clocks for tests: they stand still until they are advanced.
import { setImmediate } from 'node:timers/promises';
import { type Clock, type EpochMs, epochMs } from '../../core/ports/clock.ts';

/** Far enough ahead that no service's own clock takes a document of a test for expired: 2100-01-01T00:00:00Z. */
export const START = epochMs(4_102_444_800_000);

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** Stands still; who sleeps wakes when the clock is advanced far enough. */
export class FakeClock implements Clock {
  #now: number;
  #sleepers: Sleeper[] = [];

  constructor(start: EpochMs = START) {
    this.#now = start;
  }

  now(): EpochMs {
    return epochMs(this.#now);
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    const due = this.#sleepers.filter(({ until }) => until <= this.#now);
    this.#sleepers = this.#sleepers.filter(({ until }) => until > this.#now);
    for (const { wake } of due) wake();
  }

  sleep(milliseconds: number): Promise<void> {
    const until = this.#now + milliseconds;
    if (milliseconds <= 0) return Promise.resolve();
    return new Promise((wake) => this.#sleepers.push({ until, wake }));
  }
}

/** Jumps ahead whenever anybody sleeps, so that retries and timeouts cost no time. */
export class HastyClock extends FakeClock {
  #interlude: (() => Promise<unknown>) | undefined;

  /** Does `work` in the next sleep: between two tries of an adapter. */
  duringNextSleep(work: () => Promise<unknown>): void {
    this.#interlude = work;
  }

  override async sleep(milliseconds: number): Promise<void> {
    const interlude = this.#interlude;
    this.#interlude = undefined;
    await interlude?.();
    this.advance(milliseconds);
    await setImmediate();
  }
}
