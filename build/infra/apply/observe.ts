// Reads from the API which of a cell's functions, stores, topics, queues and roles there are.
import { type AwsClient, AwsFault } from './aws-client.ts';
import type { Facts } from './inventory.ts';
import { at, items, type Json, meaning, text } from './json.ts';

/** What is known while a cell is read. */
export interface Reading {
  readonly client: AwsClient;
  /** Id of the cell, which the names of all its things begin with. */
  readonly cell: string;
  add(kind: string, name: string, facts: Facts): void;
  /** Gives what the cloud has named a name that can be expected. */
  name(given: string, name: string): void;
}

/** Pages of a list; what a cell consists of fills a few. */
const MAXIMUM_PAGES = 200;

/** All elements of a list that comes in pages. */
export async function paged(
  read: (token: string | undefined) => Promise<{ readonly found: readonly Json[]; readonly next: Json | undefined }>,
): Promise<readonly Json[]> {
  const all: Json[] = [];
  let token: string | undefined;
  for (let page = 0; page < MAXIMUM_PAGES; page += 1) {
    const { found, next } = await read(token);
    all.push(...found);
    if (text(next) === '') return all;
    token = text(next);
  }
  throw new Error(`A list has more than ${MAXIMUM_PAGES} pages.`);
}

/** `undefined` for what the API says is not there. */
export async function ifThere(reading: Promise<Json>): Promise<Json | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof AwsFault && error.status === 404) return undefined;
    throw error;
  }
}

/** Whether a name is one of the cell's. */
export const isOf = (cell: string, name: string): boolean => name === cell || name.startsWith(`${cell}-`);

const nameIn = (arn: string): string => arn.split(':').at(-1) ?? '';

