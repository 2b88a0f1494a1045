// The emulator's clock: the caller's, or the machine's, moved forward on request.

/** Reads the time and can be moved forward, so that time to live is testable without waiting. */
export class Clock {
  readonly #source: () => number;
  #offset = 0;

  constructor(source: () => number = Date.now) {
    this.#source = source;
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.#source() + this.#offset;
  }

  /** Whole seconds since 1970, the resolution of `_ts` and of time to live. */
  seconds(): number {
    return Math.floor(this.now() / 1000);
  }

  /** Moves the clock forward. */
  advance(ms: number): void {
    this.#offset += ms;
  }
}
