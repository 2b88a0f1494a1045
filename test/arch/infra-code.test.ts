// What the modules set and grant, held against what the code reads and calls.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript-api';
import { localsOf, textsOf } from '../../build/infra/check/policies.ts';
import { wranglerConfig } from '../../build/infra/wrangler.ts';
import { DELAY_LINE } from '../../core/cell/delays.ts';
import { TELEMETRY_VARIABLES } from '../../core/cell/telemetry-settings.ts';
import * as aws from '../../functions-aws/config.ts';
import * as azure from '../../functions-azure/config.ts';
import * as edge from '../../functions-edge/config.ts';
import { AWS_ACTIONS, actionsIn, commandsOf } from './support/calls.ts';
import { PROJECT, type Source, sourcesBelow, walk } from './support/sources.ts';
import {
  attributeOf,
  attributeOfResource,
  blocksOf,
  entryOf,
  localOf,
  mergedNames,
  namesOf,
  objectsIn,
  readModule,
  textOf,
} from './support/terraform.ts';

const awsCell = readModule(PROJECT, 'infra/modules/aws-event-cell');
const azureCell = readModule(PROJECT, 'infra/modules/azure-event-cell');
const edgeModule = readModule(PROJECT, 'infra/modules/edge');
const adapters = sourcesBelow(path.join(PROJECT, 'adapters'));

const names = (variables: object): string[] => Object.keys(variables).sort();

describe('environment', () => {
  test('AWS functions get the variables that functions-aws/config.ts declares, each those that it reads', () => {
    const shared = namesOf(localOf(awsCell, 'shared_environment'));
    const environmentOf = (value: Parameters<typeof entryOf>[0]) => {
      const entry = entryOf(value, 'environment')?.value;
      const given = entry?.kind === 'call' ? entry.arguments[0] : entry;
      // One that refers to a local is that local.
      return namesOf(given?.kind === 'traversal' ? localOf(awsCell, String(given.path[0])) : given);
    };
    const own = objectsIn(localOf(awsCell, 'functions')).flatMap((object) =>
      entryOf(object, 'bundle') === undefined
        ? object.entries.map(({ name, value }) => [name, environmentOf(value)] as const)
        : [['worker', environmentOf(object)] as const],
    );
    expect(Object.fromEntries(own)).toEqual({
      http: ['APP_ROUTE_KEYS', 'APP_ENDPOINTS', 'APP_ROUTE_AUDIENCE', 'APP_IDENTITY_KEY', 'APP_EDGE'],
      relay: [],
      // A worker whose effects must happen once also gets what it asks for leases with.
      worker: ['APP_CONSUMER'],
    });
    expect(namesOf(localOf(awsCell, 'lease_environment'))).toEqual(['APP_IDENTITY_KEY', 'APP_ROUTE_KEYS', 'APP_EDGE']);
    expect([...shared, ...own.flatMap(([, each]) => each)].sort()).toEqual(
      names({ ...aws.VARIABLES, ...TELEMETRY_VARIABLES }),
    );
  });

  test('the Azure app gets the variables that functions-azure/config.ts declares, and the settings of its connections', () => {
    const settings = mergedNames(
      azureCell,
      attributeOfResource(azureCell, 'azurerm_function_app_flex_consumption', 'app', 'app_settings'),
    );
    expect(settings.filter((name) => name.startsWith('APP_')).sort()).toEqual(names(azure.VARIABLES));
    const { cosmos, serviceBus } = azure.CONNECTIONS;
    expect(settings.filter((name) => name.startsWith(cosmos) || name.startsWith(serviceBus)).sort()).toEqual(
      [`${cosmos}__accountEndpoint`, `${serviceBus}__fullyQualifiedNamespace`]
        .concat([cosmos, serviceBus].flatMap((name) => [`${name}__clientId`, `${name}__credential`]))
        .sort(),
    );
    // What the platform reads, and no setting that Flex Consumption refuses.
    expect(settings.filter((name) => !/^(APP_|COSMOS__|SERVICE_BUS__)/.test(name)).sort()).toEqual([
      'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
      'AzureWebJobsStorage',
      'AzureWebJobsStorage__accountName',
      'AzureWebJobsStorage__clientId',
      'AzureWebJobsStorage__credential',
      ...names(TELEMETRY_VARIABLES),
    ]);
  });

  /** What lies at the Worker alone: the private key, and headers for the collector. */
  const secrets = ['APP_ROUTE_KEY', 'OTEL_EXPORTER_OTLP_HEADERS'];

  test('the Worker is bound to what functions-edge/config.ts declares; secrets are set separately', () => {
    const bindings = attributeOfResource(edgeModule, 'cloudflare_workers_script', 'edge', 'bindings');
    const bound = objectsIn(bindings).map((object) => textOf(entryOf(object, 'name')?.value) ?? '');
    expect([...bound, ...secrets].sort()).toEqual([...names(edge.VARIABLES), ...names(edge.PLATFORM_VARIABLES)].sort());
    expect(bound.filter((name) => secrets.includes(name))).toEqual([]);
  });

  test("wrangler's file binds the same", () => {
    const read = (file: string) => JSON.parse(readFileSync(path.join(PROJECT, file), 'utf8'));
    const { cells } = read('infra/objectives.json');
    const text = wranglerConfig(read('infra/edge.json'), cells);
    const config = JSON.parse(text.replace(/^\/\/.*$/gm, ''));
    const bound = [
      ...Object.keys(config.vars),
      ...config.kv_namespaces.map(({ binding }: { binding: string }) => binding),
      config.assets.binding,
      ...config.durable_objects.bindings.map(({ name }: { name: string }) => name),
    ];
    expect([...bound, ...secrets].sort()).toEqual([...names(edge.VARIABLES), ...names(edge.PLATFORM_VARIABLES)].sort());
  });

  test('the alarms of both clouds go by what the cells log', () => {
    const delays = readFileSync(path.join(PROJECT, 'core/cell/delays.ts'), 'utf8');
    const replicate = readFileSync(path.join(PROJECT, 'core/replication/replicate.ts'), 'utf8');
    expect(replicate).toContain('{ tenant, peer, failingMs, reason }');
    expect(delays).toContain('log.info(DELAY_LINE, { ...reportOf(');
    for (const cloud of ['aws', 'azure']) {
      const alarms = readFileSync(path.join(PROJECT, `infra/modules/${cloud}-event-cell/main.alarms.tf`), 'utf8');
      const read = new Set(alarms.match(/(?<=\$\.|\bline\.)(kind|p99Ms|failingMs)\b/g));
      expect([...read].sort()).toEqual(['failingMs', 'kind', 'p99Ms']);
      expect(alarms).toContain(DELAY_LINE);
    }
  });

  test('docs/environment.md has every variable that is set', () => {
    const document = readFileSync(path.join(PROJECT, 'docs/environment.md'), 'utf8');
    const all = [...names(aws.VARIABLES), ...names(azure.VARIABLES), ...names(edge.VARIABLES)];
    expect(all.filter((name) => !document.includes(`| \`${name}\` |`))).toEqual([]);
  });
});

