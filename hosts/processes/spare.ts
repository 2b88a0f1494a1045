// Holds a process that is started ahead of the build that it will run, so that the next build starts in a fraction of the time.
import { stat } from 'node:fs/promises';

interface Held<T> {
  readonly process: T;
  readonly purpose: string;
  readonly file: string;
  readonly stamp: string;
}

/** At most one process that waits. */
export class Spare<T> {
  readonly #end: (process: T) => Promise<unknown>;
  #held: Held<T> | undefined;

  /** @param end ends a process; resolves when it is gone */
  constructor(end: (process: T) => Promise<unknown>) {
    this.#end = end;
  }

  /**
   * Has `make` start one, unless there is one for the same purpose that has loaded the same file; without the file there is none.
   * @param purpose what it can be used for: for another purpose it is of no use
   * @param file what it loads ahead
   */
  async keep(purpose: string, file: string, make: () => T | undefined): Promise<void> {
    const stamp = await stampOf(file);
    if (stamp === undefined || (this.#held?.purpose === purpose && this.#held.stamp === stamp)) return;
    await this.end();
    // Another call may have been faster.
    if (this.#held !== undefined) return;
    const process = make();
    if (process !== undefined) this.#held = { process, purpose, file, stamp };
  }

  /** The process, if what it has loaded is what there is now. It is the caller's from then on. */
  async take(purpose: string): Promise<T | undefined> {
    const held = this.#held;
    if (held === undefined) return undefined;
    const fits = held.purpose === purpose && (await stampOf(held.file)) === held.stamp;
    // It may have ended meanwhile.
    if (this.#held !== held) return undefined;
    if (!fits) await this.end();
    this.#held = undefined;
    return fits ? held.process : undefined;
  }

  /** Whether it was this one; to be called when a process has ended. */
  forget(process: T): boolean {
    if (this.#held?.process !== process) return false;
    this.#held = undefined;
    return true;
  }

  /** Ends it; resolves when it is gone. */
  async end(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) await this.#end(held.process);
  }
}

/** Differs between two states of a file. */
async function stampOf(file: string): Promise<string | undefined> {
  try {
    const { mtimeMs, size, ino } = await stat(file);
    return `${mtimeMs}:${size}:${ino}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
