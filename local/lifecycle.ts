// The lifecycle of something with parts: they stop in the reverse order of their start, also when stopped during the start.

export class Lifecycle {
  readonly #name: string;
  readonly #stops: (() => Promise<unknown>)[] = [];
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** `name` is for the error message if it is stopped while it starts. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Starts it, once however often it is called. */
  start(bringUp: () => Promise<void>): Promise<void> {
    this.#starting ??= bringUp();
    return this.#starting;
  }

  /** A part is up; `stop` takes it down. */
  add(stop: () => Promise<unknown>): void {
    this.#stops.push(stop);
  }

  /** Throws if it has been stopped: no further part may start. */
  stillWanted(): void {
    if (this.#stopping !== undefined) throw new Error(`${this.#name} was stopped while it was coming up.`);
  }

  /**
   * Stops everything in the reverse order, once however often it is called. A part that is still starting is waited
   * for, or it would never be stopped; one that fails to stop does not keep the others from stopping. Rejects with the first failure.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#takeDown();
    return this.#stopping;
  }

  async #takeDown(): Promise<void> {
    // The caller of `start` gets the reason if it did not start.
    await this.#starting?.catch(() => undefined);
    const failures: unknown[] = [];
    for (let stop = this.#stops.pop(); stop !== undefined; stop = this.#stops.pop()) {
      await stop().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** Something that is up until it is turned off, and can be turned on again; one turn after the other. */
export class Switch {
  #off = false;
  #turn: Promise<unknown> = Promise.resolve();

  get off(): boolean {
    return this.#off;
  }

  /** Does the work unless it is off already. It counts as off from the beginning of the work. */
  turnOff(work: () => Promise<void>): Promise<void> {
    return this.#next(async () => {
      if (this.#off) return;
      this.#off = true;
      await work();
    });
  }

  /** Does the work unless it is on. It counts as on when the work is done. */
  turnOn(work: () => Promise<void>): Promise<void> {
    return this.#next(async () => {
      if (!this.#off) return;
      await work();
      this.#off = false;
    });
  }

  /** Resolves when no turn is under way. */
  async settled(): Promise<void> {
    await this.#turn;
  }

  #next(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    // Its failure is reported to the caller.
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
