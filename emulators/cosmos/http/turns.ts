// Gives the parts of long requests their turns: one part at a time, and between any two of them everything else that waits.
import type { Reply } from './exchange.ts';

/** A request that is served in parts. Each time it yields, others should have a turn. */
export type Work = Generator<undefined, Reply>;

/** The queue of all long requests of a server. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when it is this request's turn again, after one round of the event loop. */
  next(): Promise<void> {
    this.#last = this.#last.then(
      () =>
        new Promise((resolve) => {
          setImmediate(resolve);
        }),
    );
    return this.#last;
  }
}

/** Whether what serves a request does it in parts. */
export const isWork = (outcome: Reply | Work): outcome is Work => Symbol.iterator in outcome;
