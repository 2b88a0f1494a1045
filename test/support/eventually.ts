// Waiting for something that another process will bring about: asked again and again, with an end.

import { PATIENCE_MS } from './patience.ts';

const EVERY_MS = 50;

/** Resolves with the first value of `ask` that is not undefined; rejects with its last complaint after `withinMs`. */
export async function eventually<T>(ask: () => Promise<T>, withinMs = PATIENCE_MS, everyMs = EVERY_MS): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}
