// What runs in an AWS cell: the deployable bundles in their hosts, what triggers them, and the HTTP API in front.
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { ATTRIBUTES } from '../adapters/aws/dynamodb-items.ts';
import {
  DEAD_LETTER_SUFFIX,
  type FunctionLimits,
  LANE_NAMES,
  type Lane,
  queueOf,
  type Topology,
} from '../core/cell/topology.ts';
import { DynamoDbStreamMapping } from '../hosts/event-source-mappings/dynamodb-stream-mapping.ts';
import { SqsMapping } from '../hosts/event-source-mappings/sqs-mapping.ts';
import type { StreamCheckpoint } from '../hosts/event-source-mappings/stream-options.ts';
import { HttpApiFront } from '../hosts/http-api/http-api-front.ts';
import { INSPECTED_TIMEOUT_MS, LambdaHost } from '../hosts/lambda/lambda-host.ts';
import type { AwsServiceAddresses } from './aws-services.ts';
import { deployable, requireBundles } from './deployables.ts';
import type { Provisioned } from './emulators/provision.ts';
import { type CellKeys, type Notice, toNotice } from './local-cell.ts';

export interface AwsComputeOptions extends CellKeys {
  /** The cell. */
  readonly id: string;
  readonly region: string;
  readonly topology: Topology;
  readonly version: string;
  /** Where it asks for its leases, or `none`. */
  readonly edge: string;
  /** The variables by which it exports telemetry. */
  readonly telemetry: Readonly<Record<string, string>>;
  readonly services: AwsServiceAddresses;
  readonly provisioned: Provisioned;
  readonly clients: { readonly streams: DynamoDBStreamsClient; readonly sqs: SQSClient };
  /** Where the relay goes on reading the stream; at its beginning without it. */
  readonly checkpoint: StreamCheckpoint | undefined;
  /** Port of the HTTP API; a free one without it. */
  readonly port: number | undefined;
  /** Bundles to run in place of the built ones: function → path. */
  readonly bundles: Partial<Record<'http' | 'relay' | 'worker', string>> | undefined;
  /** Functions whose inspector is open: name → port. */
  readonly inspect: ReadonlyMap<string, number>;
  readonly notice: (notice: Notice) => void;
}

/**
 * Processes a function may have here, whatever the topology allows in the cloud: a laptop has few cores and little memory. A worker has one for
 * each lane, so that none waits for the other.
 */
const LOCAL_CONCURRENCY = { http: 2, relay: 1, worker: LANE_NAMES.length } as const;

const BUNDLES = ['http', 'relay', 'worker'] as const;

function bundleFile(name: (typeof BUNDLES)[number], given: AwsComputeOptions['bundles']): string {
  return given?.[name] ?? deployable(`aws/${name}/index.cjs`);
}

/** Which bundle a function runs. */
const roleOf = (name: string): (typeof BUNDLES)[number] => (name === 'http' || name === 'relay' ? name : 'worker');

/** Lambda's ten seconds are for Lambda's processors: here several cells may be starting at once. In milliseconds. */
const INIT_LIMIT_MS = 60_000;

/** A second process of a function ends when it has had nothing to do for so long, in milliseconds. */
const IDLE_LIMIT_MS = 20_000;

/** What a function is made of. */
interface FunctionPlan {
  readonly bundle: (typeof BUNDLES)[number];
  readonly limits: FunctionLimits;
  readonly environment: Readonly<Record<string, string>>;
}

export class AwsCompute {
  readonly #options: AwsComputeOptions;
  readonly #id: string;
  /** The functions of the cell by name: `http`, `relay` and one for each consumer. */
  readonly functions = new Map<string, LambdaHost>();
  readonly #queues: SqsMapping[] = [];
  #relay: DynamoDbStreamMapping | undefined;
  #front: HttpApiFront | undefined;

  constructor(options: AwsComputeOptions) {
    this.#options = options;
    this.#id = options.id;
  }

  /** Only after `start`. */
  get port(): number {
    return this.#front?.port ?? 0;
  }

  /** Records of the stream that the relay has read and not dealt with. */
  get backlog(): number {
    return this.#relay?.backlog ?? 0;
  }

  /** How far the relay has come. */
  get checkpoint(): StreamCheckpoint | undefined {
    return this.#relay?.checkpoint;
  }

