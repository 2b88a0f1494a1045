// Walks the rows that the sources of a query make of one document, one row at a time, so that a walk can pause and go on.
import type { Value } from '../json.ts';
import type { Env, Evaluate } from './compile-expression.ts';

/** One source: the values it has under the earlier ones, and where each of them goes. */
export interface RowSource {
  readonly rows: (env: Env) => readonly Value[];
  readonly slot: number;
}

/** What a step of a walk came to: a row that passes WHERE, none any more, or a pause so that others have a turn. */
export type RowStep = 'row' | 'end' | 'pause';

/** Nested loops over the sources, with the place in each of them. */
export class Rows {
  readonly #sources: readonly RowSource[];
  readonly #where: Evaluate | undefined;
  readonly #cost: number;
  readonly #env: Env;
  readonly #lists: (readonly Value[] | undefined)[] = [];
  readonly #at: number[];
  #level: number;

  /** `after` is the place of an earlier walk, which this one goes on from. */
  constructor(
    sources: readonly RowSource[],
    where: Evaluate | undefined,
    cost: number,
    env: Env,
    after: readonly number[] = [],
  ) {
    this.#sources = sources;
    this.#where = where;
    this.#cost = cost;
    this.#env = env;
    this.#at = sources.map(() => -1);
    this.#level = 0;
    if (after.length === sources.length) this.#seek(after);
  }

  /** The place of the last row that was looked at. */
  get place(): readonly number[] {
    return [...this.#at];
  }

  /** Goes to the next row and leaves its values in the environment. */
  next(): RowStep {
    const { meter } = this.#env;
    const last = this.#sources.length - 1;
    if (last < 0) return this.#single();
    while (this.#level >= 0) {
      const source = this.#sources[this.#level];
      if (source === undefined) break;
      this.#lists[this.#level] ??= source.rows(this.#env);
      const list = this.#lists[this.#level] ?? [];
      const at = (this.#at[this.#level] ?? -1) + 1;
      if (at >= list.length) {
        this.#lists[this.#level] = undefined;
        this.#at[this.#level] = -1;
        this.#level -= 1;
        continue;
      }
      this.#at[this.#level] = at;
      this.#env.slots[source.slot] = list[at];
      if (this.#level < last) {
        meter.spend(1);
        this.#level += 1;
        continue;
      }
      meter.spend(this.#cost);
      if (this.#where === undefined || this.#where(this.#env) === true) return 'row';
      if (meter.pauseDue) return 'pause';
    }
    return 'end';
  }

  /** A query without FROM has one row. */
  #single(): RowStep {
    if (this.#level < 0) return 'end';
    this.#level = -1;
    return this.#where === undefined || this.#where(this.#env) === true ? 'row' : 'end';
  }

  #seek(after: readonly number[]): void {
    for (const [level, source] of this.#sources.entries()) {
      const list = source.rows(this.#env);
      const at = after[level] ?? -1;
      this.#lists[level] = list;
      this.#at[level] = at;
      this.#level = level;
      // The document has changed since: what comes after this place goes on from here.
      if (at >= list.length) return;
      this.#env.slots[source.slot] = list[at];
    }
  }
}

/** Whether a place is after another. */
export function isAfterPlace(place: readonly number[], other: readonly number[]): boolean {
  for (const [level, at] of place.entries()) {
    const than = other[level] ?? -1;
    if (at !== than) return at > than;
  }
  return false;
}
