// Time that passes only in the sums of what is waited for: a minute of a cell takes as long as the work that is done in it.
import { type Clock, type EpochMs, epochMs } from '../../core/ports/clock.ts';
import { START } from './fake-clock.ts';

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/**
 * A clock that goes from one sleeper to the next. It lets promises alone come to rest in between, and so costs a hundredth of
 * `FakeClock`, which also waits for other threads: what runs on it must not compress, nor sign anything.
 */
export class SimulatedClock implements Clock {
  #now: number = START;
  /** By their instants, and by the order in which they came. */
  readonly #sleepers: Sleeper[] = [];

  now(): EpochMs {
    return epochMs(this.#now);
  }

  sleep(milliseconds: number): Promise<void> {
    const until = this.#now + Math.max(0, milliseconds);
    return new Promise((wake) => {
      let low = 0;
      let high = this.#sleepers.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((this.#sleepers[middle]?.until ?? 0) <= until) low = middle + 1;
        else high = middle;
      }
      this.#sleepers.splice(low, 0, { until, wake });
    });
  }

  /** Goes on until it is done. Throws when that is not so after this time, or when all wait for something else. */
  async run(isDone: () => boolean, limitMs: number): Promise<void> {
    const end = this.#now + limitMs;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (isDone()) return;
      const next = this.#sleepers[0];
      if (next === undefined || next.until > end)
        throw new Error(`It was not done ${this.#now - START} ms after the beginning.`);
      this.#sleepers.shift();
      this.#now = next.until;
      next.wake();
    }
  }
}
