// One AWS cell on this machine: emulators, resources from the topology, and the deployable bundles in their hosts.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SNSClient } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { ATTRIBUTES } from '../adapters/aws/dynamodb-items.ts';
import { DynamoDbStore } from '../adapters/aws/dynamodb-store.ts';
import { randomIds, systemClock } from '../adapters/system/system.ts';
import { DEAD_LETTER_SUFFIX, LANE_NAMES, queueOf, type Topology } from '../core/cell/topology.ts';
import { parking, RELAY } from '../core/pipeline/parking.ts';
import type { PrivateKey } from '../core/ports/keys.ts';
import type { StreamCheckpoint } from '../hosts/event-source-mappings/stream-options.ts';
import type { LambdaHost } from '../hosts/lambda/lambda-host.ts';
import { AwsCompute } from './aws-compute.ts';
import { type AwsServiceAddresses, AwsServices } from './aws-services.ts';
import type { CellDeclaration } from './cells.ts';
import { type CellResources, type Provisioned, provision } from './emulators/provision.ts';
import { type Endpoints, tellEndpoints } from './endpoints.ts';
import { Lifecycle, Switch } from './lifecycle.ts';
import {
  type CellKeys,
  type CellStores,
  COUNTED_PARKED,
  type ConsumerStatus,
  type LocalCell,
  type Notice,
} from './local-cell.ts';

export interface AwsCellOptions extends CellKeys {
  readonly declaration: CellDeclaration;
  readonly topology: Topology;
  readonly version: string;
  /** Where it asks for its leases; asked when its functions start, and nowhere without it. */
  readonly edge?: () => string;
  /** The variables by which it exports telemetry; asked when its functions start, and none without it. */
  readonly telemetry?: () => Readonly<Record<string, string>>;
  /** Folder that keeps the cell's state; in memory without it. */
  readonly dataDir?: string;
  /** Port of the HTTP API; a free one without it. */
  readonly port?: number;
  /** Servers to use in place of the own emulators. */
  readonly endpoints?: Endpoints;
  /** Bundles to run in place of the built ones, for tests: function → path. */
  readonly bundles?: Partial<Record<'http' | 'relay' | 'worker', string>>;
  /** Functions whose inspector is open: name → port. */
  readonly inspect?: ReadonlyMap<string, number>;
  readonly notice: (notice: Notice) => void;
  /** Called when a part of the cell ends unexpectedly. */
  readonly onDeath: (reason: string) => void;
}

/** Any credentials do; AWS's SDK insists on some. */
const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' } as const;

function clientsOf({ dynamodb, sns, sqs }: AwsServiceAddresses, region: string) {
  const options = (endpoint: string) => ({ endpoint, region, credentials: CREDENTIALS, maxAttempts: 1 });
  return {
    dynamodb: new DynamoDBClient(options(dynamodb)),
    streams: new DynamoDBStreamsClient(options(dynamodb)),
    sns: new SNSClient(options(sns)),
    sqs: new SQSClient(options(sqs)),
  };
}

/** What a cell has in its account, named as Terraform names it. */
export function awsCellResources(id: string, topology: Topology): CellResources {
  const keys = {
    partitionKey: ATTRIBUTES.partition,
    sortKey: ATTRIBUTES.id,
    timeToLiveAttribute: ATTRIBUTES.timeToLive,
  };
  return {
    tables: [
      { name: `${id}-events`, ...keys, stream: 'NEW_IMAGE' },
      { name: `${id}-state`, ...keys },
    ],
    topic: `${id}-events`,
    queues: topology.consumers.flatMap(({ name, types, visibilitySeconds, maximumDeliveries }) =>
      LANE_NAMES.map((lane) => ({
        name: `${id}-${queueOf(name, lane)}`,
        visibilityTimeoutSeconds: visibilitySeconds,
        deadLetter: { name: `${id}-${name}${DEAD_LETTER_SUFFIX}`, maxReceiveCount: maximumDeliveries },
        filterPolicy: {
          type: [...types],
          consumer: [name, { exists: false }],
          lane: lane === 'first' ? [{ exists: false }] : [lane],
        },
      })),
    ),
  };
}

