// What the process still uses after a collection, and by how much that grows with the events that have passed.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface HeapSample {
  /** Events that had passed. */
  readonly events: number;
  readonly usedMiB: number;
}

let collect: (() => void) | undefined;

/** Collects what is not used, and returns what is: heap and buffers, in MiB. */
export function usedHeapMiB(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1024 / 1024;
}

/** The slope of the line through the samples with the least squares, in MiB for 100,000 events; NaN of fewer than two. */
export function heapGrowth(samples: readonly HeapSample[]): number {
  const mean = (of: (sample: HeapSample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [events, used] = [mean((sample) => sample.events), mean((sample) => sample.usedMiB)];
  const along = samples.reduce((sum, sample) => sum + (sample.events - events) * (sample.usedMiB - used), 0);
  const squares = samples.reduce((sum, sample) => sum + (sample.events - events) ** 2, 0);
  return (100_000 * along) / squares;
}
