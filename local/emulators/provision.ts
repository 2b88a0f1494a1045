// Creates an AWS cell's tables, topic, queues and subscriptions from a plain description; repeating it changes nothing.
import {
  CreateTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import {
  CreateTopicCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  type SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  QueueDoesNotExist,
  SetQueueAttributesCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

export interface TableDescription {
  name: string;
  partitionKey: string;
  sortKey?: string;
  /** Streams new images when set. */
  stream?: 'NEW_IMAGE' | 'NEW_AND_OLD_IMAGES';
  timeToLiveAttribute?: string;
}

export interface QueueDescription {
  name: string;
  visibilityTimeoutSeconds: number;
  /** Queue that messages go to after `maxReceiveCount` receives; it is created too. */
  deadLetter?: { name: string; maxReceiveCount: number };
  /** SNS filter policy on message attributes; everything is delivered unless given. */
  filterPolicy?: Readonly<Record<string, readonly unknown[]>>;
  /** False for a queue that is not subscribed to the topic; true unless given. */
  subscribed?: boolean;
}

export interface CellResources {
  tables: readonly TableDescription[];
  topic: string;
  queues: readonly QueueDescription[];
}

export interface ProvisionClients {
  dynamodb: DynamoDBClient;
  sns: SNSClient;
  sqs: SQSClient;
}

export interface ProvisionedQueue {
  url: string;
  arn: string;
  deadLetterUrl?: string;
}

export interface Provisioned {
  topicArn: string;
  /** By queue name. */
  queues: Record<string, ProvisionedQueue>;
  /** By table name; undefined for a table without a stream. */
  streamArns: Record<string, string | undefined>;
}

/**
 * Creates what is missing and corrects queue and subscription attributes that differ. Tables that exist are left as they are.
 * @throws the SDK's errors
 */
export async function provision(clients: ProvisionClients, cell: CellResources): Promise<Provisioned> {
  const streamArns: Record<string, string | undefined> = {};
  for (const table of cell.tables) streamArns[table.name] = await provisionTable(clients.dynamodb, table);
  const { TopicArn: topicArn = '' } = await clients.sns.send(new CreateTopicCommand({ Name: cell.topic }));
  const queues: Record<string, ProvisionedQueue> = {};
  for (const queue of cell.queues) {
    const created = await ensureQueueWithDeadLetter(clients.sqs, queue);
    queues[queue.name] = created;
    if (queue.subscribed ?? true) await ensureSubscription(clients.sns, topicArn, created.arn, queue.filterPolicy);
  }
  return { topicArn, queues, streamArns };
}

export async function provisionTable(client: DynamoDBClient, table: TableDescription): Promise<string | undefined> {
  const keys = table.sortKey === undefined ? [table.partitionKey] : [table.partitionKey, table.sortKey];
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table.name,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: keys.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
        AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        ...(table.stream === undefined
          ? {}
          : { StreamSpecification: { StreamEnabled: true, StreamViewType: table.stream } }),
      }),
    );
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  const description = await untilActive(client, table.name);
  await ensureTimeToLive(client, table);
  return description;
}

/** @returns the ARN of the table's stream */
async function untilActive(client: DynamoDBClient, name: string): Promise<string | undefined> {
  for (;;) {
    try {
      const { Table: table } = await client.send(new DescribeTableCommand({ TableName: name }));
      if (table?.TableStatus === 'ACTIVE') return table.LatestStreamArn;
    } catch (error) {
      // DescribeTable is eventually consistent right after CreateTable.
      if (!(error instanceof ResourceNotFoundException)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function ensureTimeToLive(client: DynamoDBClient, table: TableDescription): Promise<void> {
  if (table.timeToLiveAttribute === undefined) return;
  const { TimeToLiveDescription: current } = await client.send(
    new DescribeTimeToLiveCommand({ TableName: table.name }),
  );
  if (current?.TimeToLiveStatus === 'ENABLED' || current?.TimeToLiveStatus === 'ENABLING') return;
  const TimeToLiveSpecification = { Enabled: true, AttributeName: table.timeToLiveAttribute };
  await client.send(new UpdateTimeToLiveCommand({ TableName: table.name, TimeToLiveSpecification }));
}

async function ensureQueueWithDeadLetter(client: SQSClient, queue: QueueDescription): Promise<ProvisionedQueue> {
  const attributes: Record<string, string> = { VisibilityTimeout: String(queue.visibilityTimeoutSeconds) };
  if (queue.deadLetter === undefined) return ensureQueue(client, queue.name, attributes);
  // Fourteen days, the maximum: these messages wait for an operator.
  const deadLetter = await ensureQueue(client, queue.deadLetter.name, { MessageRetentionPeriod: '1209600' });
  const { maxReceiveCount } = queue.deadLetter;
  attributes.RedrivePolicy = JSON.stringify({ deadLetterTargetArn: deadLetter.arn, maxReceiveCount });
  return { ...(await ensureQueue(client, queue.name, attributes)), deadLetterUrl: deadLetter.url };
}

async function ensureQueue(
  client: SQSClient,
  name: string,
  attributes: Record<string, string>,
): Promise<ProvisionedQueue> {
  let url: string | undefined;
  try {
    ({ QueueUrl: url } = await client.send(new GetQueueUrlCommand({ QueueName: name })));
    await client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: attributes }));
  } catch (error) {
    if (!(error instanceof QueueDoesNotExist)) throw error;
    ({ QueueUrl: url } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes })));
  }
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['QueueArn'] });
  const { Attributes: found } = await client.send(command);
  if (url === undefined || found?.QueueArn === undefined) throw new Error(`SQS gave queue ${name} no URL or ARN.`);
  return { url, arn: found.QueueArn };
}

async function ensureSubscription(
  client: SNSClient,
  topicArn: string,
  queueArn: string,
  filterPolicy: QueueDescription['filterPolicy'],
): Promise<void> {
  const policy = JSON.stringify(filterPolicy ?? {});
  const existing = await findSubscription(client, topicArn, queueArn);
  if (existing !== undefined) {
    const wanted = { RawMessageDelivery: 'true', FilterPolicy: policy };
    for (const [AttributeName, AttributeValue] of Object.entries(wanted)) {
      await client.send(
        new SetSubscriptionAttributesCommand({ SubscriptionArn: existing, AttributeName, AttributeValue }),
      );
    }
    return;
  }
  await client.send(
    new SubscribeCommand({
      TopicArn: topicArn,
      Protocol: 'sqs',
      Endpoint: queueArn,
      ReturnSubscriptionArn: true,
      Attributes: { RawMessageDelivery: 'true', ...(filterPolicy === undefined ? {} : { FilterPolicy: policy }) },
    }),
  );
}

async function findSubscription(client: SNSClient, topicArn: string, queueArn: string): Promise<string | undefined> {
  let NextToken: string | undefined;
  do {
    const input = NextToken === undefined ? { TopicArn: topicArn } : { TopicArn: topicArn, NextToken };
    const page = await client.send(new ListSubscriptionsByTopicCommand(input));
    const found = page.Subscriptions?.find(({ Endpoint }) => Endpoint === queueArn);
    if (found?.SubscriptionArn !== undefined) return found.SubscriptionArn;
    ({ NextToken } = page);
  } while (NextToken !== undefined);
  return undefined;
}
