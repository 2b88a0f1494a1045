// What the modules set and grant where a cell runs in containers, held against what the containers read and call.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { textsOf } from '../../build/infra/check/policies.ts';
import { visitExpression } from '../../build/infra/hcl/syntax.ts';
import * as aws from '../../containers/aws/config.ts';
import * as azure from '../../containers/azure/config.ts';
import { DELAY_LINE } from '../../core/cell/delays.ts';
import { TELEMETRY_VARIABLES } from '../../core/cell/telemetry-settings.ts';
import * as awsFunctions from '../../functions-aws/config.ts';
import * as azureFunctions from '../../functions-azure/config.ts';
import { CELL_KEY, EDGE_KEY, publicPart } from '../support/route-tokens.ts';
import { AWS_ACTIONS, actionsIn, commandsOf } from './support/calls.ts';
import { PROJECT, sourcesBelow } from './support/sources.ts';
import { attributeOfResource, localOf, mergedNames, namesOf, readModule } from './support/terraform.ts';

// Whatever the project's own application consists of.
jest.mock('../../core/application.ts', () => ({
  application: jest.requireActual<typeof import('../support/meters.ts')>('../support/meters.ts').METERS,
}));

const awsCell = readModule(PROJECT, 'infra/modules/aws-event-cell');
const azureCell = readModule(PROJECT, 'infra/modules/azure-event-cell');
const adapters = sourcesBelow(path.join(PROJECT, 'adapters'));

/** A value that each variable may have. */
const VALUES: Readonly<Record<string, string>> = {
  APP_CELL: 'some-cell',
  APP_VERSION: '1.0.0',
  APP_EVENTS_TABLE: 'events',
  APP_STATE_TABLE: 'state',
  APP_TOPIC_ARN: 'arn:aws:sns:eu-central-1:1:events',
  APP_REGION: 'westeurope',
  APP_DATABASE: 'some-cell',
  APP_TOPIC: 'events',
  APP_ROUTE_KEYS: JSON.stringify([publicPart(EDGE_KEY)]),
  APP_ENDPOINTS: 'https://cell.example',
  APP_ROUTE_AUDIENCE: 'required',
  APP_IDENTITY_KEY: JSON.stringify(CELL_KEY),
  APP_EDGE: 'https://edge.example',
  APP_PORT: '8080',
  APP_HEALTH_PORT: '8081',
  APP_QUEUES: 'https://sqs.eu-central-1.amazonaws.com/1/some-cell',
  AWS_REGION: 'eu-central-1',
  COSMOS__accountEndpoint: 'https://a.documents.azure.com:443/',
  COSMOS__credential: 'managedidentity',
  COSMOS__clientId: 'client',
  SERVICE_BUS__fullyQualifiedNamespace: 'n.servicebus.windows.net',
  SERVICE_BUS__credential: 'managedidentity',
  SERVICE_BUS__clientId: 'client',
  IDENTITY_ENDPOINT: 'http://localhost:12356/msi/token',
  IDENTITY_HEADER: 'header',
  AWS_ENDPOINT_URL_DYNAMODB_STREAMS: 'https://stream.example',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example',
  OTEL_EXPORTER_OTLP_HEADERS: 'key=1',
  OTEL_TRACES_SAMPLER_ARG: '0.05',
};

