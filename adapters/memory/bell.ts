// How the background loops of the adapters in memory wait for each other.

/** `rung` resolves at the next `ring`; a ring that nobody waits for is gone. */
export class Bell {
  #waiting: (() => void)[] = [];

  ring(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  rung(): Promise<void> {
    return new Promise((wake) => this.#waiting.push(wake));
  }
}
