// Looks at something that goes on at the edge: an edge that does not answer now, as it is deployed or busy, may do so at the next look.
import { EXIT, UserError } from './command.ts';

/** Whether there was no answer, rather than one that ends the command. */
export const isAway = (error: unknown): error is UserError =>
  error instanceof UserError && error.exitCode === EXIT.failed;

/**
 * Returns the look, which resolves with `undefined` where there is no answer; the first time in a row is said.
 * It rejects if more than `most` in a row stay unanswered, and with whatever else `look` rejects with.
 */
export function patientLook<T>(
  look: () => Promise<T>,
  most: number,
  say: (message: string) => void,
): () => Promise<T | undefined> {
  let unanswered = 0;
  return async () => {
    try {
      const seen = await look();
      unanswered = 0;
      return seen;
    } catch (error) {
      unanswered += 1;
      if (!isAway(error) || unanswered > most) throw error;
      if (unanswered === 1) say(error.message);
      return undefined;
    }
  };
}