/** What Lambda does on behalf of a function, for its triggers, logs, traces and network. */
const LAMBDA_ACTIONS = [
  ...['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'],
  ...['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'],
  ...['logs:CreateLogStream', 'logs:PutLogEvents', 'xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
  ...['ec2:AssignPrivateIpAddresses', 'ec2:CreateNetworkInterface', 'ec2:DeleteNetworkInterface'],
  ...['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets', 'ec2:UnassignPrivateIpAddresses'],
  ...['kms:Decrypt', 'kms:GenerateDataKey'],
];

/** Every action in the policies of the functions' roles. */
function grantedActions(): string[] {
  const file = 'infra/modules/aws-event-cell/main.iam.tf';
  const blocks = awsCell.blocks.filter((block) => block.file === file && block.labels[0] !== 'aws_iam_role');
  return actionsIn(
    awsCell,
    blocks.flatMap(({ body }) => body.attributes.map(({ value }) => value)),
  );
}

/** Operation of a Cosmos DB batch or method of its SDK → data action; patching is replacing. */
const COSMOS_ACTIONS: Readonly<Record<string, string>> = {
  create: 'items/create',
  delete: 'items/delete',
  getdatabaseaccount: 'readMetadata',
  patch: 'items/replace',
  query: 'executeQuery',
  read: 'items/read',
  replace: 'items/replace',
  upsert: 'items/upsert',
};

/** Operations that the adapters ask of Cosmos DB: methods of items, containers and clients, and operations inside batches. */
function cosmosOperations(sources: readonly Source[]): string[] {
  const operations = new Set<string>();
  for (const { file, tree } of sources.filter((source) => source.file.startsWith('azure/cosmos-')))
    walk(tree, (node) => {
      if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
        const { name, expression } = node.expression;
        const of = expression.getText(tree);
        if (/(^|\.)(items|item|client)$|\.item\(.*\)$/.test(of) && name.text.toLowerCase() in COSMOS_ACTIONS)
          operations.add(name.text.toLowerCase());
      }
      // Types list what could be asked; values are asked.
      if (ts.isPropertyAssignment(node) && node.name.getText(tree) === 'operationType') {
        const value = ts.isAsExpression(node.initializer) ? node.initializer.expression : node.initializer;
        if (!ts.isStringLiteral(value)) throw new Error(`${file}: an operationType that is no text.`);
        operations.add(value.text.toLowerCase());
      }
    });
  return [...operations].sort();
}