/** A list of keys with their values, as an object. */
const entries = (value: Json | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(items(value).map((entry) => [text(at(entry, 'key')), text(at(entry, 'value'))]));

export async function readFunctions({ client, cell, add }: Reading): Promise<void> {
  const rest = (path: string) => client.rest('lambda', `/2015-03-31/${path}`);
  const found = await paged(async (token) => {
    const page = await rest(`functions/${token === undefined ? '' : `?Marker=${encodeURIComponent(token)}`}`);
    return { found: items(at(page, 'Functions')), next: at(page, 'NextMarker') };
  });
  for (const each of found) {
    const name = text(at(each, 'FunctionName'));
    if (!isOf(cell, name)) continue;
    const live = await ifThere(rest(`functions/${name}?Qualifier=live`));
    const configuration = at(live, 'Configuration') ?? each;
    const policy = meaning(at(await ifThere(rest(`functions/${name}/policy?Qualifier=live`)), 'Policy'));
    const concurrency = await ifThere(client.rest('lambda', `/2019-09-30/functions/${name}/concurrency`));
    add('function', name, {
      alias: live === undefined ? null : 'live',
      code: at(configuration, 'CodeSha256') ?? null,
      runtime: at(configuration, 'Runtime') ?? null,
      handler: at(configuration, 'Handler') ?? null,
      architectures: at(configuration, 'Architectures') ?? null,
      timeout: at(configuration, 'Timeout') ?? null,
      memory: at(configuration, 'MemorySize') ?? null,
      role: at(configuration, 'Role') ?? null,
      tracing: at(configuration, 'TracingConfig', 'Mode') ?? null,
      environment: at(configuration, 'Environment', 'Variables') ?? null,
      key: at(configuration, 'KMSKeyArn') ?? null,
      logFormat: at(configuration, 'LoggingConfig', 'LogFormat') ?? null,
      logGroup: at(configuration, 'LoggingConfig', 'LogGroup') ?? null,
      subnets: items(at(configuration, 'VpcConfig', 'SubnetIds')).length,
      concurrency: at(concurrency, 'ReservedConcurrentExecutions') ?? null,
      callers: items(at(policy, 'Statement')).map((statement) => ({
        principal: at(statement, 'Principal', 'Service') ?? null,
        source:
          at(statement, 'Condition', 'ArnLike', 'AWS:SourceArn') ??
          at(statement, 'Condition', 'ArnLike', 'aws:SourceArn') ??
          null,
      })),
    });
  }
  const mappings = await paged(async (token) => {
    const page = await rest(
      `event-source-mappings/${token === undefined ? '' : `?Marker=${encodeURIComponent(token)}`}`,
    );
    return { found: items(at(page, 'EventSourceMappings')), next: at(page, 'NextMarker') };
  });
  for (const mapping of mappings) {
    const source = text(at(mapping, 'EventSourceArn'));
    const [, table] = /:table\/([^/]+)\/stream\//.exec(source) ?? [];
    const name = table ?? nameIn(source);
    if (!isOf(cell, name)) continue;
    add('mapping', name, {
      function: at(mapping, 'FunctionArn') ?? null,
      batch: at(mapping, 'BatchSize') ?? null,
      window: at(mapping, 'MaximumBatchingWindowInSeconds') ?? 0,
      responses: at(mapping, 'FunctionResponseTypes') ?? null,
      concurrency: at(mapping, 'ScalingConfig', 'MaximumConcurrency') ?? null,
      position: at(mapping, 'StartingPosition') ?? null,
      parallelization: at(mapping, 'ParallelizationFactor') ?? null,
      retries: at(mapping, 'MaximumRetryAttempts') ?? null,
      age: at(mapping, 'MaximumRecordAgeInSeconds') ?? null,
    });
  }
}

export async function readTables({ client, cell, add, name: give }: Reading): Promise<void> {
  const call = (operation: string, input: Json) =>
    client.json('dynamodb', `DynamoDB_20120810.${operation}`, input, '1.0');
  const names = await paged(async (token) => {
    const page = await call('ListTables', token === undefined ? {} : { ExclusiveStartTableName: token });
    return { found: items(at(page, 'TableNames')), next: at(page, 'LastEvaluatedTableName') };
  });
  for (const TableName of names.map(text).filter((name) => isOf(cell, name))) {
    const table = at(await call('DescribeTable', { TableName }), 'Table');
    const backups = at(await call('DescribeContinuousBackups', { TableName }), 'ContinuousBackupsDescription');
    const ttl = at(await call('DescribeTimeToLive', { TableName }), 'TimeToLiveDescription');
    give(text(at(table, 'LatestStreamArn')), '{stream}');
    add('table', TableName, {
      keys: items(at(table, 'KeySchema')).map((key) => `${text(at(key, 'KeyType'))} ${text(at(key, 'AttributeName'))}`),
      billing: at(table, 'BillingModeSummary', 'BillingMode') ?? null,
      stream: at(table, 'StreamSpecification', 'StreamViewType') ?? null,
      timeToLive: text(at(ttl, 'TimeToLiveStatus')) === 'ENABLED' ? (at(ttl, 'AttributeName') ?? null) : null,
      recovery: at(backups, 'PointInTimeRecoveryDescription', 'PointInTimeRecoveryStatus') ?? null,
      protection: at(table, 'DeletionProtectionEnabled') ?? false,
      key: at(table, 'SSEDescription', 'KMSMasterKeyArn') ?? null,
    });
  }
}

export async function readQueues({ client, cell, add }: Reading): Promise<void> {
  const call = (operation: string, input: Json) => client.json('sqs', `AmazonSQS.${operation}`, input, '1.0');
  const urls = await paged(async (token) => {
    const page = await call('ListQueues', {
      QueueNamePrefix: cell,
      MaxResults: 1000,
      ...(token !== undefined && { NextToken: token }),
    });
    return { found: items(at(page, 'QueueUrls')), next: at(page, 'NextToken') };
  });
  for (const QueueUrl of urls.map(text)) {
    const name = QueueUrl.split('/').at(-1) ?? '';
    if (!isOf(cell, name)) continue;
    const attributes = at(await call('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] }), 'Attributes');
    const redrive = meaning(at(attributes, 'RedrivePolicy'));
    add('queue', name, {
      visibility: Number(text(at(attributes, 'VisibilityTimeout'))),
      retention: Number(text(at(attributes, 'MessageRetentionPeriod'))),
      deadLetters: at(redrive, 'deadLetterTargetArn') ?? null,
      deliveries: Number(text(at(redrive, 'maxReceiveCount'))),
      redriveFrom: at(meaning(at(attributes, 'RedriveAllowPolicy')), 'sourceQueueArns') ?? null,
      key: at(attributes, 'KmsMasterKeyId') ?? null,
      senders: items(at(meaning(at(attributes, 'Policy')), 'Statement')).map((statement) => ({
        effect: at(statement, 'Effect') ?? null,
        principal: at(statement, 'Principal', 'Service') ?? null,
        action: at(statement, 'Action') ?? null,
        source: at(statement, 'Condition', 'ArnEquals', 'aws:SourceArn') ?? null,
      })),
    });
  }
}

const SNS = '2010-03-31';

export async function readTopics({ client, cell, add }: Reading): Promise<void> {
  const list = (operation: string, name: string) =>
    paged(async (token) => {
      const page = await client.query('sns', SNS, operation, token === undefined ? {} : { NextToken: token });
      return { found: items(at(page, name)), next: at(page, 'NextToken') };
    });
  for (const topic of await list('ListTopics', 'Topics')) {
    const arn = text(at(topic, 'TopicArn'));
    if (!isOf(cell, nameIn(arn))) continue;
    const answer = await client.query('sns', SNS, 'GetTopicAttributes', { TopicArn: arn });
    const attributes = entries(at(answer, 'Attributes'));
    add('topic', nameIn(arn), { key: attributes.KmsMasterKeyId ?? null, tracing: attributes.TracingConfig ?? null });
  }
  for (const subscription of await list('ListSubscriptions', 'Subscriptions')) {
    const topic = nameIn(text(at(subscription, 'TopicArn')));
    const arn = text(at(subscription, 'SubscriptionArn'));
    if (!isOf(cell, topic)) continue;
    // A person who has not confirmed it has a subscription without a name, and it has no attributes.
    const answer = arn.startsWith('arn:')
      ? await client.query('sns', SNS, 'GetSubscriptionAttributes', { SubscriptionArn: arn })
      : undefined;
    const attributes = entries(at(answer, 'Attributes'));
    add('subscription', nameIn(text(at(subscription, 'Endpoint'))), {
      topic,
      protocol: at(subscription, 'Protocol') ?? null,
      raw: attributes.RawMessageDelivery ?? null,
      scope: attributes.FilterPolicyScope ?? null,
      filter: attributes.FilterPolicy === undefined ? null : meaning(attributes.FilterPolicy),
    });
  }
}

const IAM = '2010-05-08';

/** What a role's own policy allows: its statements by their names, with what they act upon. */
export async function readRoles({ client, cell, add }: Reading): Promise<void> {
  const roles = await paged(async (token) => {
    const page = await client.query('iam', IAM, 'ListRoles', token === undefined ? {} : { Marker: token });
    return { found: items(at(page, 'Roles')), next: at(page, 'Marker') };
  });
  for (const role of roles) {
    const RoleName = text(at(role, 'RoleName'));
    if (!isOf(cell, RoleName)) continue;
    const trust = meaning(decodeURIComponent(text(at(role, 'AssumeRolePolicyDocument'))));
    const policies = items(at(await client.query('iam', IAM, 'ListRolePolicies', { RoleName }), 'PolicyNames')).map(
      text,
    );
    const upon: Record<string, Json> = {};
    for (const PolicyName of policies) {
      const answer = await client.query('iam', IAM, 'GetRolePolicy', { RoleName, PolicyName });
      for (const statement of items(at(meaning(decodeURIComponent(text(at(answer, 'PolicyDocument')))), 'Statement')))
        upon[`upon ${text(at(statement, 'Sid'))}`] = at(statement, 'Resource') ?? null;
    }
    add('role', RoleName, {
      trusts: items(at(trust, 'Statement')).map((statement) => at(statement, 'Principal', 'Service') ?? null),
      policies,
      statements: Object.keys(upon).sort(),
      ...upon,
    });
  }
}
