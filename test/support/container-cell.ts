// A cell that is served by container processes: emulators, resources from the topology, and replicas of the container that share the work.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { CosmosClient } from '@azure/cosmos';
import { ServiceBusAdministrationClient } from '@azure/service-bus';
import { cosmosClientOptions } from '../../adapters/azure/cosmos-client.ts';
import { systemClock } from '../../adapters/system/system.ts';
import { azureResources } from '../../build/azure-resources.ts';
import { buildBundles, root } from '../../build/bundles.mjs';
import { publicPart } from '../../core/ports/keys.ts';
import { CosmosEmulator } from '../../emulators/cosmos/emulator.ts';
import { DynamoDbEmulator } from '../../emulators/dynamodb/dynamodb-emulator.ts';
import { DEVELOPMENT_CERTIFICATE } from '../../emulators/service-bus/certificate.ts';
import { connectionStringFor, ServiceBusEmulator } from '../../emulators/service-bus/emulator.ts';
import { SnsSqsEmulator } from '../../emulators/sns-sqs/sns-sqs-emulator.ts';
import { endChild, killChild } from '../../hosts/processes/end-child.ts';
import { freePort } from '../../hosts/processes/free-port.ts';
import { awsCellResources } from '../../local/aws-cell.ts';
import { azureNames, provisionAzureCell } from '../../local/azure-cell.ts';
import { provision } from '../../local/emulators/provision.ts';
import { type Notice, toNotice } from '../../local/local-cell.ts';
import { makeRouteKeys } from '../../local/route-keys.ts';
import type { ServedCell } from './cell-harness.ts';
import { eventually } from './eventually.ts';
import { impatient } from './impatient.ts';

/** A message that fails for now comes again after this, and not after the two minutes of the cloud; longer than a consumer may take. */
const VISIBILITY_SECONDS = 25;

const topology = impatient(VISIBILITY_SECONDS, 20);
const CONSUMERS = topology.consumers.map(({ name }) => name);
const REGION = 'eu-central-1';

/** Everything but the API, which one replica serves. */
export const BACKGROUND = ['relay', ...CONSUMERS];

/** A replica of the container. */
export interface Replica {
  readonly healthUrl: string;
  /** Ends without a word. */
  kill(): Promise<void>;
  /** Ends as the platform asks it to; resolves with the exit code. */
  end(): Promise<number | null>;
}

/** A cell whose replicas come and go. */
export interface ContainerCell extends ServedCell {
  /** Starts another replica that runs these parts. */
  start(parts: readonly string[]): Promise<Replica>;
  /** Splits a range of the event log's feed, where the emulator can. */
  split(): void;
}

/** What is there before any container runs. */
interface Ground {
  readonly bundle: string;
  readonly environment: Readonly<Record<string, string>>;
  split(): void;
  close(): Promise<void>;
}

