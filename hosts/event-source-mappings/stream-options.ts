// What a DynamoDB stream mapping is configured with, and how far it has come.
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { exponentialDelay } from '../processes/wait.ts';
import type { Invoke } from './batch-response.ts';
import type { DiscardedBatch } from './stream-lane.ts';

/** How far a mapping has come. Plain JSON, to be kept by the caller. */
export interface StreamCheckpoint {
  streamArn: string;
  /** By shard: the last sequence number up to which everything is dealt with, or SHARD_END. */
  shards: Record<string, string>;
}

export const SHARD_END = 'SHARD_END';

export interface DynamoDbStreamMappingOptions {
  client: DynamoDBStreamsClient;
  /** The table whose current stream is read; it may be created, or created anew, later. */
  tableName: string;
  invoke: Invoke;
  /** Region in the records; `eu-central-1` unless given. */
  region?: string;
  functionArn?: string;
  /** Name of the table's partition key, which spreads records over lanes. By whole item key unless given. */
  partitionKey?: string;
  /** 1 to 10,000; 100 unless given. */
  batchSize?: number;
  /** 0 to 300; 0 unless given. */
  maximumBatchingWindowSeconds?: number;
  /** Concurrent batches per shard, 1 to 10; 1 unless given. Order holds per partition key. */
  parallelizationFactor?: number;
  reportBatchItemFailures?: boolean;
  bisectBatchOnFunctionError?: boolean;
  /** -1, the default, retries until the record expires from the stream. */
  maximumRetryAttempts?: number;
  /** -1, the default, or seconds after which a record is given up. */
  maximumRecordAgeSeconds?: number;
  /** Where to begin without a checkpoint; TRIM_HORIZON unless given. */
  startingPosition?: 'TRIM_HORIZON' | 'LATEST';
  checkpoint?: StreamCheckpoint;
  /** Called at every new checkpoint. */
  onCheckpoint?: (checkpoint: StreamCheckpoint) => void;
  onDiscard?: (batch: DiscardedBatch) => void | Promise<void>;
  /** Called for failed invocations and for an unreachable or odd stream; the mapping continues. */
  onProblem?: (message: string) => void;
  /** Milliseconds before a retry, of an invocation or a poll; doubling from 100 to 5,000 unless given. */
  retryDelayMs?: (attempt: number) => number;
  /** Milliseconds between polls of a quiet stream; 200 unless given, where Lambda takes 250. */
  idlePollMs?: number;
  /** Epoch milliseconds. */
  now?: () => number;
}

/** Every option with its value. */
export type StreamSettings = Required<Omit<DynamoDbStreamMappingOptions, 'checkpoint' | 'partitionKey'>> & {
  partitionKey: string | undefined;
};

export function streamSettings({
  checkpoint: _,
  partitionKey,
  ...given
}: DynamoDbStreamMappingOptions): StreamSettings {
  return {
    region: 'eu-central-1',
    functionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:local',
    batchSize: 100,
    maximumBatchingWindowSeconds: 0,
    parallelizationFactor: 1,
    reportBatchItemFailures: false,
    bisectBatchOnFunctionError: false,
    maximumRetryAttempts: -1,
    maximumRecordAgeSeconds: -1,
    startingPosition: 'TRIM_HORIZON',
    onCheckpoint: () => undefined,
    onDiscard: () => undefined,
    onProblem: () => undefined,
    retryDelayMs: exponentialDelay(),
    idlePollMs: 200,
    now: Date.now,
    ...given,
    partitionKey,
  };
}
