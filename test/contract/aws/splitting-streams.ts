// DynamoDB Streams whose shards split, in front of an emulator whose shards do not: it cuts the one shard into generations by sequence numbers.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Json {
  readonly [name: string]: unknown;
}

interface RawRecord {
  readonly dynamodb: { readonly SequenceNumber: string; readonly Keys: { readonly p: { readonly S: string } } };
}

/** A shard as clients see it. */
interface Generation {
  readonly id: string;
  readonly parent: string | undefined;
  /** Sequence number after which it begins; none: with the stream. */
  readonly after: string | undefined;
  /** The last one that it has; none: it is open. */
  until?: string;
  readonly takes: (partition: string) => boolean;
}

const half = (partition: string, level: number): number =>
  ([...partition].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7) >>> level) & 1;

const reached = (sequence: string, end: string | undefined) => end !== undefined && BigInt(sequence) >= BigInt(end);

export class SplittingStreams {
  readonly #target: string;
  readonly #server: Server;
  #generations: Generation[] = [{ id: 'shardId-root', parent: undefined, after: undefined, takes: () => true }];
  #realShard = '';
  #arn = '';

  constructor(target: string) {
    this.#target = target;
    this.#server = createServer((request, response) => {
      void this.#serve(request).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
        response.end(body);
      });
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The first open shard ends with what is in the table's stream by now, and has two children. */
  async split(table: string): Promise<void> {
    const { Streams } = await this.#call('ListStreams', { TableName: table });
    await this.#describe({ StreamArn: (Streams as { StreamArn: string }[])[0]?.StreamArn });
    const open = this.#generations.find(({ until }) => until === undefined);
    if (open === undefined) throw new RangeError('No shard is open.');
    const last = await this.#lastSequence();
    open.until = last;
    const level = this.#generations.length;
    for (const side of [0, 1])
      this.#generations.push({
        id: `${open.id}-${side}`,
        parent: open.id,
        after: last,
        takes: (partition) => open.takes(partition) && half(partition, level) === side,
      });
  }

  async #serve(request: IncomingMessage): Promise<{ status: number; body: string }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const input = JSON.parse(Buffer.concat(chunks).toString()) as Json;
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    try {
      return { status: 200, body: JSON.stringify(await this.#answer(operation, input)) };
    } catch (error) {
      return { status: 400, body: (error as Error).message };
    }
  }

  #answer(operation: string, input: Json): Promise<Json> {
    if (operation === 'DescribeStream') return this.#describe(input);
    if (operation === 'GetShardIterator') return this.#iterator(input);
    return operation === 'GetRecords' ? this.#records(input) : this.#call(operation, input);
  }

  async #describe(input: Json): Promise<Json> {
    const { StreamDescription: real } = await this.#call('DescribeStream', { StreamArn: input.StreamArn });
    const description = real as Json & { readonly Shards: { readonly ShardId: string }[] };
    if (description.Shards.length !== 1)
      throw new Error('The emulator has learned to split shards: this is not needed any more.');
    this.#realShard = description.Shards[0]?.ShardId ?? '';
    this.#arn = String(input.StreamArn);
    // A page holds one shard, so that clients must ask for the next.
    const from = this.#generations.findIndex(({ id }) => id === input.ExclusiveStartShardId) + 1;
    const page = this.#generations.slice(from, from + 1);
    const last = page.at(-1);
    const Shards = page.map(({ id, parent }) => ({
      ShardId: id,
      ...(parent !== undefined && { ParentShardId: parent }),
    }));
    const more = from + 1 < this.#generations.length && last !== undefined;
    const { LastEvaluatedShardId: _, ...rest } = description;
    return { StreamDescription: { ...rest, Shards, ...(more && { LastEvaluatedShardId: last.id }) } };
  }

  async #iterator({ ShardId, ShardIteratorType, SequenceNumber, StreamArn }: Json): Promise<Json> {
    const generation = this.#generation(String(ShardId));
    const after = ShardIteratorType === 'TRIM_HORIZON' ? generation.after : String(SequenceNumber);
    const place =
      after === undefined
        ? { ShardIteratorType: 'TRIM_HORIZON' }
        : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: after };
    const { ShardIterator } = await this.#call('GetShardIterator', { StreamArn, ShardId: this.#realShard, ...place });
    return { ShardIterator: `${generation.id}|${String(ShardIterator)}` };
  }

  async #records({ ShardIterator, Limit }: Json): Promise<Json> {
    const text = String(ShardIterator);
    const generation = this.#generation(text.slice(0, text.indexOf('|')));
    const real = await this.#call('GetRecords', { ShardIterator: text.slice(text.indexOf('|') + 1), Limit });
    const all = real.Records as RawRecord[];
    const { until, takes } = generation;
    const Records = all.filter(
      ({ dynamodb }) =>
        takes(dynamodb.Keys.p.S) && (until === undefined || BigInt(dynamodb.SequenceNumber) <= BigInt(until)),
    );
    const isAtEnd =
      until !== undefined && (all.length === 0 || all.some(({ dynamodb }) => reached(dynamodb.SequenceNumber, until)));
    return { Records, ...(!isAtEnd && { NextShardIterator: `${generation.id}|${String(real.NextShardIterator)}` }) };
  }

  async #lastSequence(): Promise<string> {
    const place = { StreamArn: this.#arn, ShardId: this.#realShard, ShardIteratorType: 'TRIM_HORIZON' };
    let iterator = (await this.#call('GetShardIterator', place)).ShardIterator;
    let last = '0';
    for (;;) {
      const { Records, NextShardIterator } = await this.#call('GetRecords', { ShardIterator: iterator });
      const records = Records as RawRecord[];
      last = records.at(-1)?.dynamodb.SequenceNumber ?? last;
      if (records.length === 0) return last;
      iterator = NextShardIterator;
    }
  }

  #generation(id: string): Generation {
    const found = this.#generations.find((generation) => generation.id === id);
    if (found === undefined)
      throw new Error(JSON.stringify({ __type: 'ResourceNotFoundException', message: `No shard ${id}` }));
    return found;
  }

  async #call(operation: string, input: Json): Promise<Json> {
    const response = await fetch(this.#target, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `DynamoDBStreams_20120810.${operation}`,
        authorization:
          'AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
        'x-amz-date': '20260101T000000Z',
      },
      body: JSON.stringify(input),
    });
    const body = await response.text();
    if (!response.ok) throw new Error(body);
    return JSON.parse(body) as Json;
  }
}
