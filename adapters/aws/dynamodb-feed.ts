// The feed on DynamoDB Streams: shards with their parents, read by iterators.
import {
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListStreamsCommand,
  ResourceNotFoundException,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import { PortError } from '../../core/ports/errors.ts';
import { FEED_PORT_LIMITS, type FeedPage, type FeedShard, type FeedSource } from '../../core/ports/feed.ts';
import type { Log } from '../../core/ports/log.ts';
import { toChangeRecords } from './dynamodb-change-stream.ts';
import { toPortError } from './errors.ts';

export interface DynamoDbFeedOptions {
  /** A client with `maxAttempts: 1`: readers try again themselves. */
  readonly client: DynamoDBStreamsClient;
  readonly table: string;
  readonly log: Log;
  /** Records of a page; as many as the port allows unless given. */
  readonly pageRecords?: number;
}

/** Where the next page of a shard is, as the service says it: iterators last 15 minutes. */
interface Place {
  readonly position: string | undefined;
  readonly iterator: string;
}

/** Shards in a page of DescribeStream, at most. */
const SHARDS_A_PAGE = 100;

/**
 * The newest stream of a table. Shards are named `<shard>@<label of the stream>`: after a stream has been switched off and on there is another
 * one, which is read from its beginning.
 */
export class DynamoDbFeed implements FeedSource {
  readonly #options: Required<DynamoDbFeedOptions>;
  /** By label; of the newest stream, and of those before it that this process has known. */
  readonly #streams = new Map<string, string>();
  readonly #places = new Map<string, Place>();

  constructor(options: DynamoDbFeedOptions) {
    this.#options = { pageRecords: FEED_PORT_LIMITS.pageRecords, ...options };
  }

  async shards(): Promise<readonly FeedShard[]> {
    const label = await this.#newest();
    const found: { id: string; parent: string | undefined }[] = [];
    let from: string | undefined;
    do {
      const command = new DescribeStreamCommand({
        StreamArn: this.#streams.get(label),
        Limit: SHARDS_A_PAGE,
        ...(from !== undefined && { ExclusiveStartShardId: from }),
      });
      const { StreamDescription: description } = await this.#send(() => this.#options.client.send(command));
      for (const { ShardId: id, ParentShardId: parent } of description?.Shards ?? [])
        if (id !== undefined) found.push({ id, parent });
      if (found.length > FEED_PORT_LIMITS.shards)
        throw new PortError(
          'too-large',
          `The stream of ${this.#options.table} has more than ${FEED_PORT_LIMITS.shards} shards.`,
        );
      from = description?.LastEvaluatedShardId;
    } while (from !== undefined);
    const named = new Set(found.map(({ id }) => id));
    // A parent whose records have all expired is no longer named, and has nothing to wait for.
    return found.map(({ id, parent }) => ({
      id: `${id}@${label}`,
      parents: parent !== undefined && named.has(parent) ? [`${parent}@${label}`] : [],
    }));
  }

  async read(shard: string, position: string | undefined): Promise<FeedPage> {
    const iterator = await this.#iterator(shard, position);
    this.#places.delete(shard);
    if (iterator === undefined) return { records: [], next: { ended: [] } };
    try {
      const command = new GetRecordsCommand({ ShardIterator: iterator, Limit: this.#options.pageRecords });
      const { Records: raw = [], NextShardIterator: next } = await this.#options.client.send(command);
      const last = raw.at(-1)?.dynamodb?.SequenceNumber ?? position;
      const records = raw.flatMap(({ eventName, dynamodb = {} }) => {
        const { NewImage: image, SequenceNumber: sequence, ApproximateCreationDateTime: at } = dynamodb;
        return toChangeRecords({ eventName, image, sequence, committedAt: at?.getTime() ?? 0 });
      });
      // Only this says that a shard has ended: emulators report an ending sequence number on open ones.
      if (next === undefined) return { records, next: { ended: [] } };
      this.#places.set(shard, { position: last, iterator: next });
      return { records, next: { position: last } };
    } catch (error) {
      if (error instanceof ExpiredIteratorException) return { records: [], next: { position } };
      if (error instanceof TrimmedDataAccessException) return this.#trimmed(shard);
      if (error instanceof ResourceNotFoundException) return this.#gone(shard);
      throw toPortError(error);
    }
  }

  /** `undefined` for a shard that is no more. */
  async #iterator(shard: string, position: string | undefined): Promise<string | undefined> {
    const known = this.#places.get(shard);
    if (known !== undefined && known.position === position) return known.iterator;
    const [id = '', label = ''] = shard.split('@');
    if (!this.#streams.has(label)) await this.#newest();
    const arn = this.#streams.get(label);
    if (arn === undefined) {
      this.#gone(shard);
      return undefined;
    }
    const start =
      position === undefined
        ? { ShardIteratorType: 'TRIM_HORIZON' as const }
        : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' as const, SequenceNumber: position };
    try {
      const command = new GetShardIteratorCommand({ StreamArn: arn, ShardId: id, ...start });
      return (await this.#options.client.send(command)).ShardIterator;
    } catch (error) {
      if (error instanceof ResourceNotFoundException) {
        this.#gone(shard);
        return undefined;
      }
      if (error instanceof TrimmedDataAccessException && position !== undefined) {
        this.#trimmed(shard);
        return this.#iterator(shard, undefined);
      }
      throw toPortError(error);
    }
  }

  /** What a stream has dropped after its 24 hours cannot be had again: the reader goes on with what is left, and its operator must know. */
  #trimmed(shard: string): FeedPage {
    this.#options.log.error('records of the change stream expired before they were read', { shard });
    return { records: [], next: { position: undefined } };
  }

  #gone(shard: string): FeedPage {
    this.#options.log.error('a shard of the change stream is no more; what was not read of it is lost', { shard });
    return { records: [], next: { ended: [] } };
  }

  async #newest(): Promise<string> {
    const command = new ListStreamsCommand({ TableName: this.#options.table });
    const { Streams: streams = [] } = await this.#send(() => this.#options.client.send(command));
    const labelled = streams.flatMap(({ StreamLabel: label, StreamArn: arn }) =>
      label !== undefined && arn !== undefined ? [[label, arn] as const] : [],
    );
    for (const [label, arn] of labelled) this.#streams.set(label, arn);
    const newest = labelled
      .map(([label]) => label)
      .sort()
      .at(-1);
    if (newest === undefined) throw new PortError('not-found', `There is no stream of a table ${this.#options.table}.`);
    return newest;
  }

  async #send<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw toPortError(error);
    }
  }
}
