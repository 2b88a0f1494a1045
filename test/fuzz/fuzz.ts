// Sends inputs to a target, several at a time, and gathers what fails, each in its smallest form.
import type { RequestStep } from '../parity/recording.ts';
import { inputOf } from './inputs.ts';
import { shrink, wayOf } from './shrink.ts';
import type { Target } from './targets.ts';

export const FUZZ_LIMITS = {
  /** Inputs at once. Those of one lane follow each other and have a tenant of their own, so that answers depend on nothing else. */
  lanes: 8,
  /** Failures after which it ends. */
  failures: 10,
  /** Inputs between two lines of progress. */
  progress: 1000,
} as const;

export interface FuzzFailure {
  readonly number: number;
  readonly failure: string;
  readonly smallest: RequestStep;
}

export interface FuzzResult {
  readonly target: string;
  readonly seed: number;
  readonly inputs: number;
  /** Inputs by kind. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly failures: readonly FuzzFailure[];
}

/** Sends so many inputs; of each way to fail the first one is kept. */
export async function fuzz(
  target: Target,
  seed: number,
  inputs: number,
  progress: (text: string) => void = () => undefined,
): Promise<FuzzResult> {
  const kinds: Record<string, number> = {};
  const failures: FuzzFailure[] = [];
  const ways = new Set<string>();
  let sent = 0;
  const play = async (lane: number) => {
    for (let number = lane; number < inputs && failures.length < FUZZ_LIMITS.failures; number += FUZZ_LIMITS.lanes) {
      const step = inputOf(seed, number, lane);
      const failure = await target.attempt(step);
      sent += 1;
      kinds[step.group] = (kinds[step.group] ?? 0) + 1;
      if (sent % FUZZ_LIMITS.progress === 0)
        progress(`${target.name}: ${sent} of ${inputs} inputs, ${failures.length} failures`);
      if (failure === undefined || ways.has(wayOf(failure))) continue;
      ways.add(wayOf(failure));
      const smallest = await shrink(step, failure, (smaller) => target.attempt(smaller));
      failures.push({ number, failure, smallest });
    }
  };
  await Promise.all(Array.from({ length: FUZZ_LIMITS.lanes }, (_, lane) => play(lane)));
  return { target: target.name, seed, inputs: sent, kinds, failures };
}
