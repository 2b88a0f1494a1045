// A list that a clause can wait on: what was delivered so far.

export class Watched<T> {
  readonly seen: T[] = [];
  #waiting: (() => void)[] = [];

  add(item: T): void {
    this.seen.push(item);
    for (const look of this.#waiting.splice(0)) look();
  }

  /** Resolves once the condition holds, looking at every addition; how long that may take is left to Jest. */
  async until(condition: (seen: readonly T[]) => boolean): Promise<void> {
    while (!condition(this.seen)) await new Promise<void>((look) => this.#waiting.push(look));
  }
}
