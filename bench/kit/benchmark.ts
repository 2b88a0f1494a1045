// What every benchmark is given and must give back.
import type { Report } from './report.ts';

export type Cloud = 'aws' | 'azure';

export interface Context {
  /** Rounds to measure; a benchmark's own number unless the caller asked for another. */
  readonly rounds: number | undefined;
  /** Events to work on, for benchmarks that take a number of them; their own number unless the caller asked for another. */
  readonly events?: number | undefined;
  /** The cloud whose side is measured, for benchmarks that have one of each. */
  readonly cloud: Cloud;
  /** Less of everything: to see that it works, not to quote. */
  readonly quick: boolean;
  /** Reports progress on standard error. */
  readonly progress: (text: string) => void;
  /** Registers what must be undone at the end, in whichever way the end comes. Undone last first. */
  readonly atEnd: (undo: () => Promise<void>) => void;
}

export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  /** The clouds to choose from; without it there is nothing to choose. */
  readonly clouds?: readonly Cloud[];
  /** Whether the caller may say how many events it works on. */
  readonly takesEvents?: true;
  run(context: Context): Promise<Report>;
}