  /**
   * Brings it up: the HTTP API first, as the function behind it needs its address, then functions and triggers. A request that comes
   * before its function waits for it. What is up when it fails is for `stop`.
   */
  async start(): Promise<void> {
    const { port, notice, inspect } = this.#options;
    let ready: Promise<void> = Promise.resolve();
    this.#front = new HttpApiFront({
      invoke: async (event) => {
        await ready;
        const http = this.functions.get('http');
        if (http === undefined) throw new TypeError('The cell has no function http.');
        return http.invoke(event);
      },
      ...(port !== undefined && { port }),
      ...(inspect.has('http') && { integrationTimeoutMs: INSPECTED_TIMEOUT_MS }),
      onError: (message) => notice({ level: 'warn', part: `${this.#id} http`, message }),
    });
    await this.#front.start();
    ready = this.#startFunctions(this.#front.url);
    await ready;
    this.#startTriggers();
  }

  /** Stops everything in the reverse order; what is under way may end within the grace of each part. */
  async stop(): Promise<void> {
    await this.#front?.stop();
    // Side by side: each may take its grace to let a batch under way end.
    await Promise.all([this.#relay, ...this.#queues].map((mapping) => mapping?.stop()));
    await Promise.all([...this.functions.values()].map((host) => host.stop()));
  }

  /** Ends everything as the loss of the cell would: connections are cut, processes killed, and nothing is finished. */
  async crash(): Promise<void> {
    this.#front?.cut();
    await Promise.all([
      ...[...this.functions.values()].map((host) => host.stop({ graceMs: 0 })),
      ...[this.#relay, ...this.#queues].map((mapping) => mapping?.stop({ graceMs: 0 })),
    ]);
  }

  /**
   * See `LocalCell.replaceBundles`. A function without an environment takes its bundle with the next event. Of the workers, which share one, the
   * first shows that it starts, and the others do with their next event: starting all of them is most of what a saved file costs.
   */
  async replaceBundles(roles: ReadonlySet<string>): Promise<readonly string[]> {
    const concerned = [...this.functions].flatMap(([name, host]) => {
      const role = roleOf(name);
      if (!roles.has(role) || host.stats().environments === 0) return [];
      return [{ name: `${this.#id}/${role === 'worker' ? `worker:${name}` : role}`, role, host } as const];
    });
    const replaced = [...roles].map(async (role) => {
      const [first, ...others] = concerned.filter((each) => each.role === role);
      const file = bundleFile(role as FunctionPlan['bundle'], this.#options.bundles);
      await first?.host.replaceBundle(file);
      await settled(others.map(({ host }) => host.replaceBundle(file, 'later')));
    });
    await settled(replaced);
    return concerned.map(({ name }) => name);
  }

  /** See `LocalCell.keepSpares`: for those functions whose start a saved file waits for. */
  async keepSpares(): Promise<void> {
    const roles = new Set<string>();
    const first = [...this.functions].filter(([name, host]) => {
      const role = roleOf(name);
      if (roles.has(role) || host.stats().environments === 0) return false;
      roles.add(role);
      return true;
    });
    await settled(first.map(([, host]) => host.keepSpare(deployable('aws/packages.cjs'))));
  }

  /** Has every function go by other keys, one after the other process: requests find the old ones or the new ones. */
  async replaceKeys(keys: CellKeys): Promise<void> {
    const environments = this.#environments(this.#front?.url ?? '', keys);
    await settled(
      [...this.functions].map(([name, host]) => host.replaceVariables(environments.get(name)?.environment ?? {})),
    );
  }

  /** @throws Error naming the bundles that are missing; to be asked before what they need is brought up */
  static requireBundles(bundles: AwsComputeOptions['bundles']): void {
    requireBundles(BUNDLES.map((name) => bundleFile(name, bundles)));
  }

  /** Function → its bundle, its limits and its variables. */
  #environments(endpoint: string, { routeKeys, identityKey }: CellKeys): ReadonlyMap<string, FunctionPlan> {
    const { topology, version, edge, telemetry, services } = this.#options;
    const common = {
      APP_CELL: this.#id,
      APP_VERSION: version,
      APP_EVENTS_TABLE: this.#name('events'),
      APP_STATE_TABLE: this.#name('state'),
      APP_TOPIC_ARN: this.#options.provisioned.topicArn,
      AWS_ENDPOINT_URL_DYNAMODB: services.dynamodb,
      AWS_ENDPOINT_URL_SNS: services.sns,
      ...telemetry,
      // The SDK's advice about Node.js versions does not belong into the log of every function.
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    };
    const identity = { APP_IDENTITY_KEY: JSON.stringify(identityKey) };
    const edgeKeys = { APP_ROUTE_KEYS: JSON.stringify(routeKeys) };
    const leasing = { ...identity, ...edgeKeys, APP_EDGE: edge };
    const api = { ...leasing, APP_ENDPOINTS: endpoint, APP_ROUTE_AUDIENCE: 'required' };
    const workers = topology.consumers.map((consumer): [string, FunctionPlan] => {
      const more = {
        ...(consumer.effects === 'home-only' && leasing),
        ...(consumer.effects === 'copies' && { ...identity, ...edgeKeys }),
      };
      const environment = { ...common, APP_CONSUMER: consumer.name, ...more };
      return [consumer.name, { bundle: 'worker', limits: consumer, environment }];
    });
    return new Map<string, FunctionPlan>([
      ['http', { bundle: 'http', limits: topology.http, environment: { ...common, ...api } }],
      ['relay', { bundle: 'relay', limits: topology.relay, environment: common }],
      ...workers,
    ]);
  }

  async #startFunctions(endpoint: string): Promise<void> {
    const { notice, inspect } = this.#options;
    for (const [name, { bundle, limits, environment }] of this.#environments(endpoint, this.#options)) {
      const host = new LambdaHost({
        functionName: this.#name(name),
        bundle: bundleFile(bundle, this.#options.bundles),
        handler: 'handler',
        environment,
        timeoutMs: limits.timeoutSeconds * 1000,
        memoryMb: limits.memoryMegabytes,
        maximumConcurrency: Math.min(limits.maximumConcurrency, LOCAL_CONCURRENCY[bundle]),
        region: this.#options.region,
        initTimeoutMs: INIT_LIMIT_MS,
        sourceMaps: true,
        inspectPort: inspect.get(name) ?? 0,
        idleLimitMs: IDLE_LIMIT_MS,
        // Clients wait for HTTP; the other functions may take their cold start with the first event.
        warmEnvironments: bundle === 'http' ? 1 : 0,
        log: (record) => notice(toNotice(`${this.#id} ${name}`, record.message)),
      });
      this.functions.set(name, host);
    }
    await Promise.all([...this.functions.values()].map((host) => host.start()));
  }

  #startTriggers(): void {
    const { topology, notice, checkpoint } = this.#options;
    const { streams, sqs } = this.#options.clients;
    const problem = (part: string) => (message: string) =>
      notice({ level: 'warn', part: `${this.#id} ${part}`, message });
    const relayFunction = this.functions.get('relay');
    if (relayFunction === undefined) throw new TypeError('The cell has no relay.');
    const relay = new DynamoDbStreamMapping({
      client: streams,
      tableName: this.#name('events'),
      invoke: (event) => relayFunction.invoke(event),
      region: this.#options.region,
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
    for (const consumer of topology.consumers) {
      const worker = this.functions.get(consumer.name);
      if (worker === undefined) throw new TypeError(`The cell has no worker for ${consumer.name}.`);
      const common = {
        client: sqs,
        invoke: (event: unknown) => worker.invoke(event),
        region: this.#options.region,
        maximumConcurrency: 1,
        reportBatchItemFailures: true,
        onProblem: problem(consumer.name),
      };
      const { batchSize, batchWindowSeconds: maximumBatchingWindowSeconds } = consumer;
      const queueIn = (lane: Lane) => {
        const queue = this.#options.provisioned.queues[this.#name(queueOf(consumer.name, lane))];
        if (queue === undefined) throw new TypeError(`The cell has no queue for ${consumer.name}.`);
        return queue;
      };
      for (const { url: queueUrl, arn: queueArn } of LANE_NAMES.map(queueIn))
        this.#queues.push(new SqsMapping({ ...common, queueUrl, queueArn, batchSize, maximumBatchingWindowSeconds }));
      // All lanes have one dead-letter queue.
      const { deadLetterUrl: queueUrl, arn } = queueIn('first');
      const queueArn = arn + DEAD_LETTER_SUFFIX;
      if (queueUrl !== undefined) this.#queues.push(new SqsMapping({ ...common, queueUrl, queueArn, batchSize: 10 }));
    }
    for (const mapping of this.#queues) mapping.start();
  }

  #name(part: string): string {
    return `${this.#id}-${part}`;
  }
}

/** Waits for all of them, then throws the first failure. */
async function settled(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
