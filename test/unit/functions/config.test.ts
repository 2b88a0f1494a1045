// What a function refuses to start with: every problem of its environment at once, on both clouds.
import * as aws from '../../../functions-aws/config.ts';
import * as azure from '../../../functions-azure/config.ts';

// Whatever the project's own application consists of.
jest.mock('../../../core/application.ts', () => ({
  application: jest.requireActual<typeof import('../../support/meters.ts')>('../../support/meters.ts').METERS,
}));

const key = { kty: 'OKP', crv: 'Ed25519', kid: 'one', x: 'dGhpcyBpcyBubyByZWFsIGtleSBidXQgMzIgYnl0ZXM' };

const identityKey = { ...key, kid: 'cell', d: 'bm90IGEgcmVhbCBrZXkgZWl0aGVyLCAzMiBieXRlcyE' };

const awsEnvironment = {
  APP_CELL: 'aws-alpha',
  APP_VERSION: '1.0.0',
  APP_EVENTS_TABLE: 'events',
  APP_STATE_TABLE: 'state',
  APP_TOPIC_ARN: 'arn:aws:sns:eu-central-1:1:events',
  APP_ROUTE_KEYS: JSON.stringify([key]),
  APP_ENDPOINTS: 'https://cell.example',
  APP_ROUTE_AUDIENCE: 'required',
  APP_IDENTITY_KEY: JSON.stringify(identityKey),
  APP_EDGE: 'https://edge.example',
  AWS_REGION: 'eu-central-1',
};

const azureEnvironment = {
  APP_CELL: 'azure-beta',
  APP_VERSION: '1.0.0',
  APP_REGION: 'westeurope',
  APP_DATABASE: 'polycell',
  APP_TOPIC: 'events',
  APP_ROUTE_KEYS: JSON.stringify([key]),
  APP_ENDPOINTS: 'https://cell.example',
  APP_ROUTE_AUDIENCE: 'required',
  APP_IDENTITY_KEY: JSON.stringify(identityKey),
  APP_EDGE: 'https://edge.example',
  COSMOS: 'AccountEndpoint=https://a.documents.azure.com/;AccountKey=a2V5;',
  SERVICE_BUS: 'Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessKey=b',
};

