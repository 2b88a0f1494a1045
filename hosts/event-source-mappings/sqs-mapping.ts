// Polls an SQS queue and invokes a function with batches of its messages, as Lambda's event source mapping does.
import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { Bell, exponentialDelay, sleep, within } from '../processes/wait.ts';
import { type Invoke, runBatch } from './batch-response.ts';
import { toSqsEventRecord } from './records.ts';

export interface SqsMappingOptions {
  client: SQSClient;
  /** A standard queue. */
  queueUrl: string;
  queueArn: string;
  invoke: Invoke;
  /** Region in the records; `eu-central-1` unless given. */
  region?: string;
  /** 1 to 10,000; 10 unless given. Above 10 a batching window is required. */
  batchSize?: number;
  /** 0 to 300; 0 unless given. */
  maximumBatchingWindowSeconds?: number;
  /** Batches under way at once; 5 unless given. */
  maximumConcurrency?: number;
  reportBatchItemFailures?: boolean;
  /** Seconds of a long poll, 0 to 20; 20 unless given. */
  waitTimeSeconds?: number;
  /** Stands for filter criteria: messages it refuses are deleted without being handed over. */
  filter?: (record: SQSRecord) => boolean;
  /** Called for failed batches and for an unreachable queue; the mapping continues. */
  onProblem?: (message: string) => void;
  /** Milliseconds before a failed poll or deletion is tried again; doubling from 100 to 5,000 unless given. */
  retryDelayMs?: (attempt: number) => number;
}

/** Most messages of one ReceiveMessage or DeleteMessageBatch. */
const PAGE = 10;
/** Bytes of a batch's event: Lambda's 6 MB less room for the frame and one more message. */
const MAXIMUM_BATCH_BYTES = 6 * 1024 * 1024 - 1024;
/** A deletion that keeps failing is given up: the messages come again, which handlers must bear anyway. */
const DELETE_ATTEMPTS = 5;
/** Milliseconds between polls while a batching window fills. */
const WINDOW_POLL_MS = 100;

interface Received {
  record: SQSRecord;
  bytes: number;
}

/** A mapping. It never gives up on an unreachable queue; a failed message returns by its visibility timeout. */
export class SqsMapping {
  #options: Required<SqsMappingOptions>;
  #abort = new AbortController();
  #loop: Promise<void> | undefined;
  #inFlight = new Set<Promise<void>>();
  #freed = new Bell();
  /** Received, but too large for the batch before. */
  #carry: Received[] = [];
  #problem: string | undefined;

