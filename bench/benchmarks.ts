// The benchmarks by name.
import { ingestBenchmark } from './ingest/ingest.ts';
import type { Benchmark } from './kit/benchmark.ts';
import { pipelineBenchmark } from './pipeline/pipeline.ts';

export const benchmarks: readonly Benchmark[] = [ingestBenchmark, pipelineBenchmark];
