// The servers that contract suites run against: the project's own emulators, or other ones that `npm run conformance` names.
import { randomBytes } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { DeleteTableCommand, ResourceNotFoundException } from '@aws-sdk/client-dynamodb';
import { DeleteTopicCommand, ListTopicsCommand } from '@aws-sdk/client-sns';
import { DeleteQueueCommand, ListQueuesCommand } from '@aws-sdk/client-sqs';
import { ServiceBusAdministrationClient } from '@azure/service-bus';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { SubscriptionResource } from '../../build/azure-resources.ts';
import { CosmosEmulator } from '../../emulators/cosmos/emulator.ts';
import { WELL_KNOWN_KEY } from '../../emulators/cosmos/limits.ts';
import { DynamoDbEmulator } from '../../emulators/dynamodb/dynamodb-emulator.ts';
import { DEVELOPMENT_CERTIFICATE } from '../../emulators/service-bus/certificate.ts';
import { ServiceBusEmulator } from '../../emulators/service-bus/emulator.ts';
import { SnsSqsEmulator } from '../../emulators/sns-sqs/sns-sqs-emulator.ts';
import { dynamodbClient, snsClient, sqsClient } from '../contract/aws/clients.ts';
import { cosmosClient } from '../contract/azure/clients.ts';
import { blobServer, STORAGE_ACCOUNT, STORAGE_KEY } from './blob-server.ts';

/** The variable by which the program names servers to the suites that it starts. */
export const SERVERS_VARIABLE = 'POLYCELL_CONFORMANCE_SERVERS';

/** Servers in the place of the project's emulators. */
export interface ContractServers {
  readonly dynamodb?: string;
  /** One server for SNS and SQS: a topic delivers only to queues that it knows. */
  readonly snsSqs?: string;
  readonly cosmos?: { readonly endpoint: string; readonly key: string };
  /** Connection strings of an emulator on this machine: for messages, and for topics and subscriptions. */
  readonly serviceBus?: { readonly connection: string; readonly administration: string };
  /** With the account and key that emulators have, such as `http://127.0.0.1:10000/devstoreaccount1`. */
  readonly blob?: string;
}

const named = (): ContractServers => JSON.parse(process.env[SERVERS_VARIABLE] ?? '{}') as ContractServers;

/** A server for one file of tests. */
export interface ContractServer {
  readonly endpoint: string;
  /** The account's key, where the service has one. */
  readonly key: string;
  start(): Promise<unknown>;
  /** Also removes what has been made under the names that were given out, if the server goes on without us. */
  stop(): Promise<void>;
  /** A name that nothing else has. */
  name(what: string): string;
}

function server(
  endpoint: string | undefined,
  emulator: { readonly endpoint: string; start(): Promise<unknown>; stop(): Promise<void> },
  cleanUp: (endpoint: string, prefix: string, names: readonly string[]) => Promise<void>,
  key = '',
): ContractServer {
  // Another server may have whatever it has from others, or from an earlier run that was cut short.
  const prefix = endpoint === undefined ? '' : `conformance-${randomBytes(4).toString('hex')}-`;
  const names: string[] = [];
  return {
    get endpoint() {
      return endpoint ?? emulator.endpoint;
    },
    key,
    start: async () => (endpoint === undefined ? emulator.start() : undefined),
    stop: () => (endpoint === undefined ? emulator.stop() : cleanUp(endpoint, prefix, names)),
    name(what) {
      const name = `${prefix}${what}-${names.length + 1}`;
      names.push(name);
      return name;
    },
  };
}

export const dynamoDbServer = (): ContractServer =>
  server(named().dynamodb, new DynamoDbEmulator(), async (endpoint, _prefix, names) => {
    const client = dynamodbClient(endpoint);
    for (const TableName of names)
      await client.send(new DeleteTableCommand({ TableName })).catch((error: unknown) => {
        if (!(error instanceof ResourceNotFoundException)) throw error;
      });
    client.destroy();
  });

export const snsSqsServer = (): ContractServer =>
  server(named().snsSqs, new SnsSqsEmulator(), async (endpoint, prefix) => {
    const [sns, sqs] = [snsClient(endpoint), sqsClient(endpoint)];
    for (;;) {
      const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: prefix }));
      if (QueueUrls.length === 0) break;
      for (const QueueUrl of QueueUrls) await sqs.send(new DeleteQueueCommand({ QueueUrl }));
    }
    let NextToken: string | undefined;
    do {
      const page = await sns.send(new ListTopicsCommand({ NextToken }));
      for (const { TopicArn = '' } of page.Topics ?? [])
        if (TopicArn.includes(`:${prefix}`)) await sns.send(new DeleteTopicCommand({ TopicArn }));
      ({ NextToken } = page);
    } while (NextToken !== undefined);
    for (const client of [sns, sqs]) client.destroy();
  });

