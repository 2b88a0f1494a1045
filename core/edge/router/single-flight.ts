// Runs work once for all requests that need it at the same time, and bounds how long each waits.

import { withTimeout } from '../../lib/timeout.ts';
import type { Clock } from '../../ports/clock.ts';
import { PortError } from '../../ports/errors.ts';

interface Flight<T> {
  readonly promise: Promise<T>;
  readonly startedAt: number;
}

export interface SingleFlightOptions {
  readonly clock: Clock;
  /** Maximum number of shared flights; work beyond that runs unshared. */
  readonly capacity: number;
  /** Maximum duration of the work. */
  readonly lifeMs: number;
}

/**
 * Shares work by key. The edge runtime cancels the work of a request when its client disconnects, so the other requests may wait
 * for abandoned work: a flight older than `lifeMs` is restarted by the next request for it.
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

  /** The result of `work`, started by this call or by an earlier one that is still in progress. */
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
    // At the end, so that the oldest one is always first.
    this.#flights.delete(key);
    this.#flights.set(key, flight);
    const end = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    flight.promise.then(end, end);
    return flight.promise;
  }

  /** Makes room if the oldest flight is abandoned. */
  #dropOldest(now: number): boolean {
    const [oldest] = this.#flights;
    if (oldest === undefined || now - oldest[1].startedAt < this.#options.lifeMs) return false;
    return this.#flights.delete(oldest[0]);
  }
}
