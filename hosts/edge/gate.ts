// A gate in front of the runtime: while it restarts, what arrives waits, as the platform has requests wait for a new version.

/** Connections and requests that wait at most; further ones are let through, and refused by the server that is not there. */
export const MAXIMUM_WAITING = 1000;

export class Gate {
  #waiting: (() => void)[] | undefined;

  /** Has what arrives wait until `open`. */
  close(): void {
    this.#waiting ??= [];
  }

  /** Lets through what waits, in the order in which it came. */
  open(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const go of waiting) go();
  }

  /** Calls `go` at once, or when the gate is opened. */
  pass(go: () => void): void {
    if (this.#waiting === undefined || this.#waiting.length >= MAXIMUM_WAITING) go();
    else this.#waiting.push(go);
  }
}