export class AwsCell implements LocalCell {
  readonly id: string;
  readonly cloud = 'aws';
  readonly region: string;
  readonly #options: AwsCellOptions;
  readonly #life: Lifecycle;
  readonly #switch = new Switch();
  #services: AwsServices | undefined;
  #addresses: AwsServiceAddresses | undefined;
  #clients: ReturnType<typeof clientsOf> | undefined;
  #provisioned: Provisioned | undefined;
  #compute: AwsCompute | undefined;
  #port: number | undefined;
  #checkpoint: StreamCheckpoint | undefined;
  #keys: CellKeys;

  constructor(options: AwsCellOptions) {
    this.#options = options;
    this.#keys = { routeKeys: options.routeKeys, identityKey: options.identityKey };
    this.id = options.declaration.id;
    this.#life = new Lifecycle(this.id);
    this.region = options.declaration.region;
    this.#port = options.port;
  }

  get url(): string {
    return this.#compute === undefined ? '' : `http://127.0.0.1:${this.#port}`;
  }

  get crashed(): boolean {
    return this.#switch.off;
  }

  get identityKey(): PrivateKey {
    return this.#keys.identityKey;
  }

  get stores(): CellStores {
    return { events: this.#store('events'), state: this.#store('state') };
  }

  /** The functions of the cell by name: `http`, `relay` and one for each consumer. */
  get functions(): ReadonlyMap<string, LambdaHost> {
    return this.#compute?.functions ?? new Map();
  }

  /** Brings the cell up from the bottom: emulators, resources, functions, triggers, and the HTTP API last. */
  start(): Promise<void> {
    return this.#life.start(() => this.#bringUp());
  }

  async #bringUp(): Promise<void> {
    AwsCompute.requireBundles(this.#options.bundles);
    this.#life.add(async () => this.#services?.stop());
    await this.#startServices();
    this.#life.stillWanted();
    this.#life.add(() => this.#stopCompute());
    await this.#startCompute();
  }

  async replaceBundles(roles: ReadonlySet<string>): Promise<readonly string[]> {
    return this.crashed ? [] : ((await this.#compute?.replaceBundles(roles)) ?? []);
  }

  async keepSpares(): Promise<void> {
    if (!this.crashed) await this.#compute?.keepSpares();
  }

  async replaceKeys(keys: Partial<CellKeys>): Promise<void> {
    this.#keys = { ...this.#keys, ...keys };
    if (!this.crashed) await this.#compute?.replaceKeys(this.#keys);
  }

  /** Stops everything in the reverse order. What is under way comes again at the next start with the same folder. */
  async stop(): Promise<void> {
    await this.#switch.settled();
    await this.#life.stop();
    this.#dropClients();
  }

  /**
   * The cell is lost: its connections are cut and its processes killed. What it has stored stays: in memory the servers of its
   * store and queues live on, as a cloud's disks do; with a folder they are killed as well. Repeating it is harmless.
   */
  crash(): Promise<void> {
    return this.#switch.turnOff(async () => {
      // The place in the stream is the cloud's to remember, not the cell's.
      this.#checkpoint = this.#compute?.checkpoint;
      await this.#compute?.crash();
      if (this.#options.dataDir === undefined) return;
      await this.#services?.kill();
      this.#dropClients();
    });
  }

  /** The cell is there again, at the same address and with what it had stored. Repeating it is harmless. */
  revive(): Promise<void> {
    return this.#switch.turnOn(async () => {
      if (this.#options.dataDir !== undefined) await this.#startServices();
      await this.#startCompute();
    });
  }

  async #startServices(): Promise<void> {
    const { dataDir, endpoints = {}, onDeath, topology } = this.#options;
    const services = new AwsServices({
      id: this.id,
      region: this.region,
      folder: dataDir === undefined ? undefined : path.join(dataDir, this.id),
      endpoints,
      onDeath,
    });
    this.#services = services;
    const addresses = await services.start();
    this.#addresses = addresses;
    this.#life.stillWanted();
    const clients = clientsOf(addresses, this.region);
    this.#clients = clients;
    this.#provisioned = await this.#provision(clients, awsCellResources(this.id, topology));
    this.#checkpoint = await this.#takeCheckpoint(addresses.replay);
  }