async function awsGround(id: string): Promise<Ground> {
  const dynamodb = new DynamoDbEmulator();
  const snsSqs = new SnsSqsEmulator({ region: REGION });
  await Promise.all([dynamodb.start(), snsSqs.start()]);
  const options = (endpoint: string) => ({
    endpoint,
    region: REGION,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const clients = {
    dynamodb: new DynamoDBClient(options(dynamodb.endpoint)),
    sns: new SNSClient(options(snsSqs.endpoint)),
    sqs: new SQSClient(options(snsSqs.endpoint)),
  };
  const { topicArn, queues } = await provision(clients, awsCellResources(id, topology));
  for (const client of Object.values(clients)) client.destroy();
  const [first = ''] = CONSUMERS;
  const queueUrl = queues[`${id}-${first}`]?.url ?? '';
  return {
    bundle: 'containers/aws',
    environment: {
      APP_EVENTS_TABLE: `${id}-events`,
      APP_STATE_TABLE: `${id}-state`,
      APP_TOPIC_ARN: topicArn,
      APP_QUEUES: queueUrl.slice(0, -first.length - 1),
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB_STREAMS: dynamodb.endpoint,
      AWS_ENDPOINT_URL_SNS: snsSqs.endpoint,
      AWS_ENDPOINT_URL_SQS: snsSqs.endpoint,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    },
    split: () => {
      throw new Error('The DynamoDB emulator does not split shards.');
    },
    close: async () => {
      await Promise.all([dynamodb.stop(), snsSqs.stop()]);
    },
  };
}

async function azureGround(id: string): Promise<Ground> {
  const cosmos = new CosmosEmulator({ consistency: 'Strong' });
  const serviceBus = new ServiceBusEmulator();
  const [account, { port }] = await Promise.all([cosmos.start(), serviceBus.start()]);
  const connections = { COSMOS: account.connectionString, SERVICE_BUS: connectionStringFor(port) };
  const client = new CosmosClient({
    connectionString: connections.COSMOS,
    ...cosmosClientOptions({ requestTimeoutMs: 10_000 }),
  });
  const administration = new ServiceBusAdministrationClient(connections.SERVICE_BUS, {
    tlsOptions: { ca: DEVELOPMENT_CERTIFICATE.cert },
  } as object);
  const names = azureNames(id);
  await provisionAzureCell(client, administration, names, azureResources(topology));
  client.dispose();
  return {
    bundle: 'containers/azure',
    environment: {
      ...connections,
      APP_REGION: 'westeurope',
      APP_DATABASE: names.database,
      APP_TOPIC: names.topic,
    },
    split: () => void cosmos.split(names.database, 'events'),
    close: async () => {
      await Promise.all([cosmos.stop(), serviceBus.stop()]);
    },
  };
}

/** What a process that is asked to end may take, in milliseconds. */
const END_MS = 60_000;

/** Starts a cell with one replica that runs everything, and another one beside it. `notices` collects what they log. */
export async function openContainerCell(cloud: 'aws' | 'azure', notices: Notice[]): Promise<ContainerCell> {
  const id = `${cloud}-containers`;
  const ground = await (cloud === 'aws' ? awsGround(id) : azureGround(id));
  const children = new Set<ChildProcess>();
  const close = async () => {
    await Promise.all([...children].map((child) => endChild(child, (each) => each.kill('SIGTERM'), END_MS)));
    await ground.close();
  };
  try {
    await buildBundles({ only: [ground.bundle] });
    const keys = await makeRouteKeys(systemClock);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const start = async (parts: readonly string[]): Promise<Replica> => {
      const healthPort = await freePort();
      const child = spawn(
        process.execPath,
        ['--enable-source-maps', path.join(root, 'dist', ground.bundle, 'index.cjs')],
        {
          stdio: ['ignore', 'pipe', 'pipe'],
          env: {
            ...ground.environment,
            APP_RUN: parts.join(' '),
            APP_CELL: id,
            APP_VERSION: 'test',
            APP_PORT: String(port),
            APP_HEALTH_PORT: String(healthPort),
            APP_ROUTE_KEYS: JSON.stringify(keys.publicKeys),
            APP_ENDPOINTS: url,
            APP_ROUTE_AUDIENCE: 'required',
            APP_IDENTITY_KEY: JSON.stringify(keys.privateKey),
            APP_EDGE: 'none',
          },
        },
      );
      children.add(child);
      for (const stream of [child.stdout, child.stderr])
        createInterface(stream).on('line', (line) => notices.push(toNotice(id, line)));
      const healthUrl = `http://127.0.0.1:${healthPort}`;
      await eventually(async () => {
        if (child.exitCode !== null) throw new Error(`The container has ended: ${JSON.stringify(notices.slice(-5))}`);
        expect((await fetch(`${healthUrl}/readyz`)).status).toBe(200);
      });
      return {
        healthUrl,
        kill: () => killChild(child),
        end: async () => {
          const ended = once(child, 'exit');
          child.kill('SIGTERM');
          return (await ended)[0] as number | null;
        },
      };
    };
    await start(['http', ...BACKGROUND]);
    return {
      id,
      url,
      identity: publicPart(keys.privateKey),
      token: (tenant, { scopes = ['ingest', 'read', 'operate'] as const, cell: target = id, ...rest } = {}) =>
        keys.mint({ tenant, cell: target, endpoint: url, scopes, ...rest }),
      start,
      split: ground.split,
      close,
    };
  } catch (error) {
    // Servers that are left open would keep the test from ending after it has failed.
    await close();
    throw error;
  }
}
