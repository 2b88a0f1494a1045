// Polls a DynamoDB stream and invokes a function with its records, as Lambda's event source mapping does.
import { createHash } from 'node:crypto';
import {
  DescribeStreamCommand,
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListStreamsCommand,
  ResourceNotFoundException,
  type Shard,
  type _Record as StreamRecord,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import { Bell, within } from '../processes/wait.ts';
import { toStreamEventRecord } from './records.ts';
import { type Entry, type LaneOptions, StreamLane } from './stream-lane.ts';
import {
  type DynamoDbStreamMappingOptions,
  SHARD_END,
  type StreamCheckpoint,
  type StreamSettings,
  streamSettings,
} from './stream-options.ts';

/** Milliseconds between polls while records have come within the last two seconds. */
const BUSY_POLL_MS = 50;
const BUSY_FOR_MS = 2_000;
/** Records read ahead per shard before polling waits for the function. */
const READ_AHEAD = 2_000;
/** GetRecords returns at most this many on AWS, and also on dynoxide. */
const PAGE = 1_000;

interface ShardState {
  shardId: string;
  parent: string | undefined;
  iterator: string | undefined;
  /** The stream has no more records for it; those read may still be under way. */
  closed: boolean;
  checkpoint: string | undefined;
  /** It was read from LATEST, and has had no record yet. */
  fromLatest: boolean;
  /** In stream order; done entries leave from the front only. */
  entries: Entry[];
  lanes: StreamLane[];
}

/** A mapping. It never gives up on an unreachable stream, and never skips a record unless its limits say so. */
export class DynamoDbStreamMapping {
  #options: StreamSettings;
  #abort = new AbortController();
  /** Ends the lanes of a stream that is no more. */
  #streamAbort = new AbortController();
  #wake = new Bell();
  #streamArn: string | undefined;
  #shards = new Map<string, ShardState>();
  #checkpoint: StreamCheckpoint | undefined;
  #loop: Promise<void> | undefined;
  #lastRecordAt = 0;
  #started = 0;
  #problem: string | undefined;

  constructor(options: DynamoDbStreamMappingOptions) {
    this.#options = streamSettings(options);
    const { checkpoint } = options;
    this.#checkpoint = checkpoint === undefined ? undefined : structuredClone(checkpoint);
  }

  /** A copy of how far it has come; undefined before the stream was found. */
  get checkpoint(): StreamCheckpoint | undefined {
    return structuredClone(this.#checkpoint);
  }

  /** Records read and not yet dealt with. */
  get backlog(): number {
    return [...this.#shards.values()].reduce((sum, { entries }) => sum + entries.filter(({ done }) => !done).length, 0);
  }

  /** Begins to poll, in the background. */
  start(): void {
    if (this.#loop !== undefined) return;
    this.#started = this.#options.now();
    this.#loop = this.#poll();
  }

  /** Stops polling; a batch under way gets `graceMs` milliseconds, and is abandoned after that: it comes again. */
  async stop({ graceMs = 2_000 }: { graceMs?: number } = {}): Promise<void> {
    const lanes = [...this.#shards.values()].flatMap((shard) => shard.lanes);
    this.#abort.abort();
    this.#streamAbort.abort();
    await within(graceMs, Promise.all([this.#loop, ...lanes.map(({ finished }) => finished)]));
    this.#dropStream();
  }

  async #poll(): Promise<void> {
    let failures = 0;
    let lookAgain = true;
    while (!this.#abort.signal.aborted) {
      try {
        if (lookAgain) await this.#discover();
        const { read, closed } = await this.#readAll();
        failures = 0;
        this.#problem = undefined;
        lookAgain = closed || this.#shards.size === 0;
        if (read === 0) await this.#wake.wait(this.#abort.signal, this.#pauseMs());
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        failures++;
        // After an outage the server may be another one, whose stream counts from one again.
        lookAgain = true;
        this.#report(`Stream of table ${this.#options.tableName}: ${String(error)}`);
        await this.#wake.wait(this.#abort.signal, this.#options.retryDelayMs(failures));
      }
    }
  }

  #pauseMs(): number {
    const busy = performance.now() - this.#lastRecordAt < BUSY_FOR_MS;
    return Math.min(busy ? BUSY_POLL_MS : Infinity, this.#options.idlePollMs);
  }

  /** Reports the same problem once per outage. */
  #report(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#options.onProblem(problem);
  }

  async #discover(): Promise<void> {
    const { client, tableName } = this.#options;
    const abortSignal = this.#abort.signal;
    const { Streams: streams = [] } = await client.send(new ListStreamsCommand({ TableName: tableName }), {
      abortSignal,
    });
    const labelled = [...streams].sort((a, b) => (a.StreamLabel ?? '').localeCompare(b.StreamLabel ?? ''));
    const streamArn = labelled.at(-1)?.StreamArn;
    if (streamArn === undefined) throw new Error('it has none yet.');
    if (streamArn !== this.#streamArn) this.#adopt(streamArn);
    let ExclusiveStartShardId: string | undefined;
    do {
      const input = ExclusiveStartShardId === undefined ? {} : { ExclusiveStartShardId };
      const command = new DescribeStreamCommand({ StreamArn: streamArn, ...input });
      const { StreamDescription: description } = await client.send(command, { abortSignal });
      for (const shard of description?.Shards ?? []) this.#addShard(shard);
      ExclusiveStartShardId = description?.LastEvaluatedShardId;
    } while (ExclusiveStartShardId !== undefined);
  }

  #adopt(streamArn: string): void {
    const replaced =
      this.#streamArn !== undefined || (this.#checkpoint !== undefined && this.#checkpoint.streamArn !== streamArn);
    this.#dropStream();
    if (replaced)
      this.#options.onProblem(`Table ${this.#options.tableName} has a new stream; reading it from its beginning.`);
    const kept = this.#checkpoint?.streamArn === streamArn ? this.#checkpoint : undefined;
    // LATEST is for the very first start: from then on it could skip what came in between.
    if (replaced || kept !== undefined) this.#options.startingPosition = 'TRIM_HORIZON';
    this.#streamArn = streamArn;
    this.#checkpoint = kept ?? { streamArn, shards: {} };
  }

  #dropStream(): void {
    this.#streamAbort.abort();
    this.#streamAbort = new AbortController();
    this.#shards.clear();
  }

  #addShard({ ShardId: shardId, ParentShardId: parent }: Shard): void {
    if (shardId === undefined || this.#shards.has(shardId)) return;
    const checkpoint = this.#checkpoint?.shards[shardId];
    const closed = checkpoint === SHARD_END;
    this.#shards.set(shardId, {
      shardId,
      parent,
      iterator: undefined,
      closed,
      checkpoint,
      fromLatest: false,
      entries: [],
      lanes: [],
    });
  }

  /** A child is read only when everything of its parent is dealt with; otherwise items would change order. */
  #mayRead({ closed, entries, parent }: ShardState): boolean {
    const before = parent === undefined ? undefined : this.#shards.get(parent);
    if (before !== undefined && !(before.closed && before.entries.length === 0)) return false;
    return !closed && entries.length < READ_AHEAD;
  }

  async #readAll(): Promise<{ read: number; closed: boolean }> {
    let read = 0;
    let closed = false;
    for (const shard of [...this.#shards.values()].filter((candidate) => this.#mayRead(candidate))) {
      read += await this.#read(shard);
      closed ||= shard.closed;
    }
    return { read, closed };
  }

  async #read(shard: ShardState): Promise<number> {
    try {
      shard.iterator ??= await this.#iterator(shard);
      const command = new GetRecordsCommand({ ShardIterator: shard.iterator, Limit: PAGE });
      const { Records: records = [], NextShardIterator: next } = await this.#options.client.send(command, {
        abortSignal: this.#abort.signal,
      });
      for (const record of records) this.#push(shard, record);
      shard.iterator = next;
      // Only this says that a shard has ended: emulators report an ending sequence number on open ones.
      if (next === undefined) this.#close(shard);
      return records.length;
    } catch (error) {
      if (error instanceof TrimmedDataAccessException) {
        this.#options.onProblem(`Records of shard ${shard.shardId} expired before they were read.`);
        this.#position(shard, undefined);
        return 0;
      }
      shard.iterator = keepsIterator(error) ? shard.iterator : undefined;
      if (error instanceof ExpiredIteratorException) return 0;
      throw error;
    }
  }

  #position(shard: ShardState, sequence: string | undefined): void {
    shard.iterator = undefined;
    shard.checkpoint = sequence;
    this.#options.startingPosition = 'TRIM_HORIZON';
  }

  async #iterator(shard: ShardState): Promise<string | undefined> {
    const after = shard.entries.at(-1)?.sequence ?? shard.checkpoint;
    const isRoot = shard.parent === undefined || !this.#shards.has(shard.parent);
    // When an iterator at LATEST is lost, the place it stood for is found again by time.
    const type = isRoot && !shard.fromLatest ? this.#options.startingPosition : 'TRIM_HORIZON';
    const { ShardIterator } = await this.#options.client.send(
      new GetShardIteratorCommand({
        StreamArn: this.#streamArn,
        ShardId: shard.shardId,
        ...(after === undefined
          ? { ShardIteratorType: type }
          : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: after }),
      }),
      { abortSignal: this.#abort.signal },
    );
    shard.fromLatest ||= after === undefined && type === 'LATEST';
    return ShardIterator;
  }

  #push(shard: ShardState, raw: StreamRecord): void {
    const streamArn = this.#streamArn ?? '';
    const record = toStreamEventRecord(raw, { region: this.#options.region, streamArn });
    const sequence = record.dynamodb?.SequenceNumber ?? '';
    this.#lastRecordAt = performance.now();
    const created = record.dynamodb?.ApproximateCreationDateTime ?? Infinity;
    if (shard.fromLatest && created < Math.floor(this.#started / 1_000)) return;
    const entry: Entry = { sequence, record, bytes: Buffer.byteLength(JSON.stringify(record)), done: false };
    shard.entries.push(entry);
    const { parallelizationFactor: lanes, partitionKey } = this.#options;
    const keys = record.dynamodb?.Keys ?? {};
    const lane = laneOf(partitionKey === undefined ? keys : keys[partitionKey], lanes);
    (shard.lanes[lane] ??= this.#openLane(shard)).push(entry);
  }

  #openLane(shard: ShardState): StreamLane {
    const signal = this.#streamAbort.signal;
    const options: LaneOptions = {
      ...this.#options,
      shardId: shard.shardId,
      streamArn: this.#streamArn ?? '',
      onFailure: (reason, attempt) =>
        this.#options.onProblem(`Batch of ${this.#options.tableName} failed (attempt ${attempt}): ${reason}`),
      onDone: (entries) => this.#done(shard, entries),
    };
    return new StreamLane(options, signal);
  }

  #done(shard: ShardState, entries: readonly Entry[]): void {
    for (const entry of entries) entry.done = true;
    const open = shard.entries.findIndex(({ done }) => !done);
    const finished = shard.entries.splice(0, open === -1 ? shard.entries.length : open);
    const last = finished.at(-1);
    if (last !== undefined) this.#save(shard, last.sequence);
    if (shard.closed && shard.entries.length === 0) this.#save(shard, SHARD_END);
    this.#wake.ring();
  }

  #close(shard: ShardState): void {
    shard.closed = true;
    if (shard.entries.length === 0) this.#save(shard, SHARD_END);
  }

  #save(shard: ShardState, position: string): void {
    // A batch of a stream that was replaced meanwhile must not mark the new one.
    if (this.#shards.get(shard.shardId) !== shard || this.#checkpoint === undefined) return;
    shard.checkpoint = position;
    this.#checkpoint.shards[shard.shardId] = position;
    this.#options.onCheckpoint(structuredClone(this.#checkpoint));
  }
}

/** An outage leaves an iterator valid; what the server says of the iterator itself does not. */
function keepsIterator(error: unknown): boolean {
  if (error instanceof ExpiredIteratorException || error instanceof ResourceNotFoundException) return false;
  return !(error instanceof Error && error.name === 'ValidationException');
}

/** The lane of a key: the same key always in the same lane. */
export function laneOf(key: unknown, lanes: number): number {
  if (lanes === 1) return 0;
  const text = JSON.stringify(key !== null && typeof key === 'object' ? Object.entries(key).sort() : key) ?? '';
  return createHash('md5').update(text).digest().readUInt32BE(0) % lanes;
}