  async #startCompute(): Promise<void> {
    const { topology, version, edge, telemetry, bundles, inspect = new Map(), notice } = this.#options;
    if (this.#addresses === undefined || this.#provisioned === undefined || this.#clients === undefined)
      throw new TypeError('The cell is not set up.');
    const compute = new AwsCompute({
      id: this.id,
      region: this.region,
      topology,
      version,
      ...this.#keys,
      edge: edge?.() ?? 'none',
      telemetry: telemetry?.() ?? {},
      services: this.#addresses,
      provisioned: this.#provisioned,
      clients: this.#clients,
      checkpoint: this.#checkpoint,
      port: this.#port,
      bundles,
      inspect,
      notice,
    });
    this.#compute = compute;
    await compute.start();
    this.#port = compute.port;
  }

  async #stopCompute(): Promise<void> {
    if (this.crashed) return;
    await this.#compute?.stop();
    await this.#keepCheckpoint(this.#compute?.checkpoint);
  }

  #dropClients(): void {
    for (const client of Object.values(this.#clients ?? {})) client.destroy();
  }

  /** Backlog, dead letters and parked events of each consumer, and of the relay. */
  async consumers(): Promise<readonly ConsumerStatus[]> {
    const queues = this.#options.topology.consumers.map(async ({ name }): Promise<ConsumerStatus> => {
      const queues = LANE_NAMES.map((lane) => this.#provisioned?.queues[this.#name(queueOf(name, lane))]);
      const waiting = await Promise.all(queues.map((queue) => this.#depth(queue?.url)));
      return {
        name,
        backlog: waiting.reduce((sum, each) => sum + each, 0),
        deadLetters: await this.#depth(queues[0]?.deadLetterUrl),
        ...(await this.#parked(name)),
      };
    });
    const relay = { name: RELAY, backlog: this.#compute?.backlog ?? 0, deadLetters: 0, ...(await this.#parked(RELAY)) };
    return [relay, ...(await Promise.all(queues))];
  }

  /** Errors of a server that the stack did not start name it: the SDK's own say only what went wrong. */
  async #provision(clients: Parameters<typeof provision>[0], resources: CellResources): Promise<Provisioned> {
    try {
      return await provision(clients, resources);
    } catch (error) {
      const given = tellEndpoints(this.#options.endpoints ?? {});
      if (given === '' || !(error instanceof Error)) throw error;
      throw new Error(`${this.id} cannot be set up with ${given}: ${error.message || error.name}.`, { cause: error });
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

  /** Messages of a queue, with those in progress. */
  async #depth(url: string | undefined): Promise<number> {
    if (url === undefined || this.#clients === undefined) return 0;
    const { Attributes } = await this.#clients.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: url,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    const { ApproximateNumberOfMessages: waiting = 0, ApproximateNumberOfMessagesNotVisible: inFlight = 0 } =
      Attributes ?? {};
    return Number(waiting) + Number(inFlight);
  }

  async #parked(consumer: string): Promise<{ parked: number; more: boolean }> {
    if (this.#clients === undefined) return { parked: 0, more: false };
    return parking({ state: this.#store('state'), clock: systemClock }).count(consumer, COUNTED_PARKED);
  }

  #store(collection: keyof CellStores): DynamoDbStore {
    if (this.#clients === undefined) throw new TypeError(`${this.id} has not been started.`);
    const { dynamodb: client } = this.#clients;
    return new DynamoDbStore({ client, table: this.#name(collection), clock: systemClock, ids: randomIds });
  }

  #name(part: string): string {
    return `${this.id}-${part}`;
  }
}
