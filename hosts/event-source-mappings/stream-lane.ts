// One lane of a shard: records in order, one batch at a time, retried until it succeeds or the mapping's limits say otherwise.
import { randomUUID } from 'node:crypto';
import type { DynamoDBRecord } from 'aws-lambda';
import { Bell, sleep } from '../processes/wait.ts';
import { type Invoke, runBatch } from './batch-response.ts';

/** A record on its way through a shard. */
export interface Entry {
  sequence: string;
  record: DynamoDBRecord;
  /** Bytes of the record as JSON. */
  bytes: number;
  done: boolean;
}

/** What an on-failure destination gets for records that were given up; AWS sends the same JSON to SQS or SNS. */
export interface DiscardedBatch {
  requestContext: {
    requestId: string;
    functionArn: string;
    condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded';
    approximateInvokeCount: number;
  };
  responseContext: { statusCode: 200; executedVersion: '$LATEST'; functionError: 'Unhandled' };
  version: '1.0';
  timestamp: string;
  DDBStreamBatchInfo: {
    shardId: string;
    startSequenceNumber: string;
    endSequenceNumber: string;
    approximateArrivalOfFirstRecord: string;
    approximateArrivalOfLastRecord: string;
    batchSize: number;
    streamArn: string;
  };
}

export interface LaneOptions {
  invoke: Invoke;
  batchSize: number;
  maximumBatchingWindowSeconds: number;
  reportBatchItemFailures: boolean;
  bisectBatchOnFunctionError: boolean;
  /** -1 for endless. */
  maximumRetryAttempts: number;
  /** -1 for endless. */
  maximumRecordAgeSeconds: number;
  /** Milliseconds before the given retry; the first is 1. */
  retryDelayMs: (attempt: number) => number;
  functionArn: string;
  shardId: string;
  streamArn: string;
  now: () => number;
  onDiscard: (batch: DiscardedBatch) => void | Promise<void>;
  onFailure: (reason: string, attempt: number) => void;
  /** These entries are dealt with; the shard moves its checkpoint. */
  onDone: (entries: readonly Entry[]) => void;
}

interface Work {
  entries: readonly Entry[];
  /** Failed invocations so far. */
  attempts: number;
}

/** Bytes of a batch's event; the event's own frame is far below the rest. */
const MAXIMUM_BATCH_BYTES = 6 * 1024 * 1024 - 1024;

export class StreamLane {
  #options: LaneOptions;
  #queue: Entry[] = [];
  #arrived = new Bell();
  #signal: AbortSignal;
  /** Settles when the lane has stopped, its last invocation included. */
  readonly finished: Promise<void>;

  constructor(options: LaneOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.finished = this.#run();
  }

  push(entry: Entry): void {
    this.#queue.push(entry);
    this.#arrived.ring();
  }

  async #run(): Promise<void> {
    while (!this.#signal.aborted) {
      if (this.#queue.length === 0) {
        await this.#arrived.wait(this.#signal);
        continue;
      }
      await this.#fillWindow();
      if (!this.#signal.aborted) await this.#deliver(this.#takeBatch());
    }
  }

  async #fillWindow(): Promise<void> {
    const { maximumBatchingWindowSeconds, batchSize } = this.#options;
    const until = performance.now() + maximumBatchingWindowSeconds * 1_000;
    for (;;) {
      const left = until - performance.now();
      if (left <= 0 || this.#queue.length >= batchSize || this.#signal.aborted) return;
      await this.#arrived.wait(this.#signal, left);
    }
  }