  /** @throws RangeError for settings that Lambda refuses */
  constructor(options: SqsMappingOptions) {
    this.#options = {
      region: 'eu-central-1',
      batchSize: 10,
      maximumBatchingWindowSeconds: 0,
      maximumConcurrency: 5,
      reportBatchItemFailures: false,
      waitTimeSeconds: 20,
      filter: () => true,
      onProblem: () => undefined,
      retryDelayMs: exponentialDelay(),
      ...options,
    };
    const { batchSize, maximumBatchingWindowSeconds: window, queueUrl } = this.#options;
    if (batchSize < 1 || batchSize > 10_000) throw new RangeError('The batch size must be from 1 to 10,000.');
    if (batchSize > PAGE && window < 1)
      throw new RangeError('A batch size above 10 needs a batching window of at least 1 second.');
    if (queueUrl.endsWith('.fifo')) throw new RangeError('FIFO queues are not supported here.');
  }

  /** Batches that the function is working on. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Begins to poll, in the background. */
  start(): void {
    this.#loop ??= this.#poll();
  }

  /** Stops polling; batches under way get `graceMs` milliseconds, and come again if they take longer. */
  async stop({ graceMs = 2_000 }: { graceMs?: number } = {}): Promise<void> {
    this.#abort.abort();
    await within(graceMs, Promise.all([this.#loop, ...this.#inFlight]));
  }

  async #poll(): Promise<void> {
    const { signal } = this.#abort;
    let failures = 0;
    while (!signal.aborted) {
      if (this.#inFlight.size >= this.#options.maximumConcurrency) {
        await this.#freed.wait(signal);
        continue;
      }
      try {
        const batch = await this.#gather();
        failures = 0;
        this.#problem = undefined;
        if (batch.length > 0 && !signal.aborted) this.#dispatch(batch);
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        this.#report(`Queue ${this.#options.queueUrl}: ${String(error)}`);
        await sleep(this.#options.retryDelayMs(failures), signal);
      }
    }
  }

  /** Reports the same problem once per outage. */
  #report(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#options.onProblem(problem);
  }

  async #gather(): Promise<Received[]> {
    const { batchSize, maximumBatchingWindowSeconds, waitTimeSeconds } = this.#options;
    const batch = this.#carry.splice(0);
    if (batch.length === 0) batch.push(...(await this.#receive(Math.min(PAGE, batchSize), waitTimeSeconds)));
    const until = performance.now() + maximumBatchingWindowSeconds * 1_000;
    while (batch.length > 0 && batch.length < batchSize && !isFull(batch)) {
      const left = until - performance.now();
      if (left <= 0 || this.#abort.signal.aborted) break;
      const more = await this.#receiveMore(batch, Math.min(PAGE, batchSize - batch.length));
      if (more === 0) await sleep(Math.min(WINDOW_POLL_MS, left), this.#abort.signal);
    }
    return this.#cut(batch);
  }

  /** What is already in hand is worth more than an error: it is handed over, and the next poll meets the error again. */
  async #receiveMore(batch: Received[], most: number): Promise<number> {
    try {
      const more = await this.#receive(most, 0);
      batch.push(...more);
      return more.length;
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#report(`Queue ${this.#options.queueUrl}: ${String(error)}`);
      return 0;
    }
  }

  #cut(batch: Received[]): Received[] {
    let bytes = 0;
    const over = batch.findIndex((received, index) => {
      bytes += received.bytes + 1;
      return index > 0 && bytes > MAXIMUM_BATCH_BYTES;
    });
    if (over === -1) return batch;
    this.#carry = batch.splice(over);
    return batch;
  }

  async #receive(most: number, waitTimeSeconds: number): Promise<Received[]> {
    const { client, queueUrl, queueArn, region } = this.#options;
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: most,
      WaitTimeSeconds: waitTimeSeconds,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    });
    const { Messages: messages = [] } = await client.send(command, { abortSignal: this.#abort.signal });
    return messages.map((message: Message) => {
      const record = toSqsEventRecord(message, { region, queueArn });
      return { record, bytes: Buffer.byteLength(JSON.stringify(record)) };
    });
  }

  #dispatch(batch: Received[]): void {
    const work = this.#process(batch.map(({ record }) => record))
      .catch((error: unknown) => this.#options.onProblem(`Queue ${this.#options.queueUrl}: ${String(error)}`))
      .finally(() => {
        this.#inFlight.delete(work);
        this.#freed.ring();
      });
    this.#inFlight.add(work);
  }

  async #process(all: readonly SQSRecord[]): Promise<void> {
    const { invoke, reportBatchItemFailures, filter, onProblem } = this.#options;
    const records = all.filter((record) => filter(record));
    await this.#delete(all.filter((record) => !records.includes(record)));
    if (records.length === 0) return;
    const known = new Set(records.map(({ messageId }) => messageId));
    const outcome = await runBatch(invoke, { Records: records }, known, reportBatchItemFailures);
    if (outcome.kind === 'failure') {
      onProblem(`Batch of ${this.#options.queueUrl} failed: ${outcome.reason}`);
      return;
    }
    const succeeded =
      outcome.kind === 'success' ? records : records.filter(({ messageId }) => !outcome.failed.has(messageId));
    await this.#delete(succeeded);
  }

  async #delete(records: readonly SQSRecord[]): Promise<void> {
    const pages: SQSRecord[][] = [];
    for (let start = 0; start < records.length; start += PAGE) pages.push(records.slice(start, start + PAGE));
    await Promise.all(pages.map((page) => this.#deletePage(page)));
  }

  async #deletePage(page: readonly SQSRecord[]): Promise<void> {
    const { client, queueUrl, retryDelayMs, onProblem } = this.#options;
    let left = page;
    for (let attempt = 1; ; attempt++) {
      let problem: string;
      try {
        const Entries = left.map(({ receiptHandle }, index) => ({ Id: String(index), ReceiptHandle: receiptHandle }));
        // Not tied to stop(): what succeeded should be deleted even while stopping.
        const { Failed: failed = [] } = await client.send(
          new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }),
        );
        if (failed.length === 0) return;
        problem = `${failed.length} deletions failed: ${failed[0]?.Code}`;
        left = failed.flatMap(({ Id }) => left[Number(Id)] ?? []);
      } catch (error) {
        problem = String(error);
      }
      onProblem(`Queue ${queueUrl}: ${problem}`);
      if (attempt === DELETE_ATTEMPTS) return;
      await sleep(retryDelayMs(attempt), this.#abort.signal);
    }
  }
}

const isFull = (batch: readonly Received[]): boolean =>
  batch.reduce((sum, { bytes }) => sum + bytes + 1, 0) > MAXIMUM_BATCH_BYTES;
