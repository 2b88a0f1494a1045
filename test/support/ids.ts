// Ids for tests: counted or scripted, never random.
import type { Ids } from '../../core/ports/ids.ts';

/** 1, 2, 3 … in both halves of the 32 digits. Their fractions are almost 0, so backoff hardly waits. */
export function countingIds(): Ids {
  let count = 0;
  return {
    next() {
      count += 1;
      return count.toString(16).padStart(16, '0').repeat(2);
    },
  };
}

/** Exactly these, in order; then it throws. */
export function scriptedIds(...script: readonly string[]): Ids {
  let next = 0;
  return {
    next() {
      const id = script[next];
      if (id === undefined) throw new Error(`Only ${script.length} ids are scripted.`);
      next += 1;
      return id;
    },
  };
}
