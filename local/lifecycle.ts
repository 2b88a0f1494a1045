// The life of something that is made of parts: what comes up later goes down earlier, also when it is stopped while coming up.

export class Lifecycle {
  readonly #name: string;
  readonly #stops: (() => Promise<unknown>)[] = [];
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** `name`: what is told of it when it is stopped while coming up. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Brings it up, once however often it is asked. */
  start(bringUp: () => Promise<void>): Promise<void> {
    this.#starting ??= bringUp();
    return this.#starting;
  }

  /** A part is up; `stop` takes it down. */
  add(stop: () => Promise<unknown>): void {
    this.#stops.push(stop);
  }

  /** Throws if it has been stopped: nothing more shall come up. */
  stillWanted(): void {
    if (this.#stopping !== undefined) throw new Error(`${this.#name} was stopped while it was coming up.`);
  }

  /**
   * Stops everything in the reverse order, once however often it is asked. A part that is just coming up is waited for, or
   * nobody would stop it; one that does not stop in order keeps no other from stopping. Rejects with the first failure.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#takeDown();
    return this.#stopping;
  }

  async #takeDown(): Promise<void> {
    // Why it did not come up is told to whoever started it.
    await this.#starting?.catch(() => undefined);
    const failures: unknown[] = [];
    for (let stop = this.#stops.pop(); stop !== undefined; stop = this.#stops.pop()) {
      await stop().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
