// A remote value cached by an isolate: refreshed when it is no longer fresh, and served stale for a while when it cannot be read.

import { withTimeout } from '../../core/lib/timeout.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { describeError, PortError } from '../../core/ports/errors.ts';

export interface RefreshingValueOptions<T> {
  /** Reads the value. */
  readonly load: () => Promise<T>;
  readonly clock: Clock;
  /** The name of the value, for messages. */
  readonly what: string;
  /** How long the value is fresh after it was read, in milliseconds. */
  readonly freshMs: number;
  /** How long the value may be used after it was read, in milliseconds. */
  readonly staleMs: number;
  /** Minimum time between the starts of two reads while there is a value, in milliseconds; requests cannot make reads more frequent. */
  readonly pauseMs: number;
  /** Timeout of a read, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Minimum time between the starts of two reads while there is no value, in milliseconds. A failure is not cached for longer: without a
 * value every request would be refused, so an early request waits, and then reads again.
 */
export const RETRY_MS = 250;

export class RefreshingValue<T> {
  readonly #options: RefreshingValueOptions<T>;
  #value: { readonly value: T; readonly readAt: number } | undefined;
  #reading: { readonly promise: Promise<T>; readonly startedAt: number } | undefined;
  #failure: unknown;

  constructor(options: RefreshingValueOptions<T>) {
    this.#options = options;
  }

  /** The value, without a promise while it is fresh. Rejects with `unavailable` if no usable value exists. */
  get(): T | Promise<T> {
    const known = this.#usable();
    const now = this.#options.clock.now();
    if (known !== undefined && now - known.readAt < this.#options.freshMs) return known.value;
    if (!this.#mayRead(now)) return known === undefined ? this.#wait(now) : known.value;
    return this.#read(now).catch((error: unknown) => this.#instead(error));
  }

  /** Reads the value again because something is missing from it; returns the cached one if it was read very recently. */
  refresh(): T | Promise<T> {
    const now = this.#options.clock.now();
    return this.#mayRead(now) ? this.#read(now).catch((error: unknown) => this.#instead(error)) : this.get();
  }

  #usable() {
    const known = this.#value;
    const now = this.#options.clock.now();
    return known !== undefined && now - known.readAt < this.#options.staleMs ? known : undefined;
  }

  #mayRead(now: number): boolean {
    const reading = this.#reading;
    if (reading === undefined) return true;
    const { pauseMs, timeoutMs } = this.#options;
    const pause =
      this.#usable() !== undefined ? pauseMs : Math.min(pauseMs, this.#failure === undefined ? timeoutMs : RETRY_MS);
    return now - reading.startedAt >= pause;
  }

  /** Waits for another request that reads the value, or has just failed to. The runtime may have cancelled it, so the wait is bounded. */
  async #wait(now: number, mayRetry = true): Promise<T> {
    const reading = this.#reading;
    const { clock, timeoutMs } = this.#options;
    if (reading === undefined) throw this.#unavailable(this.#failure);
    if (this.#failure !== undefined) {
      if (!mayRetry) throw this.#unavailable(this.#failure);
      await clock.sleep(reading.startedAt + RETRY_MS - now);
      return this.#retry();
    }
    const left = reading.startedAt + timeoutMs - now;
    if (left <= 0) throw this.#unavailable(undefined);
    return withTimeout(clock, left, reading.promise, () => this.#unavailable(undefined));
  }

  /** Requests that waited for the end of the pause share one read. */
  async #retry(): Promise<T> {
    const known = this.#usable();
    if (known !== undefined) return known.value;
    const now = this.#options.clock.now();
    return this.#mayRead(now) ? this.#read(now) : this.#wait(now, false);
  }

  async #read(now: number): Promise<T> {
    const { load, clock, timeoutMs } = this.#options;
    this.#failure = undefined;
    const promise = withTimeout(clock, timeoutMs, load(), () => this.#unavailable(undefined));
    this.#reading = { promise, startedAt: now };
    try {
      const value = await promise;
      this.#value = { value, readAt: clock.now() };
      return value;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #instead(error: unknown): T {
    const known = this.#usable();
    if (known === undefined) throw this.#unavailable(error);
    return known.value;
  }

  #unavailable(cause: unknown): PortError {
    const why = cause === undefined ? 'it takes too long' : describeError(cause).message;
    return new PortError('unavailable', `${this.#options.what} cannot be read now: ${why}`, { cause });
  }
}
