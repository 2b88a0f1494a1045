// Runs work that several requests need at the same time once, and bounds how long each waits for it.

import { withTimeout } from '../../lib/timeout.ts';
import type { Clock } from '../../ports/clock.ts';
import { PortError } from '../../ports/errors.ts';

interface Flight<T> {
  readonly promise: Promise<T>;
  readonly startedAt: number;
}

export interface SingleFlightOptions {
  readonly clock: Clock;
  /** Flights shared at a time; work beyond that is done and shared with nobody. */
  readonly capacity: number;
  /** How long work takes at most. */
  readonly lifeMs: number;
}

/**
 * Shares work by key. The runtime of the edge ends what a request has begun when its client goes away, so the others can be left
 * waiting for something that nobody does any more: a flight that is older than `lifeMs` is begun again by whoever asks next.
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();
  readonly #options: SingleFlightOptions;

  constructor(options: SingleFlightOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#flights.size;
  }

  /** The result of `work`, begun by this call or by an earlier one that is still under way. */
  run(key: string, work: () => Promise<T>): Promise<T> {
    const { clock, capacity, lifeMs } = this.#options;
    const now = clock.now();
    const known = this.#flights.get(key);
    if (known !== undefined && now - known.startedAt < lifeMs)
      return withTimeout(
        clock,
        lifeMs,
        known.promise,
        () => new PortError('unavailable', `Another request’s lookup has not ended within ${lifeMs} ms.`),
      );
    if (known === undefined && this.#flights.size >= capacity && !this.#dropOldest(now)) return work();
    const flight: Flight<T> = { promise: work(), startedAt: now };
    // Behind the others, so that the oldest one is always the first.
    this.#flights.delete(key);
    this.#flights.set(key, flight);
    const end = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    flight.promise.then(end, end);
    return flight.promise;
  }

  /** Makes room if the oldest flight has been given up. */
  #dropOldest(now: number): boolean {
    const [oldest] = this.#flights;
    if (oldest === undefined || now - oldest[1].startedAt < this.#options.lifeMs) return false;
    return this.#flights.delete(oldest[0]);
  }
}
