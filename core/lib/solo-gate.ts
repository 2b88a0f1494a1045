// Lets some work of a process run alone, and all other work side by side; in the order in which it comes.

interface Waiting {
  readonly alone: boolean;
  readonly begin: () => void;
}

/** Callers wait for as long as others work: bound the work, and their number. */
export class SoloGate {
  readonly #waiting: Waiting[] = [];
  #running = 0;
  #isAlone = false;

  /** Runs the work beside any other that does not need to be alone. */
  together<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(false, work);
  }

  /** Runs the work while no other runs. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(true, work);
  }

  async #run<T>(alone: boolean, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((begin) => {
      this.#waiting.push({ alone, begin });
      this.#admit();
    });
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#isAlone = false;
      this.#admit();
    }
  }

  #admit(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#isAlone || (next.alone && this.#running > 0)) return;
      this.#waiting.shift();
      this.#running += 1;
      this.#isAlone = next.alone;
      next.begin();
    }
  }
}
