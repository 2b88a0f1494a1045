// Waiting for something that another process will bring about: asked again and again, with an end.

import { PATIENCE_MS } from './patience.ts';

/** Pauses between two questions, in milliseconds. They grow: each question takes a processor from what is waited for. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/** Resolves with what `ask` first resolves with; rejects with its last complaint after `withinMs`. */
export async function eventually<T>(ask: () => Promise<T>, withinMs = PATIENCE_MS): Promise<T> {
  const end = performance.now() + withinMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
