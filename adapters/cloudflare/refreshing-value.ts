// A remote value that an isolate caches: refreshed when it is no longer fresh, served stale for a while when it cannot be read.

import { withTimeout } from '../../core/lib/timeout.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { describeError, PortError } from '../../core/ports/errors.ts';

export interface RefreshingValueOptions<T> {
  /** Reads the value. */
  readonly load: () => Promise<T>;
  readonly clock: Clock;
  /** What it is, for messages. */
  readonly what: string;
  /** For so long after it was read nobody reads it again, in milliseconds. */
  readonly freshMs: number;
  /** For so long after it was read it may be used, in milliseconds. */
  readonly staleMs: number;
  /** Between the beginnings of two reads while there is a value, in milliseconds: what clients send must not make them more frequent. */
  readonly pauseMs: number;
  /** A read is given up after this, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Between the beginnings of two reads while there is no value, in milliseconds. A failure is not kept for longer than this: without a value
 * every request would be refused, so one that comes too early waits, and asks again.
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

  /** The value, without a promise while there is a fresh one. Rejects with `unavailable` if there is none that may be used. */
  get(): T | Promise<T> {
    const known = this.#usable();
    const now = this.#options.clock.now();
    if (known !== undefined && now - known.readAt < this.#options.freshMs) return known.value;
    if (!this.#mayRead(now)) return known === undefined ? this.#wait(now) : known.value;
    return this.#read(now).catch((error: unknown) => this.#instead(error));
  }

  /** The value as it is now, because something is missing from it; the known one if it has been read only just. */
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

  /** Another request reads it, or has just failed to. The runtime may have ended that request, so waiting has an end. */
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

  /** The requests that have waited for the pause to end share one read. */
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