/** An environment of these variables, and what is wrong with it in the eyes of the container; empty if nothing is. */
function problemOf(
  read: (environment: Readonly<Record<string, string>>) => unknown,
  names: readonly string[],
  run: string,
) {
  const unknown = names.filter((name) => VALUES[name] === undefined);
  if (unknown.length > 0) throw new Error(`The test knows no value for ${unknown.join(', ')}.`);
  try {
    read({ ...Object.fromEntries(names.map((name) => [name, VALUES[name] as string])), APP_RUN: run });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a container on AWS', () => {
  const local = (name: string) => namesOf(localOf(awsCell, name));
  const texts = (name: string) => (textsOf(localOf(awsCell, name)) ?? []).map(({ text }) => text);
  const shared = [...local('shared_environment'), ...local('container_environment')];
  /** Part → what it is given: what its function has, but for what a container knows from APP_RUN, and its own. */
  const PARTS: Readonly<Record<string, readonly string[]>> = {
    http: [...shared, ...local('http_environment'), ...local('http_container_environment')],
    relay: [...shared, ...local('relay_container_environment')],
    rollups: [...shared, ...local('worker_container_environment')],
    replicate: [...shared, ...local('copies_environment'), ...local('worker_container_environment')],
  };
  /** Another address is for a private network; without a collector nothing is sampled, and it may want no headers. */
  const OPTIONAL = ['AWS_ENDPOINT_URL_DYNAMODB_STREAMS', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_HEADERS'];

  test.each(Object.entries(PARTS))('%s is given what it reads, and starts with nothing less', (part, names) => {
    expect(problemOf(aws.readContainerConfig, names, part)).toBe('');
    const needless = names.filter(
      (name) =>
        problemOf(
          aws.readContainerConfig,
          names.filter((each) => each !== name),
          part,
        ) === '',
    );
    expect(needless.sort()).toEqual(names.filter((name) => OPTIONAL.includes(name)).sort());
  });

  test('all together are given every variable that there is, and no other', () => {
    const given = new Set(['APP_RUN', ...Object.values(PARTS).flat(), ...local('lease_environment')]);
    const declared = Object.keys({ ...awsFunctions.VARIABLES, ...aws.VARIABLES, ...TELEMETRY_VARIABLES });
    expect([...given].sort()).toEqual(
      [
        ...declared.filter((name) => !texts('part_variables').includes(name)),
        'AWS_REGION',
        'AWS_ENDPOINT_URL_DYNAMODB_STREAMS',
      ].sort(),
    );
  });

  test('what is a secret comes from the secret store', () => {
    expect(texts('secret_variables')).toEqual(['APP_IDENTITY_KEY', 'OTEL_EXPORTER_OTLP_HEADERS']);
  });

  test('may do what the adapters call, those that read the stream and the queues included, and nothing else', () => {
    const called = commandsOf(adapters).flatMap((command) => AWS_ACTIONS[command] ?? []);
    const granted = actionsIn(
      awsCell,
      ['grants', 'container_grants', 'key_grants'].map((name) => localOf(awsCell, name)),
    );
    // Lambda asks queues for their attributes, and a container may; the key is that of tables and queues.
    const others = ['sqs:GetQueueAttributes', 'kms:Decrypt', 'kms:GenerateDataKey'];
    expect(granted).toEqual([...new Set([...called, ...others])].sort());
  });

  test('is started by a role that pulls, logs and reads secrets', () => {
    const policy = attributeOfResource(awsCell, 'aws_iam_role_policy', 'start', 'policy');
    expect(actionsIn(awsCell, [policy, localOf(awsCell, 'pull_grants')])).toEqual([
      'ecr:BatchCheckLayerAvailability',
      'ecr:BatchGetImage',
      'ecr:GetAuthorizationToken',
      'ecr:GetDownloadUrlForLayer',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      'secretsmanager:GetSecretValue',
    ]);
  });
});

describe('a container on Azure', () => {
  const local = (name: string) => namesOf(localOf(azureCell, name));
  /** What Container Apps sets itself. */
  const platform = ['IDENTITY_ENDPOINT', 'IDENTITY_HEADER'];
  const shared = [...local('cell_settings'), ...local('header_settings'), ...local('container_settings')];
  const PARTS: Readonly<Record<string, readonly string[]>> = {
    http: [
      ...shared,
      ...['edge_settings', 'key_settings', 'http_settings', 'http_container_settings'].flatMap((name) => local(name)),
    ],
    relay: shared,
    rollups: [...shared, ...local('edge_settings'), ...local('key_settings')],
    replicate: [...shared, ...local('edge_settings'), ...local('key_settings')],
  };
  /** Without a client id the identity is the system's; without a collector nothing is sampled, and it may want no headers. */
  const OPTIONAL = [
    'COSMOS__clientId',
    'SERVICE_BUS__clientId',
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'OTEL_EXPORTER_OTLP_HEADERS',
  ];

  test.each(Object.entries(PARTS))('%s is given what it reads, and starts with nothing less', (part, names) => {
    const problem = (given: readonly string[]) => problemOf(azure.readContainerConfig, [...given, ...platform], part);
    expect(problem(names)).toBe('');
    const needless = names.filter((name) => problem(names.filter((each) => each !== name)) === '');
    expect(needless.sort()).toEqual(names.filter((name) => OPTIONAL.includes(name)).sort());
  });

  test('all together are given every variable that there is, and no other', () => {
    const given = new Set(
      ['APP_RUN', ...Object.values(PARTS).flat()].filter((name) => !/^(COSMOS|SERVICE_BUS)__/.test(name)),
    );
    expect([...given].sort()).toEqual(
      Object.keys({ ...azureFunctions.VARIABLES, ...azure.VARIABLES, ...TELEMETRY_VARIABLES }).sort(),
    );
  });

  test('that is what the module makes environments of, and it makes an app for each part', () => {
    const used = new Set<string>();
    visitExpression(localOf(azureCell, 'container_environments'), (each) => {
      if (each.kind === 'traversal' && each.root === 'local') used.add(String(each.path[0]));
    });
    const settings = ['cell', 'container', 'edge', 'http', 'http_container'].map((name) => `${name}_settings`);
    expect([...used].sort()).toEqual([...settings, 'parts'].sort());
    expect(mergedNames(azureCell, localOf(azureCell, 'secret_values'))).toEqual([
      ...local('key_settings'),
      ...local('header_settings'),
    ]);
    expect(attributeOfResource(azureCell, 'azurerm_container_app', 'part', 'for_each')).toMatchObject({
      root: 'local',
      path: ['parts'],
    });
  });
});

test('the alarms of containers go by what they log', () => {
  const read = (file: string) => readFileSync(path.join(PROJECT, file), 'utf8');
  const files = ['aws-event-cell/main.containers.scaling.tf', 'azure-event-cell/main.containers.alarms.tf'];
  const alarms = files.map((file) => read(`infra/modules/${file}`));
  const sources = ['core/cell/delays.ts', 'core/feed/delivery-pump.ts', 'core/pipeline/consume.ts'].map(read).join();
  expect(sources).toContain("log.info(DELAY_LINE, { ...reportOf('publish', RELAY, counted) })");
  expect(sources).toContain('readonly mostMs: number;');
  expect(sources).toContain("log.error('parked an event'");
  const batch = 'a batch was not finished with';
  expect(sources).toContain(`'${batch}, and comes again'`);
  for (const text of alarms)
    for (const part of [DELAY_LINE, 'publish', 'mostMs', 'parked', batch]) expect(text).toContain(part);
});
