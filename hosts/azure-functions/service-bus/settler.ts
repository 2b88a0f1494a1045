// Completes and abandons messages in a way that the AMQP library cannot mix up.

/**
 * Keeps settlements with different outcomes in different turns of the event loop. rhea 3.0.5 writes the first two
 * dispositions of a turn as one range with the first one's outcome, so that abandoning a message next to completing another
 * would complete both.
 */
export class Settler {
  #tail: Promise<void> = Promise.resolve();

  /** Runs `settle`, which must not mix outcomes, in a turn of its own and returns its result. */
  run<T>(settle: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(() => new Promise<void>((resolve) => setImmediate(resolve)));
    this.#tail = turn;
    return turn.then(settle);
  }
}