describe('grants', () => {
  test('every command of the AWS adapters has its actions here', () => {
    expect(commandsOf(adapters)).toEqual(Object.keys(AWS_ACTIONS).sort());
  });

  test('the roles of AWS functions allow what the adapters call and what triggers need, and nothing else', () => {
    const called = commandsOf(adapters).flatMap((command) => AWS_ACTIONS[command] ?? []);
    expect(grantedActions()).toEqual([...new Set([...called, ...LAMBDA_ACTIONS])].sort());
  });

  test('the role of the Azure app allows what the adapters ask of Cosmos DB and what the trigger needs, and nothing else', () => {
    const role = blocksOf(azureCell, 'resource').find(
      ({ labels }) => labels[0] === 'azurerm_cosmosdb_sql_role_definition',
    );
    const permissions = role?.body.blocks.find(({ type }) => type === 'permissions');
    const given =
      textsOf(permissions && attributeOf(permissions.body, 'data_actions')?.value, localsOf(azureCell)) ?? [];
    const operations = cosmosOperations(adapters);
    expect(operations).toEqual(Object.keys(COSMOS_ACTIONS).sort());
    const asked = operations.map((operation) => COSMOS_ACTIONS[operation] ?? '');
    const wanted = [...new Set([...asked, 'readChangeFeed'])].map((action) =>
      action === 'readMetadata'
        ? 'Microsoft.DocumentDB/databaseAccounts/readMetadata'
        : `Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/${action}`,
    );
    expect(given.map(({ text }) => text).sort()).toEqual(wanted.sort());
  });

  test('the Azure app has a role for each of its services, at the narrowest scope, and no other', () => {
    const assignments = blocksOf(azureCell, 'resource')
      .filter(({ labels }) => labels[0] === 'azurerm_role_assignment')
      .map(({ labels, body }) => [labels[1], textOf(attributeOf(body, 'role_definition_name')?.value)]);
    expect(Object.fromEntries(assignments)).toEqual({
      packages: 'Storage Blob Data Owner',
      publish: 'Azure Service Bus Data Sender',
      // Containers alone.
      pull: 'AcrPull',
      receive: 'Azure Service Bus Data Receiver',
      telemetry: 'Monitoring Metrics Publisher',
    });
  });
});

describe('a consumer', () => {
  /** What is made for each of something, by resource: the text of its for_each. */
  const repeated = (module: typeof awsCell): Readonly<Record<string, string>> =>
    Object.fromEntries(
      blocksOf(module, 'resource').flatMap(({ labels, body }) => {
        const given = attributeOf(body, 'for_each')?.value;
        // What is left out where the cell has no functions is still one for each.
        const each = given?.kind === 'for' ? given.collection : given;
        return each?.kind === 'traversal' ? [[labels.join('.'), [each.root, ...each.path].join('.')]] : [];
      }),
    );

  test('brings its queues, filter, mapping and alarms on AWS', () => {
    const of = (what: string) =>
      Object.entries(repeated(awsCell))
        .filter(([, each]) => each === what)
        .map(([name]) => name)
        .sort();
    expect(of('local.consumers')).toEqual([
      'aws_cloudwatch_metric_alarm.dead_letters',
      'aws_lambda_event_source_mapping.dead_letter',
      'aws_sns_topic_subscription.consumer',
      'aws_sns_topic_subscription.side',
      'aws_sqs_queue.dead_letter',
    ]);
    // One in each lane.
    expect(of('local.queues')).toEqual([
      'aws_cloudwatch_metric_alarm.queue_age',
      'aws_lambda_event_source_mapping.consumer',
      'aws_sqs_queue.consumer',
      'aws_sqs_queue_policy.consumer',
    ]);
  });

  test('brings its task, service, roles, scaling and alarms on AWS where cells run in containers', () => {
    const containers = Object.entries(repeated(awsCell))
      .filter(([, each]) => each === 'local.containers')
      .map(([name]) => name);
    expect(containers).toEqual(
      expect.arrayContaining([
        'aws_ecs_task_definition.part',
        'aws_ecs_service.part',
        'aws_iam_role_policy.start',
        'aws_iam_role_policy.task',
        'aws_appautoscaling_target.part',
        'aws_cloudwatch_log_metric_filter.errors',
        'aws_cloudwatch_metric_alarm.stopped',
      ]),
    );
    expect(repeated(awsCell)).toMatchObject({
      'aws_appautoscaling_policy.backlog': 'local.backlog_metrics',
      'aws_cloudwatch_log_group.function': 'local.hosted',
      'aws_iam_role_policy.function': 'local.lambdas',
    });
  });

  test('brings its subscription, rule, role and alarms on Azure', () => {
    expect(repeated(azureCell)).toMatchObject({
      'azurerm_servicebus_subscription.consumer': 'local.subscriptions',
      'azurerm_servicebus_subscription_rule.consumer': 'local.consumers',
      'azurerm_role_assignment.receive': 'azurerm_servicebus_subscription.consumer',
      'azurerm_monitor_scheduled_query_rules_alert_v2.this': 'local.queries',
    });
  });
});