test('on AWS a complete environment is read', () => {
  expect(aws.readHttpConfig({ ...awsEnvironment, PATH: '/bin' })).toEqual({
    cell: 'aws-alpha',
    version: '1.0.0',
    region: 'eu-central-1',
    eventsTable: 'events',
    stateTable: 'state',
    topicArn: 'arn:aws:sns:eu-central-1:1:events',
    endpoints: {},
    routeKeys: [key],
    audience: { endpoints: ['https://cell.example'], required: true },
    identityKey,
    edge: 'https://edge.example',
  });
  const local = { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1', AWS_ENDPOINT_URL_SNS: '' };
  expect(aws.readRelayConfig({ ...awsEnvironment, ...local }).endpoints).toEqual({ dynamodb: 'http://127.0.0.1:1' });
  expect(aws.readWorkerConfig({ ...awsEnvironment, APP_CONSUMER: 'rollups' }).consumer).toBe('rollups');
});

test('on Azure a complete environment is read', () => {
  expect(azure.readHttpConfig(azureEnvironment)).toEqual({
    cell: 'azure-beta',
    version: '1.0.0',
    region: 'westeurope',
    database: 'polycell',
    topic: 'events',
    connections: { cosmos: azureEnvironment.COSMOS, serviceBus: azureEnvironment.SERVICE_BUS },
    routeKeys: [key],
    audience: { endpoints: ['https://cell.example'], required: true },
    identityKey,
    edge: 'https://edge.example',
  });
});

test('a cell needs no edge, and only the workers of effects that happen once read where it is', () => {
  expect(aws.readHttpConfig({ ...awsEnvironment, APP_EDGE: 'none' }).edge).toBeUndefined();
  expect(azure.readHttpConfig({ ...azureEnvironment, APP_EDGE: 'none' }).edge).toBeUndefined();
  const { APP_EDGE: _, ...without } = awsEnvironment;
  expect(aws.readWorkerConfig({ ...without, APP_CONSUMER: 'rollups' }).leases).toBeUndefined();
  expect(azure.readWorkerConfig(azureEnvironment).leases).toMatchObject({
    edge: 'https://edge.example',
    identityKey,
    routeKeys: [{ kid: 'one' }],
  });
  expect(azure.readWorkerConfig({ ...azureEnvironment, APP_EDGE: 'none' }).leases).toBeUndefined();
  expect(() => azure.readWorkerConfig({ ...azureEnvironment, APP_IDENTITY_KEY: '' })).toThrow(
    'APP_IDENTITY_KEY is not set',
  );
});

test('the worker that sends copies to other cells reads by which keys it believes the edge and proves who it is', () => {
  const keys = { routeKeys: [key], identityKey };
  const { APP_EDGE: _, ...without } = awsEnvironment;
  expect(aws.readWorkerConfig({ ...without, APP_CONSUMER: 'replicate' }).replication).toEqual(keys);
  expect(aws.readWorkerConfig({ ...without, APP_CONSUMER: 'rollups' }).replication).toBeUndefined();
  expect(azure.readWorkerConfig(azureEnvironment).replication).toEqual(keys);
  expect(() => aws.readWorkerConfig({ ...without, APP_CONSUMER: 'replicate', APP_ROUTE_KEYS: '' })).toThrow(
    'APP_ROUTE_KEYS is not set',
  );
});

test('a cell may have two endpoints, and take tokens without one', () => {
  const change = { APP_ENDPOINTS: 'https://a.example https://b.example', APP_ROUTE_AUDIENCE: 'optional' };
  const audience = { endpoints: ['https://a.example', 'https://b.example'], required: false };
  expect(aws.readHttpConfig({ ...awsEnvironment, ...change }).audience).toEqual(audience);
  expect(azure.readHttpConfig({ ...azureEnvironment, ...change }).audience).toEqual(audience);
});

test('an empty environment is refused with everything that it lacks', () => {
  expect(() => aws.readHttpConfig({})).toThrow(
    'The environment is not complete: APP_TOPIC_ARN is not set; APP_CELL is not set; APP_VERSION is not set; AWS_REGION is not set; ' +
      'APP_EVENTS_TABLE is not set; APP_STATE_TABLE is not set; APP_ROUTE_KEYS is not set; APP_ENDPOINTS is not set; APP_ROUTE_AUDIENCE is not set; ' +
      'APP_IDENTITY_KEY is not set; APP_EDGE is not set.',
  );
  expect(() => azure.readRelayConfig({})).toThrow(
    'The environment is not complete: APP_CELL is not set; APP_VERSION is not set; APP_REGION is not set; APP_DATABASE is not set; ' +
      'APP_TOPIC is not set; COSMOS is not set, and COSMOS__accountEndpoint is not either; ' +
      'SERVICE_BUS is not set, and SERVICE_BUS__fullyQualifiedNamespace is not either.',
  );
});

test.each<[string, Record<string, string>, string]>([
  ['a variable of ours that is none', { APP_TABEL: 'x' }, 'APP_TABEL is not a variable of this function'],
  ['a cell that cannot be one', { APP_CELL: 'Alpha' }, 'APP_CELL is "Alpha"; it must be 1 to 63 of a-z 0-9 -'],
  ['a topic that is no ARN', { APP_TOPIC_ARN: 'events' }, 'APP_TOPIC_ARN is "events", which is no ARN'],
  ['keys that are not JSON', { APP_ROUTE_KEYS: '{' }, 'APP_ROUTE_KEYS is not JSON'],
  ['no keys', { APP_ROUTE_KEYS: '[]' }, 'APP_ROUTE_KEYS must be a JSON array of one or two public Ed25519 keys'],
  [
    'three keys',
    { APP_ROUTE_KEYS: JSON.stringify([key, key, key]) },
    'APP_ROUTE_KEYS must be a JSON array of one or two',
  ],
  [
    'a private key',
    { APP_ROUTE_KEYS: JSON.stringify([{ ...key, d: 'x' }]) },
    'APP_ROUTE_KEYS must be a JSON array of one or two',
  ],
  ['three endpoints', { APP_ENDPOINTS: 'https://a.example https://b.example https://c.example' }, 'APP_ENDPOINTS is'],
  ['an endpoint with a path', { APP_ENDPOINTS: 'https://a.example/' }, 'it must be one or two origins without a path'],
  ['an endpoint that is not encrypted', { APP_ENDPOINTS: 'http://a.example' }, 'APP_ENDPOINTS is "http://a.example"'],
  ['a public key for its identity', { APP_IDENTITY_KEY: JSON.stringify(key) }, 'APP_IDENTITY_KEY must be a private'],
  ['a key that is no JSON', { APP_IDENTITY_KEY: 'd' }, 'APP_IDENTITY_KEY must be a private Ed25519 key'],
  ['an edge with a path', { APP_EDGE: 'https://edge.example/' }, 'APP_EDGE is "https://edge.example/"'],
  ['another audience', { APP_ROUTE_AUDIENCE: 'no' }, 'APP_ROUTE_AUDIENCE is "no"; it must be required or optional'],
])('on AWS %s is refused', (_what, change, complaint) => {
  expect(() => aws.readHttpConfig({ ...awsEnvironment, ...change })).toThrow(complaint);
});

test('on AWS a consumer that the topology does not declare is refused', () => {
  expect(() => aws.readWorkerConfig({ ...awsEnvironment, APP_CONSUMER: 'none' })).toThrow(
    'APP_CONSUMER is "none"; there are device-state, rollups',
  );
});

test.each([
  ['COSMOS', 'https://a.documents.azure.com', 'COSMOS is no connection string of a Cosmos DB account'],
  ['SERVICE_BUS', 'n.servicebus.windows.net', 'SERVICE_BUS is no connection string of a Service Bus namespace'],
])('on Azure a %s that is none is refused', (name, value, complaint) => {
  expect(() => azure.readHttpConfig({ ...azureEnvironment, [name]: value })).toThrow(complaint);
});

const { COSMOS: _cosmos, SERVICE_BUS: _serviceBus, ...azureWithoutConnections } = azureEnvironment;
const identityEnvironment = {
  ...azureWithoutConnections,
  COSMOS__accountEndpoint: 'https://a.documents.azure.com:443/',
  COSMOS__credential: 'managedidentity',
  COSMOS__clientId: 'c-1',
  SERVICE_BUS__fullyQualifiedNamespace: 'n.servicebus.windows.net',
  SERVICE_BUS__credential: 'managedidentity',
  SERVICE_BUS__clientId: 'c-2',
  IDENTITY_ENDPOINT: 'http://localhost:4141/msi/token/',
  IDENTITY_HEADER: 'secret',
};

test('on Azure the services are reached by identity where the settings say so', () => {
  const endpoint = { endpoint: 'http://localhost:4141/msi/token/', header: 'secret' };
  expect(azure.readRelayConfig(identityEnvironment).connections).toEqual({
    cosmos: { address: 'https://a.documents.azure.com:443/', identity: { ...endpoint, clientId: 'c-1' } },
    serviceBus: { address: 'n.servicebus.windows.net', identity: { ...endpoint, clientId: 'c-2' } },
  });
});

test('on Azure each service may be reached in its own way, and an identity may be the only one', () => {
  const { COSMOS__clientId: _, ...systemAssigned } = identityEnvironment;
  const mixed = { ...systemAssigned, SERVICE_BUS__fullyQualifiedNamespace: '', SERVICE_BUS__credential: '' };
  const connections = { SERVICE_BUS__clientId: '', SERVICE_BUS: azureEnvironment.SERVICE_BUS };
  expect(azure.readRelayConfig({ ...mixed, ...connections }).connections).toEqual({
    cosmos: {
      address: 'https://a.documents.azure.com:443/',
      identity: { endpoint: 'http://localhost:4141/msi/token/', header: 'secret' },
    },
    serviceBus: azureEnvironment.SERVICE_BUS,
  });
});

test('in a cluster on Azure the services are reached by the identity of the pod', () => {
  const cluster = {
    ...identityEnvironment,
    SERVICE_BUS__clientId: '',
    AZURE_FEDERATED_TOKEN_FILE: '/var/run/token',
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
    AZURE_TENANT_ID: 'directory',
    AZURE_CLIENT_ID: 'pod',
  };
  const identity = {
    tokenFile: '/var/run/token',
    authority: 'https://login.microsoftonline.com/',
    tenant: 'directory',
  };
  expect(azure.readRelayConfig(cluster).connections).toEqual({
    cosmos: { address: 'https://a.documents.azure.com:443/', identity: { ...identity, clientId: 'c-1' } },
    serviceBus: { address: 'n.servicebus.windows.net', identity: { ...identity, clientId: 'pod' } },
  });
  expect(() => azure.readRelayConfig({ ...cluster, AZURE_AUTHORITY_HOST: 'x', AZURE_TENANT_ID: '' })).toThrow(
    'The environment is not complete: AZURE_AUTHORITY_HOST must be an address with https; ' +
      'AZURE_TENANT_ID is not set, and AZURE_FEDERATED_TOKEN_FILE is.',
  );
});

test('on Azure all problems of identities are reported at once', () => {
  const wrong = {
    ...identityEnvironment,
    COSMOS__accountEndpoint: 'http://a.documents.azure.com/',
    COSMOS__credential: 'key',
    SERVICE_BUS__fullyQualifiedNamespace: 'sb://n.servicebus.windows.net/',
    IDENTITY_ENDPOINT: 'localhost',
  };
  expect(() => azure.readRelayConfig(wrong)).toThrow(
    'The environment is not complete: ' +
      'COSMOS__accountEndpoint is "http://a.documents.azure.com/", which is no address of a Cosmos DB account; ' +
      'COSMOS__credential is "key"; it must be "managedidentity"; IDENTITY_ENDPOINT is no address; ' +
      'SERVICE_BUS__fullyQualifiedNamespace is "sb://n.servicebus.windows.net/", which is no address of a Service Bus namespace.',
  );
});

test.each([
  ['both forms', { COSMOS: azureEnvironment.COSMOS }, 'COSMOS and COSMOS__accountEndpoint are both set'],
  ['no address', { COSMOS__accountEndpoint: '' }, 'COSMOS__accountEndpoint is not set'],
  ['no kind of credential', { SERVICE_BUS__credential: '' }, 'SERVICE_BUS__credential is not set'],
  ['no endpoint for tokens', { IDENTITY_ENDPOINT: '' }, 'IDENTITY_ENDPOINT is not set'],
  ['no header for tokens', { IDENTITY_HEADER: '' }, 'IDENTITY_HEADER is not set'],
])('on Azure %s is refused', (_what, change, complaint) => {
  expect(() => azure.readRelayConfig({ ...identityEnvironment, ...change })).toThrow(complaint);
});
