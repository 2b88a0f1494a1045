// One AWS cell on this machine: emulators, resources from the topology, and the deployable bundles in their hosts.
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SNSClient } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { ATTRIBUTES } from '../adapters/aws/dynamodb-items.ts';
import { DynamoDbStore } from '../adapters/aws/dynamodb-store.ts';
import { randomIds, systemClock } from '../adapters/system/system.ts';
import { statePartition } from '../core/cell/identity.ts';
import type { ConsumerDeclaration, FunctionLimits, Topology } from '../core/cell/topology.ts';
import { RELAY } from '../core/pipeline/parking.ts';
import type { PublicKey } from '../core/routing/route-token.ts';
import type { CellDeclaration } from './cells.ts';
import { DynamoDbEmulator } from './emulators/dynamodb/dynamodb-emulator.ts';
import { type CellResources, type Provisioned, provision, type QueueDescription } from './emulators/provision.ts';
import { SnsSqsEmulator } from './emulators/sns-sqs/sns-sqs-emulator.ts';
import { type Endpoints, tellEndpoints } from './endpoints.ts';
import { DynamoDbStreamMapping } from './hosts/event-source-mappings/dynamodb-stream-mapping.ts';
import { SqsMapping } from './hosts/event-source-mappings/sqs-mapping.ts';
import type { StreamCheckpoint } from './hosts/event-source-mappings/stream-options.ts';
import { HttpApiFront } from './hosts/http-api/http-api-front.ts';
import { LambdaHost } from './hosts/lambda/lambda-host.ts';
import { Lifecycle } from './lifecycle.ts';
import { COUNTED_PARKED, type ConsumerStatus, type LocalCell, type Notice, toNotice } from './local-cell.ts';
import { sourceFile } from './processes/source-file.ts';

export interface AwsCellOptions {
  readonly declaration: CellDeclaration;
  readonly topology: Topology;
  readonly version: string;
  readonly routeKeys: readonly PublicKey[];
  /** Folder that keeps the cell's state; in memory without it. */
  readonly dataDir?: string;
  /** Port of the HTTP API; a free one without it. */
  readonly port?: number;
  /** Servers to use in place of the own emulators. */
  readonly endpoints?: Endpoints;
  /** Bundles to run in place of the built ones, for tests: function → path. */
  readonly bundles?: Partial<Record<'http' | 'relay' | 'worker', string>>;
  readonly notice: (notice: Notice) => void;
  /** Called when a part of the cell ends by itself. */
  readonly onDeath: (reason: string) => void;
}

/** Processes a function may have here, whatever the topology allows in the cloud: a laptop has few cores and little memory. */
const LOCAL_CONCURRENCY = { http: 2, relay: 1, worker: 1 } as const;

/** A second process of a function ends when it has had nothing to do for so long, in milliseconds. */
const IDLE_LIMIT_MS = 20_000;

/** Any credentials do; AWS's SDK insists on some. */
const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' } as const;

export class AwsCell implements LocalCell {
  readonly id: string;
  readonly cloud = 'aws';
  readonly region: string;
  readonly #options: AwsCellOptions;
  readonly #life: Lifecycle;
  /** The functions of the cell by name: `http`, `relay` and one for each consumer. */
  readonly functions = new Map<string, LambdaHost>();
  #clients: { dynamodb: DynamoDBClient; streams: DynamoDBStreamsClient; sns: SNSClient; sqs: SQSClient } | undefined;
  #provisioned: Provisioned | undefined;
  #relay: DynamoDbStreamMapping | undefined;
  #url = '';

  constructor(options: AwsCellOptions) {
    this.#options = options;
    this.id = options.declaration.id;
    this.#life = new Lifecycle(this.id);
    this.region = options.declaration.region;
  }

  get url(): string {
    return this.#url;
  }

  /** Brings the cell up from the bottom: emulators, resources, functions, triggers, and the HTTP API last. */
  start(): Promise<void> {
    return this.#life.start(() => this.#bringUp());
  }