export const blobStorage = (): ContractServer =>
  server(named().blob, blobServer(), async (endpoint, _prefix, names) => {
    const service = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(STORAGE_ACCOUNT, STORAGE_KEY));
    for (const name of names) await service.getContainerClient(name).deleteIfExists();
  });

/** `partitionRanges`: of the own emulator. */
export function cosmosServer(partitionRanges: number): ContractServer {
  const { endpoint, key = WELL_KNOWN_KEY } = named().cosmos ?? {};
  const emulator = new CosmosEmulator({ partitionRanges });
  const own = {
    get endpoint() {
      return emulator.connection.endpoint;
    },
    start: () => emulator.start(),
    stop: () => emulator.stop(),
  };
  const remove = async (at: string, _prefix: string, databases: readonly string[]): Promise<void> => {
    const client = cosmosClient(at, key);
    for (const id of databases)
      await client
        .database(id)
        .delete()
        .catch((error: { code?: unknown }) => {
          if (error.code !== 404) throw error;
        });
    client.dispose();
  };
  return server(endpoint, own, remove, key);
}

/** A topic with subscriptions, for one clause. */
export interface ContractTopic {
  readonly topic: string;
  /** Of its namespace on this machine. */
  readonly port: number;
  /** Of the namespace behind another port, such as a proxy's; of its own by default. */
  connection(port?: number): string;
  /** What can be made to fail; another server cannot. */
  readonly emulator: ServiceBusEmulator | undefined;
  /** Removes it. */
  close(): Promise<void>;
}

/** Whether the suite of Service Bus runs against another server than the own emulator. */
export const serviceBusIsNamed = (): boolean => named().serviceBus !== undefined;

export async function serviceBusTopic(subscriptions: readonly SubscriptionResource[]): Promise<ContractTopic> {
  const other = named().serviceBus;
  const topic = `conformance-${randomBytes(4).toString('hex')}`;
  const made =
    other === undefined ? await ownTopic(topic, subscriptions) : await otherTopic(other, topic, subscriptions);
  const port = servicePort(made.connection);
  const connection = (at = port) => made.connection.replace(ENDPOINT, `Endpoint=sb://127.0.0.1:${at}`);
  return { ...made, topic, port, connection };
}

type MadeTopic = Pick<ContractTopic, 'emulator' | 'close'> & { readonly connection: string };

async function ownTopic(topic: string, subscriptions: readonly SubscriptionResource[]): Promise<MadeTopic> {
  const emulator = new ServiceBusEmulator();
  const { connectionString } = await emulator.start();
  emulator.createTopic(topic);
  for (const { name, lockDuration, maxDeliveryCount, rule } of subscriptions) {
    const settings = { lockDurationMs: Number(lockDuration.slice(2, -1)) * 1000, maxDeliveryCount };
    const filter = { kind: 'sql', expression: rule.sqlFilter } as const;
    emulator.namespace.createSubscription(topic, name, settings, { name: rule.name, filter });
  }
  return { emulator, connection: connectionString, close: () => emulator.stop() };
}

async function otherTopic(
  { connection, administration }: Required<ContractServers>['serviceBus'],
  topic: string,
  subscriptions: readonly SubscriptionResource[],
): Promise<MadeTopic> {
  // Our own emulator by its address has its own certificate; others have theirs by NODE_EXTRA_CA_CERTS.
  const options = { tlsOptions: { ca: [DEVELOPMENT_CERTIFICATE.cert, ...rootCertificates] } };
  const client = new ServiceBusAdministrationClient(administration, options as object);
  await client.createTopic(topic);
  for (const { name, lockDuration, maxDeliveryCount, rule } of subscriptions) {
    const defaultRuleOptions = { name: rule.name, filter: { sqlExpression: rule.sqlFilter } };
    await client.createSubscription(topic, name, { lockDuration, maxDeliveryCount, defaultRuleOptions });
  }
  return { emulator: undefined, connection, close: async () => void (await client.deleteTopic(topic)) };
}

const ENDPOINT = /Endpoint=sb:\/\/(?:127\.0\.0\.1|localhost)(?::(\d+))?/;

/** The port of an emulator on this machine; 5672 is AMQP's. @throws TypeError for a namespace elsewhere */
function servicePort(connection: string): number {
  const found = ENDPOINT.exec(connection);
  if (found === null)
    throw new TypeError(`The suite needs an emulator on this machine, which ${connection} does not name.`);
  return Number(found[1] ?? 5672);
}
