// The benchmarks by name.
import { appendBenchmark } from './append.ts';
import { coldStartBenchmark } from './cold-start/cold-start.ts';
import { consumersBenchmark } from './consumers/consumers.ts';
import { edgeBenchmark } from './edge/edge.ts';
import { ingestBenchmark } from './ingest/ingest.ts';
import type { Benchmark } from './kit/benchmark.ts';
import { memoryBenchmark } from './memory/memory.ts';
import { movesBenchmark } from './moves/moves.ts';
import { neighboursBenchmark } from './neighbours/neighbours.ts';
import { pipelineBenchmark } from './pipeline/pipeline.ts';
import { replicationBenchmark } from './replication/replication.ts';

export const benchmarks: readonly Benchmark[] = [
  ingestBenchmark,
  appendBenchmark,
  consumersBenchmark,
  coldStartBenchmark,
  pipelineBenchmark,
  memoryBenchmark,
  edgeBenchmark,
  neighboursBenchmark,
  replicationBenchmark,
  movesBenchmark,
];