  #takeBatch(): Entry[] {
    let bytes = 0;
    let count = 0;
    for (const entry of this.#queue) {
      bytes += entry.bytes + 1;
      if (count === this.#options.batchSize || (count > 0 && bytes > MAXIMUM_BATCH_BYTES)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #deliver(batch: readonly Entry[]): Promise<void> {
    let work: Work[] = [{ entries: batch, attempts: 0 }];
    for (;;) {
      const [next, ...later] = work;
      if (next === undefined || this.#signal.aborted) return;
      work = [...(await this.#attempt(next)), ...later];
    }
  }

  /** @returns what is still to be done of this work, in order */
  async #attempt({ entries, attempts }: Work): Promise<Work[]> {
    const { invoke, reportBatchItemFailures, bisectBatchOnFunctionError, maximumRetryAttempts } = this.#options;
    const young = await this.#discardExpired(entries, attempts);
    if (young.length < entries.length) return young.length === 0 ? [] : [{ entries: young, attempts }];
    const event = { Records: entries.map(({ record }) => record) };
    const known = new Set(entries.map(({ sequence }) => sequence));
    const outcome = await runBatch(invoke, event, known, reportBatchItemFailures);
    if (this.#signal.aborted) {
      // A late success counts, as it saves a repetition; a late failure is left to the next start.
      if (outcome.kind === 'success') this.#options.onDone(entries);
      return [];
    }
    if (outcome.kind === 'success') {
      this.#options.onDone(entries);
      return [];
    }
    const failed = attempts + 1;
    this.#options.onFailure(
      outcome.kind === 'failure' ? outcome.reason : `${outcome.failed.size} records failed`,
      failed,
    );
    if (outcome.kind === 'partial') {
      const lowest = entries.findIndex(({ sequence }) => outcome.failed.has(sequence));
      this.#options.onDone(entries.slice(0, lowest));
      // Everything from the lowest failure on comes again. Having moved on, it is a batch of its own.
      if (lowest > 0) {
        await this.#pause(1);
        return [{ entries: entries.slice(lowest), attempts: 0 }];
      }
    } else if (bisectBatchOnFunctionError && entries.length > 1) {
      // A split does not use up a retry.
      const half = Math.ceil(entries.length / 2);
      return [entries.slice(0, half), entries.slice(half)].map((part) => ({ entries: part, attempts }));
    }
    if (maximumRetryAttempts >= 0 && failed > maximumRetryAttempts) {
      await this.#discard(entries, 'RetryAttemptsExhausted', failed);
      return [];
    }
    await this.#pause(failed);
    return [{ entries, attempts: failed }];
  }

  #pause(attempt: number): Promise<void> {
    return sleep(this.#options.retryDelayMs(attempt), this.#signal);
  }

  async #discardExpired(entries: readonly Entry[], attempts: number): Promise<readonly Entry[]> {
    const { maximumRecordAgeSeconds, now } = this.#options;
    if (maximumRecordAgeSeconds < 0) return entries;
    const oldest = now() / 1_000 - maximumRecordAgeSeconds;
    const isOld = ({ record }: Entry): boolean => (record.dynamodb?.ApproximateCreationDateTime ?? Infinity) < oldest;
    const firstYoung = entries.findIndex((entry) => !isOld(entry));
    const old = firstYoung === -1 ? entries : entries.slice(0, firstYoung);
    if (old.length > 0) await this.#discard(old, 'RecordAgeExceeded', attempts);
    return entries.slice(old.length);
  }

  async #discard(
    entries: readonly Entry[],
    condition: DiscardedBatch['requestContext']['condition'],
    approximateInvokeCount: number,
  ): Promise<void> {
    const { functionArn, shardId, streamArn, onDiscard, now } = this.#options;
    const at = (entry: Entry | undefined): string =>
      new Date((entry?.record.dynamodb?.ApproximateCreationDateTime ?? 0) * 1_000).toISOString();
    const batch: DiscardedBatch = {
      requestContext: { requestId: randomUUID(), functionArn, condition, approximateInvokeCount },
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      version: '1.0',
      timestamp: new Date(now()).toISOString(),
      DDBStreamBatchInfo: {
        shardId,
        startSequenceNumber: entries[0]?.sequence ?? '',
        endSequenceNumber: entries.at(-1)?.sequence ?? '',
        approximateArrivalOfFirstRecord: at(entries[0]),
        approximateArrivalOfLastRecord: at(entries.at(-1)),
        batchSize: entries.length,
        streamArn,
      },
    };
    // The records are let go only once their destination has the notice.
    for (let attempt = 1; !this.#signal.aborted; attempt++) {
      try {
        await onDiscard(batch);
        this.#options.onDone(entries);
        return;
      } catch (error) {
        this.#options.onFailure(`The on-failure destination refused a batch: ${String(error)}`, attempt);
        await this.#pause(attempt);
      }
    }
  }
}
