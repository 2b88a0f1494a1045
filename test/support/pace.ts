// The pace of a load that waits for each answer: without one it takes all that a machine has, also from what it is to show.

/** Of a load that only has to be there, in milliseconds between two requests. */
export const GENTLE_MS = 50;

/** Returns what resolves at the next turn: at once if the last one is `everyMs` ago, so a slow answer is not followed by a pause. */
export function turns(everyMs = GENTLE_MS): () => Promise<void> {
  let next = performance.now();
  return async () => {
    const waitMs = next - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    next = Math.max(next, performance.now()) + everyMs;
  };
}
