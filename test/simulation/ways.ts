// The ways between places, with all faults that each has now: the latest one counts, and the others are there again when it ends.
import type { Way } from './setting.ts';

export class Ways {
  readonly #faults = new Map<string, readonly Way[]>();

  /** @param way from a place, or from `*`, to another one: `monitor alpha` */
  begin(way: string, fault: Way): void {
    this.#faults.set(way, [...(this.#faults.get(way) ?? []), fault]);
  }

  end(way: string, fault: Way): void {
    const faults = [...(this.#faults.get(way) ?? [])];
    const at = faults.lastIndexOf(fault);
    if (at !== -1) faults.splice(at, 1);
    this.#faults.set(way, faults);
  }

  of(way: string): Way | undefined {
    return this.#faults.get(way)?.at(-1);
  }
}
