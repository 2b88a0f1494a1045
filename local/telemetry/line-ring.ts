// The newest lines that the parts of a stack have written, in memory and within limits.
import type { Clock } from '../../core/ports/clock.ts';
import type { Notice } from '../local-cell.ts';

export const LINE_LIMITS = {
  lines: 5000,
  /** Characters of them as JSON. */
  characters: 4 * 1024 * 1024,
} as const;

export interface Line extends Notice {
  /** Its number: each is one more than that before it. */
  readonly number: number;
  readonly time: string;
}

export class LineRing {
  readonly #clock: Clock;
  readonly #limits: { readonly lines: number; readonly characters: number };
  readonly #lines: { readonly line: Line; readonly characters: number }[] = [];
  #waiting: (() => void)[] = [];
  #last = 0;
  #characters = 0;

  constructor(clock: Clock, limits: { readonly lines: number; readonly characters: number } = LINE_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
  }

  keep(notice: Notice): void {
    this.#last += 1;
    const line = { number: this.#last, time: new Date(this.#clock.now()).toISOString(), ...notice };
    const characters = JSON.stringify(line).length;
    this.#lines.push({ line, characters });
    this.#characters += characters;
    while (this.#lines.length > this.#limits.lines || this.#characters > this.#limits.characters)
      this.#characters -= this.#lines.shift()?.characters ?? 0;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The lines behind one, and the number of the last there was. */
  after(number: number): { readonly lines: readonly Line[]; readonly last: number } {
    return { lines: this.#lines.map(({ line }) => line).filter((line) => line.number > number), last: this.#last };
  }

  /** Resolves once there is a line behind this one. */
  grownBeyond(number: number): Promise<void> {
    if (this.#last > number) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