  async #bringUp(): Promise<void> {
    const { topology } = this.#options;
    const { dynamodb, sns, sqs, replay } = await this.#startEmulators();
    this.#life.stillWanted();
    const client = (endpoint: string) => ({ endpoint, region: this.region, credentials: CREDENTIALS, maxAttempts: 1 });
    this.#clients = {
      dynamodb: new DynamoDBClient(client(dynamodb)),
      streams: new DynamoDBStreamsClient(client(dynamodb)),
      sns: new SNSClient(client(sns)),
      sqs: new SQSClient(client(sqs)),
    };
    this.#provisioned = await this.#provision(this.#clients, {
      tables: [
        {
          name: this.#name('events'),
          partitionKey: ATTRIBUTES.partition,
          sortKey: ATTRIBUTES.id,
          stream: 'NEW_IMAGE',
          timeToLiveAttribute: ATTRIBUTES.timeToLive,
        },
        {
          name: this.#name('state'),
          partitionKey: ATTRIBUTES.partition,
          sortKey: ATTRIBUTES.id,
          timeToLiveAttribute: ATTRIBUTES.timeToLive,
        },
      ],
      topic: this.#name('events'),
      queues: topology.consumers.map((consumer) => this.#queue(consumer)),
    });
    this.#life.stillWanted();
    await this.#startFunctions(dynamodb, sns);
    this.#life.stillWanted();
    await this.#startTriggers(replay);
    const http = this.functions.get('http');
    if (http === undefined) throw new TypeError('The cell has no function http.');
    const front = new HttpApiFront({
      invoke: (event) => http.invoke(event),
      ...(this.#options.port !== undefined && { port: this.#options.port }),
      onError: (message) => this.#options.notice({ level: 'warn', part: `${this.id} http`, message }),
    });
    await front.start();
    this.#life.add(() => front.stop());
    this.#url = front.url;
  }

  /** Stops everything in the reverse order. What is under way comes again at the next start with the same folder. */
  async stop(): Promise<void> {
    await this.#life.stop();
    for (const client of Object.values(this.#clients ?? {})) client.destroy();
  }

  /** Backlog, dead letters and parked events of each consumer, and of the relay. */
  async consumers(): Promise<readonly ConsumerStatus[]> {
    const queues = this.#options.topology.consumers.map(async ({ name }): Promise<ConsumerStatus> => {
      const queue = this.#provisioned?.queues[this.#name(name)];
      const { waiting, inFlight } = await this.#depth(queue?.url);
      const dead = await this.#depth(queue?.deadLetterUrl);
      return {
        name,
        backlog: waiting + inFlight,
        deadLetters: dead.waiting + dead.inFlight,
        ...(await this.#parked(name)),
      };
    });
    const relay = { name: RELAY, backlog: this.#relay?.backlog ?? 0, deadLetters: 0, ...(await this.#parked(RELAY)) };
    return [relay, ...(await Promise.all(queues))];
  }

  /** A server that somebody else runs is named when it cannot be set up: the SDK says only what went wrong. */
  async #provision(clients: Parameters<typeof provision>[0], resources: CellResources): Promise<Provisioned> {
    try {
      return await provision(clients, resources);
    } catch (error) {
      const given = tellEndpoints(this.#options.endpoints ?? {});
      if (given === '' || !(error instanceof Error)) throw error;
      throw new Error(`${this.id} cannot be set up with ${given}: ${error.message || error.name}.`, { cause: error });
    }
  }

  async #startEmulators(): Promise<{ dynamodb: string; sns: string; sqs: string; replay: boolean }> {
    const { endpoints = {}, dataDir, onDeath } = this.#options;
    const folder = dataDir === undefined ? undefined : path.join(dataDir, this.id);
    if (folder !== undefined) await mkdir(folder, { recursive: true });
    const died = (part: string) => ({
      onUnexpectedExit: (reason: string) => onDeath(`${this.id}: ${part} ended: ${reason}`),
    });
    let { dynamodb, sns, sqs } = endpoints;
    let replay = true;
    if (dynamodb === undefined) {
      const emulator = new DynamoDbEmulator({
        ...(folder !== undefined && { dbPath: path.join(folder, 'dynamodb.sqlite') }),
        ...died('the DynamoDB emulator'),
      });
      await emulator.start();
      this.#life.add(() => emulator.stop());
      dynamodb = emulator.endpoint;
    }
    if (sns === undefined || sqs === undefined) {
      const emulator = new SnsSqsEmulator({
        region: this.region,
        ...(folder !== undefined && { dataDir: folder }),
        ...died('the SNS and SQS emulator'),
      });
      await emulator.start();
      this.#life.add(() => emulator.stop());
      sns ??= emulator.endpoint;
      sqs ??= emulator.endpoint;
      replay = !emulator.cleanStart;
    }
    return { dynamodb, sns, sqs, replay };
  }

  async #startFunctions(dynamodb: string, sns: string): Promise<void> {
    const { topology, version, routeKeys, notice } = this.#options;
    const environment = {
      APP_CELL: this.id,
      APP_VERSION: version,
      APP_EVENTS_TABLE: this.#name('events'),
      APP_STATE_TABLE: this.#name('state'),
      APP_TOPIC_ARN: this.#provisioned?.topicArn ?? '',
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
      AWS_ENDPOINT_URL_SNS: sns,
      // The SDK's advice about Node.js versions is for whoever picks the runtime, not for every function's log.
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    };
    const add = (
      name: string,
      bundle: 'http' | 'relay' | 'worker',
      limits: FunctionLimits,
      more: Record<string, string> = {},
    ) => {
      const host = new LambdaHost({
        functionName: this.#name(name),
        bundle: this.#options.bundles?.[bundle] ?? sourceFile(`dist/aws/${bundle}/index.cjs`),
        handler: 'handler',
        environment: { ...environment, ...more },
        timeoutMs: limits.timeoutSeconds * 1000,
        memoryMb: limits.memoryMegabytes,
        maximumConcurrency: Math.min(limits.maximumConcurrency, LOCAL_CONCURRENCY[bundle]),
        region: this.region,
        idleLimitMs: IDLE_LIMIT_MS,
        // Clients wait for HTTP; the other functions may take their cold start with the first event.
        warmEnvironments: bundle === 'http' ? 1 : 0,
        log: (record) => notice(toNotice(`${this.id} ${name}`, record.message)),
      });
      this.functions.set(name, host);
    };
    add('http', 'http', topology.http, { APP_ROUTE_KEYS: JSON.stringify(routeKeys) });
    add('relay', 'relay', topology.relay);
    for (const consumer of topology.consumers) add(consumer.name, 'worker', consumer, { APP_CONSUMER: consumer.name });
    this.#life.add(async () => {
      await Promise.all([...this.functions.values()].map((host) => host.stop()));
    });
    await Promise.all([...this.functions.values()].map((host) => host.start()));
  }

  async #startTriggers(replay: boolean): Promise<void> {
    const { topology, notice } = this.#options;
    const { streams, sqs } = this.#clients ?? {};
    const problem = (part: string) => (message: string) =>
      notice({ level: 'warn', part: `${this.id} ${part}`, message });
    const relayFunction = this.functions.get('relay');
    if (streams === undefined || sqs === undefined || relayFunction === undefined)
      throw new TypeError('The cell is not set up.');
    const checkpoint = await this.#takeCheckpoint(replay);
    const relay = new DynamoDbStreamMapping({
      client: streams,
      tableName: this.#name('events'),
      invoke: (event) => relayFunction.invoke(event),
      region: this.region,
      partitionKey: ATTRIBUTES.partition,
      batchSize: topology.relay.batchSize,
      maximumBatchingWindowSeconds: topology.relay.batchWindowSeconds,
      parallelizationFactor: topology.relay.parallelizationFactor,
      maximumRetryAttempts: topology.relay.maximumRetryAttempts,
      reportBatchItemFailures: true,
      startingPosition: 'TRIM_HORIZON',
      ...(checkpoint && { checkpoint }),
      onProblem: problem('relay'),
    });
    this.#relay = relay;
    relay.start();
    const stops = [
      async () => {
        await relay.stop();
        await this.#keepCheckpoint(relay.checkpoint);
      },
    ];
    // Side by side: each may take its grace to let a batch under way end.
    this.#life.add(async () => {
      await Promise.all(stops.map((stop) => stop()));
    });
    for (const consumer of topology.consumers) {
      const worker = this.functions.get(consumer.name);
      const queue = this.#provisioned?.queues[this.#name(consumer.name)];
      if (worker === undefined || queue === undefined)
        throw new TypeError(`The cell has no worker for ${consumer.name}.`);
      const mapping = new SqsMapping({
        client: sqs,
        queueUrl: queue.url,
        queueArn: queue.arn,
        invoke: (event) => worker.invoke(event),
        region: this.region,
        batchSize: consumer.batchSize,
        maximumBatchingWindowSeconds: consumer.batchWindowSeconds,
        maximumConcurrency: Math.min(consumer.maximumConcurrency, LOCAL_CONCURRENCY.worker),
        reportBatchItemFailures: true,
        onProblem: problem(consumer.name),
      });
      mapping.start();
      stops.push(() => mapping.stop());
    }
  }

  #checkpointFile(): string | undefined {
    const { dataDir } = this.#options;
    return dataDir === undefined ? undefined : path.join(dataDir, this.id, 'relay-checkpoint.json');
  }

  /**
   * The place in the stream that the last run left, or none: then the stream is read from its beginning. A run that did not
   * end in order has lost what was in the queues, so all of the stream is published again; consumers apply it once.
   */
  async #takeCheckpoint(replay: boolean): Promise<StreamCheckpoint | undefined> {
    const file = this.#checkpointFile();
    if (file === undefined) return undefined;
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    await rm(file, { force: true });
    return replay || text === undefined ? undefined : (JSON.parse(text) as StreamCheckpoint);
  }

  async #keepCheckpoint(checkpoint: StreamCheckpoint | undefined): Promise<void> {
    const file = this.#checkpointFile();
    if (file === undefined || checkpoint === undefined) return;
    // Renamed into place: a stop that is cut short leaves a whole file or none.
    await writeFile(`${file}.new`, JSON.stringify(checkpoint));
    await rename(`${file}.new`, file);
  }

  #queue(consumer: ConsumerDeclaration): QueueDescription {
    return {
      name: this.#name(consumer.name),
      visibilityTimeoutSeconds: consumer.visibilitySeconds,
      deadLetter: { name: this.#name(`${consumer.name}-dead-letter`), maxReceiveCount: consumer.maximumDeliveries },
      filterPolicy: { type: [...consumer.types], consumer: [consumer.name, { exists: false }] },
    };
  }

  async #depth(url: string | undefined): Promise<{ waiting: number; inFlight: number }> {
    if (url === undefined || this.#clients === undefined) return { waiting: 0, inFlight: 0 };
    const { Attributes } = await this.#clients.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: url,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    return {
      waiting: Number(Attributes?.ApproximateNumberOfMessages ?? 0),
      inFlight: Number(Attributes?.ApproximateNumberOfMessagesNotVisible ?? 0),
    };
  }

  async #parked(consumer: string): Promise<{ parked: number; more: boolean }> {
    if (this.#clients === undefined) return { parked: 0, more: false };
    const store = new DynamoDbStore({
      client: this.#clients.dynamodb,
      table: this.#name('state'),
      clock: systemClock,
      ids: randomIds,
    });
    const page = await store.query(statePartition.parked(consumer), { limit: COUNTED_PARKED });
    return { parked: page.items.length, more: page.next !== undefined };
  }

  #name(part: string): string {
    return `${this.id}-${part}`;
  }
}
