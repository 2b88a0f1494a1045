// What a container refuses to start with, and what it runs.
import * as aws from '../../../containers/aws/config.ts';
import * as azure from '../../../containers/azure/config.ts';
import { CELL_KEY, EDGE_KEY, publicPart } from '../../support/route-tokens.ts';

// Whatever the project's own application consists of.
jest.mock('../../../core/application.ts', () => ({
  application: jest.requireActual<typeof import('../../support/meters.ts')>('../../support/meters.ts').METERS,
}));

const common = {
  APP_HEALTH_PORT: '8081',
  APP_VERSION: '1.0.0',
  APP_ROUTE_KEYS: JSON.stringify([publicPart(EDGE_KEY)]),
  APP_ENDPOINTS: 'https://cell.example',
  APP_ROUTE_AUDIENCE: 'required',
  APP_IDENTITY_KEY: JSON.stringify(CELL_KEY),
  APP_EDGE: 'none',
};
const awsEnvironment = {
  ...common,
  APP_CELL: 'aws-alpha',
  APP_EVENTS_TABLE: 'events',
  APP_STATE_TABLE: 'state',
  APP_TOPIC_ARN: 'arn:aws:sns:eu-central-1:1:events',
  APP_QUEUES: 'https://sqs.eu-central-1.amazonaws.com/1/aws-alpha',
  AWS_REGION: 'eu-central-1',
};
const azureEnvironment = {
  ...common,
  APP_CELL: 'azure-beta',
  APP_REGION: 'westeurope',
  APP_DATABASE: 'polycell',
  APP_TOPIC: 'events',
  COSMOS: 'AccountEndpoint=https://a.documents.azure.com/;AccountKey=a2V5;',
  SERVICE_BUS: 'Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessKey=b',
};

const CLOUDS = [
  ['AWS', aws.readContainerConfig, awsEnvironment],
  ['Azure', azure.readContainerConfig, azureEnvironment],
] as const;

test.each(CLOUDS)(
  'on %s a container reads what the parts need that it runs, and nothing else',
  (_, read, environment) => {
    const { APP_ROUTE_KEYS: _keys, APP_ENDPOINTS: _endpoints, ...withoutApi } = environment;
    const relay = read({ ...withoutApi, APP_RUN: 'relay' });
    expect([relay.http, relay.port, relay.relay, relay.consumers]).toEqual([undefined, undefined, true, []]);
    const all = read({ ...environment, APP_RUN: 'http relay rollups', APP_PORT: '8080' });
    expect([all.http?.cell, all.port, all.healthPort, all.consumers]).toEqual([
      environment.APP_CELL,
      8080,
      8081,
      ['rollups'],
    ]);
  },
);

const WRONG: [string, Record<string, string>, string][] = [
  ['nothing to run', { APP_RUN: '' }, 'APP_RUN is not set'],
  ['a part that there is not', { APP_RUN: 'relay moon' }, 'APP_RUN names "moon"; there are http, relay, '],
  ['a part twice', { APP_RUN: 'relay relay' }, 'APP_RUN names a part twice'],
  ['the API without a port', { APP_RUN: 'http' }, 'APP_PORT is not set'],
  [
    'a port that is none',
    { APP_RUN: 'relay', APP_HEALTH_PORT: '70000' },
    'APP_HEALTH_PORT is "70000", which is no port',
  ],
  [
    'a variable that there is not',
    { APP_RUN: 'relay', APP_HELTH: '1' },
    'APP_HELTH is not a variable of this function',
  ],
  ['a fault of the functions’ variables', { APP_RUN: 'relay', APP_CELL: 'No Name' }, 'APP_CELL is "No Name"'],
];

describe.each(CLOUDS)('on %s a container refuses', (_, read, environment) => {
  test.each(WRONG)('%s', (_what, more, problem) => {
    expect(() => read({ ...environment, ...more })).toThrow(problem);
  });
});

test('on AWS a consumer needs the beginning of the addresses of the queues', () => {
  expect(() => aws.readContainerConfig({ ...awsEnvironment, APP_RUN: 'rollups', APP_QUEUES: 'queues' })).toThrow(
    'APP_QUEUES must be the beginning of the addresses of the queues.',
  );
});
