// `replication`: what a warm and a log-only standby cost beside none, and how soon an event is there.
import type { Benchmark } from '../kit/benchmark.ts';
import { measureLag } from './lag.ts';
import { measurePrice } from './price.ts';

export const replicationBenchmark: Benchmark = {
  name: 'replication',
  summary: 'a warm and a log-only standby on the other cloud beside none: units, bytes sent, lag, processor time',
  clouds: ['aws', 'azure'],
  async run(context) {
    const price = await measurePrice(context);
    const lag = await measureLag(context);
    return {
      benchmark: 'replication',
      tables: [price.table, ...lag.tables],
      verdicts: [...price.verdicts, ...lag.verdicts],
    };
  },
};
