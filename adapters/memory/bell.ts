// A signal that the background loops of the in-memory adapters wait for.

/** `rung` resolves at the next `ring`; a ring without a waiter is lost. */
export class Bell {
  #waiting: (() => void)[] = [];

  ring(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  rung(): Promise<void> {
    return new Promise((wake) => this.#waiting.push(wake));
  }
}
