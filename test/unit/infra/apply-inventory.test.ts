// What a cell must consist of, what the API reports of it, and the comparison of both.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { AwsClient, AwsFault, sign } from '../../../build/infra/apply/aws-client.ts';
import type { Deployment, Option } from '../../../build/infra/apply/deployment.ts';
import { expectedInventory } from '../../../build/infra/apply/expect.ts';
import { compareInventories, factsOf, withNames } from '../../../build/infra/apply/inventory.ts';
import type { Json } from '../../../build/infra/apply/json.ts';
import { ifThere, isOf, paged } from '../../../build/infra/apply/observe.ts';
import { observedInventory } from '../../../build/infra/apply/observed.ts';
import { digestsIn } from '../../../build/infra/apply/root.ts';
import { parseXml } from '../../../build/infra/apply/xml.ts';

describe('comparison', () => {
  const expected = { 'queue a': { visibility: 120, key: null }, 'queue b': { visibility: 60 } };

  test('equal facts are no deviation, and what is not expected of a thing does not count', () => {
    const observed = { 'queue a': { visibility: 120, size: 3 }, 'queue b': { visibility: 60 } };
    expect(compareInventories(expected, observed)).toEqual([]);
    expect(factsOf(expected)).toBe(3);
  });

  test('a missing thing, one too many and a wrong fact are each one', () => {
    const observed = { 'queue a': { visibility: 30 }, 'queue c': {} };
    expect(compareInventories(expected, observed)).toEqual([
      { thing: 'queue b', fact: '', expected: 'there', observed: 'missing' },
      { thing: 'queue c', fact: '', expected: 'absent', observed: 'there' },
      { thing: 'queue a', fact: 'visibility', expected: 120, observed: 30 },
    ]);
  });

  test('a fact that is not reported is as one of null', () => {
    expect(compareInventories({ 'topic a': { tracing: 'Active' } }, { 'topic a': {} })).toEqual([
      { thing: 'topic a', fact: 'tracing', expected: 'Active', observed: null },
    ]);
  });

  test('names replace what the cloud has given, the longest first', () => {
    const names = new Map([
      ['12', '{key id}'],
      ['arn:key/12', '{key}'],
      ['', 'never'],
    ]);
    expect(withNames({ 'table a': { key: 'arn:key/12', list: ['x 12', 1, null, { id: '12' }] } }, names)).toEqual({
      'table a': { key: '{key}', list: ['x {key id}', 1, null, { id: '{key id}' }] },
    });
  });
});

const deployment = (...options: Option[]): Deployment => ({
  cell: {
    id: 'aws-zeta',
    cloud: 'aws',
    region: 'eu-west-1',
    jurisdiction: 'eu',
    cidr: '10.16.0.0/16',
    capacity: 1,
    price: 1,
    failover: 'automatic',
    runtime: 'nodejs22',
    domain: null,
  },
  topology: {
    collections: { events: { stream: true }, state: { stream: false } },
    http: { timeoutSeconds: 15, memoryMegabytes: 512, maximumConcurrency: 100 },
    relay: {
      ...{ batchSize: 200, batchWindowSeconds: 0, parallelizationFactor: 2, maximumRetryAttempts: -1 },
      ...{ timeoutSeconds: 30, memoryMegabytes: 256, maximumConcurrency: 2 },
    },
    consumers: [
      {
        ...{ name: 'bills', types: ['io.example.bill.v1'], effects: 'home-only' },
        ...{ batchSize: 10, batchWindowSeconds: 0, timeoutSeconds: 20, memoryMegabytes: 512, maximumConcurrency: 3 },
        ...{ visibilitySeconds: 120, tries: 3, crashes: 2, maximumDeliveries: 1000 },
      },
    ],
    deadLetterRetentionDays: 14,
  },
  objectives: {
    alarms: Object.fromEntries(
      ['errors', 'throttles', 'relayLagSeconds', 'queueAgeSeconds', 'deadLetters', 'parked'].map((name, index) => [
        name,
        { threshold: index + 1, periodSeconds: 60, evaluations: 5, breaching: 3 },
      ]),
    ),
    consumers: { bills: { parked: { threshold: 50, periodSeconds: 300, evaluations: 1, breaching: 1 } } },
    cells: { stateSeconds: 10, lagSeconds: 30, rpoSeconds: 7200 },
  },
  options: new Set(options),
  account: '123456789012',
  version: '1.2.3',
  digests: { http: '00'.repeat(32), relay: 'ff'.repeat(32), worker: '67a1'.repeat(16) },
  routeKeys: [{ crv: 'Ed25519', kid: 'r', kty: 'OKP', x: 'a' }],
  identityKey: '{"kid":"c"}',
  edge: 'https://edge.example.com',
  protection: true,
});

describe('what is expected', () => {
  test('of a worker, by the topology and the digest of its package', () => {
    expect(expectedInventory(deployment())['function aws-zeta-bills']).toEqual({
      alias: 'live',
      architectures: ['arm64'],
      callers: [],
      code: 'Z6FnoWehZ6FnoWehZ6FnoWehZ6FnoWehZ6FnoWehZ6E=',
      concurrency: null,
      environment: {
        APP_CELL: 'aws-zeta',
        APP_CONSUMER: 'bills',
        APP_EDGE: 'https://edge.example.com',
        APP_EVENTS_TABLE: 'aws-zeta-events',
        APP_IDENTITY_KEY: '{"kid":"c"}',
        APP_ROUTE_KEYS: '[{"crv":"Ed25519","kid":"r","kty":"OKP","x":"a"}]',
        APP_STATE_TABLE: 'aws-zeta-state',
        APP_TOPIC_ARN: 'arn:aws:sns:eu-west-1:123456789012:aws-zeta-events',
        APP_VERSION: '1.2.3',
        OTEL_EXPORTER_OTLP_ENDPOINT: '',
        OTEL_EXPORTER_OTLP_HEADERS: '',
        OTEL_TRACES_SAMPLER_ARG: '0.05',
      },
      handler: 'index.handler',
      key: null,
      logFormat: 'JSON',
      logGroup: '/aws/lambda/aws-zeta-bills',
      memory: 512,
      role: 'arn:aws:iam::123456789012:role/aws-zeta-bills',
      runtime: 'nodejs22.x',
      subnets: 0,
      timeout: 20,
      tracing: 'Active',
    });
  });

  test('of each lane: queue, subscription and mapping', () => {
    const things = expectedInventory(deployment());
    expect(things['queue aws-zeta-bills_side']).toMatchObject({
      deadLetters: 'arn:aws:sqs:eu-west-1:123456789012:aws-zeta-bills-dead-letter',
      deliveries: 1000,
      retention: 1_209_600,
      visibility: 120,
    });
    expect(things['subscription aws-zeta-bills_side']).toMatchObject({
      filter: { consumer: ['bills', { exists: false }], lane: ['side'], type: ['io.example.bill.v1'] },
      raw: 'true',
      topic: 'aws-zeta-events',
    });
    expect(things['subscription aws-zeta-bills']).toMatchObject({ filter: { lane: [{ exists: false }] } });
    // Half of three is one, and a mapping has at least two.
    expect(things['mapping aws-zeta-bills']).toMatchObject({
      concurrency: 2,
      function: 'arn:aws:lambda:eu-west-1:123456789012:function:aws-zeta-bills:live',
    });
    expect(things['queue aws-zeta-bills-dead-letter']).toMatchObject({
      redriveFrom: [
        'arn:aws:sqs:eu-west-1:123456789012:aws-zeta-bills',
        'arn:aws:sqs:eu-west-1:123456789012:aws-zeta-bills_side',
      ],
    });
  });

  test('of alarms, by the objectives, those of a consumer before those of all', () => {
    const things = expectedInventory(deployment());
    expect(things['alarm aws-zeta-bills-parked']).toMatchObject({ threshold: 50, period: 300, breaching: 1 });
    expect(things['alarm aws-zeta-relay-parked']).toMatchObject({ threshold: 6, period: 60, breaching: 3 });
    expect(things['alarm aws-zeta-relay-lag']).toMatchObject({ threshold: 3000, metric: 'AWS/Lambda IteratorAge' });
    expect(things['alarm aws-zeta-rpo']).toMatchObject({ threshold: 7_200_000, comparison: 'GreaterThanThreshold' });
    expect(things['filter aws-zeta-bills-away']).toMatchObject({ metric: 'Polycell/aws-zeta Delay.lag' });
  });

  test('of a network, only with the option: subnets of a sixteenth, and no way outside', () => {
    const of = (...options: Option[]) =>
      Object.keys(expectedInventory(deployment(...options))).filter((thing) =>
        /^(subnet|endpoint|network)/.test(thing),
      );
    expect(of()).toEqual([]);
    expect(of('network')).toEqual([
      'network aws-zeta',
      'subnet 10.16.0.0/20',
      'subnet 10.16.16.0/20',
      'endpoint com.amazonaws.eu-west-1.dynamodb',
      'endpoint com.amazonaws.eu-west-1.sns',
      'endpoint com.amazonaws.eu-west-1.logs',
      'endpoint com.amazonaws.eu-west-1.xray',
    ]);
    expect(of('network', 'key')).toContain('endpoint com.amazonaws.eu-west-1.kms');
  });

  test('the options reach what they are about', () => {
    const things = expectedInventory(deployment('key', 'concurrency', 'email'));
    expect(things['table aws-zeta-state']).toMatchObject({ key: '{key}', protection: true, timeToLive: 't' });
    expect(things['function aws-zeta-http']).toMatchObject({ concurrency: 100, key: '{key}' });
    expect(things['subscription alarms@example.com']).toEqual({ protocol: 'email', topic: 'aws-zeta-alarms' });
    expect(things['role aws-zeta-relay']).toMatchObject({ 'upon Key': '{key}', 'upon Stream': '{stream}' });
  });

  test('digests come from the list that the packaging writes', () => {
    expect(digestsIn('aa  aws-http.zip\nbb  aws-relay.zip\ncc  aws-worker.zip\ndd  edge.mjs\n')).toEqual({
      http: 'aa',
      relay: 'bb',
      worker: 'cc',
    });
    expect(() => digestsIn('aa  aws-http.zip\n')).toThrow('SHA256SUMS does not name aws-relay.zip.');
  });
});

describe('what the API reports', () => {
  /** Answers by operation or path; everything else has nothing. */
  function client(answers: Readonly<Record<string, Json>>): AwsClient {
    const answer = async (what: string): Promise<Json> => answers[what] ?? {};
    return Object.assign(
      new AwsClient({ endpoint: 'http://x', region: 'eu-west-1', signal: new AbortController().signal }),
      {
        json: (_service: string, target: string, input: { QueueUrl?: string }) =>
          answer(input.QueueUrl === undefined ? (target.split('.')[1] ?? '') : input.QueueUrl),
        rest: async (_service: string, resource: string) => {
          const found = answers[resource];
          if (found === undefined && /\?Qualifier|concurrency$/.test(resource)) throw new AwsFault(resource, 404, '');
          return found ?? {};
        },
        query: (_service: string, _version: string, operation: string) => answer(operation),
      },
    );
  }

  test('nothing where there is nothing', async () => {
    expect(await observedInventory(client({}), 'aws-zeta')).toEqual({});
  });

  test('what is the cell’s, and of it what was asked for', async () => {
    const url = 'http://127.0.0.1:5000/1/aws-zeta-bills';
    const observed = await observedInventory(
      client({
        ListQueues: { QueueUrls: [url, 'http://127.0.0.1:5000/1/aws-zetazeta'] },
        [url]: {
          Attributes: {
            VisibilityTimeout: '120',
            MessageRetentionPeriod: '1209600',
            RedrivePolicy: '{"deadLetterTargetArn": "arn:x", "maxReceiveCount": 1000}',
            Policy:
              '{"Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Condition": {"ArnEquals": {"aws:SourceArn": "arn:t"}}}]}',
          },
        },
        ListSubscriptions: {
          Subscriptions: [
            {
              TopicArn: 'arn:aws:sns:r:1:aws-zeta-events',
              SubscriptionArn: 'arn:s',
              Endpoint: 'arn:q:aws-zeta-bills',
              Protocol: 'sqs',
            },
          ],
        },
        GetSubscriptionAttributes: {
          Attributes: [
            { key: 'RawMessageDelivery', value: 'true' },
            { key: 'FilterPolicy', value: '{"lane": ["side"]}' },
          ],
        },
      }),
      'aws-zeta',
    );
    expect(observed).toEqual({
      'queue aws-zeta-bills': {
        visibility: 120,
        retention: 1_209_600,
        deadLetters: 'arn:x',
        deliveries: 1000,
        redriveFrom: null,
        key: null,
        senders: [{ effect: 'Allow', principal: 'sns.amazonaws.com', action: 'sqs:SendMessage', source: 'arn:t' }],
      },
      'subscription aws-zeta-bills': {
        topic: 'aws-zeta-events',
        protocol: 'sqs',
        raw: 'true',
        scope: null,
        filter: { lane: ['side'] },
      },
    });
  });

  test('two things of a name are both there', async () => {
    const one = { EventSourceArn: 'arn:aws:sqs:r:1:aws-zeta-bills', BatchSize: 1 };
    const observed = await observedInventory(
      client({ '/2015-03-31/event-source-mappings/': { EventSourceMappings: [one, { ...one, BatchSize: 2 }] } }),
      'aws-zeta',
    );
    expect(Object.keys(observed)).toEqual(['mapping aws-zeta-bills', 'mapping aws-zeta-bills #2']);
  });

  test('a key that waits to be deleted is gone', async () => {
    const key = (KeyState: string) =>
      client({
        ListKeys: { Keys: [{ KeyId: 'k' }] },
        DescribeKey: { KeyMetadata: { KeyState, Description: 'Data of the cell aws-zeta', Arn: 'arn:k' } },
        GetKeyRotationStatus: { KeyRotationEnabled: true },
        ListAliases: { Aliases: [{ AliasName: 'alias/aws-zeta', TargetKeyId: 'k' }] },
      });
    expect(await observedInventory(key('Enabled'), 'aws-zeta')).toEqual({
      'key aws-zeta': { rotated: true, aliases: ['alias/aws-zeta'] },
    });
    expect(await observedInventory(key('PendingDeletion'), 'aws-zeta')).toEqual({});
  });

  test('a list is read to its end, and one without an end is given up', async () => {
    const pages: Readonly<Record<string, readonly [Json[], string | undefined]>> = {
      '': [[1], 'b'],
      b: [[2, 3], undefined],
    };
    const read = async (token = '') => ({ found: pages[token]?.[0] ?? [], next: pages[token]?.[1] });
    expect(await paged(read)).toEqual([1, 2, 3]);
    await expect(paged(async () => ({ found: [], next: 'again' }))).rejects.toThrow('A list has more than 200 pages.');
  });

  test('absent is what the API says is absent, and nothing else', async () => {
    expect(await ifThere(Promise.reject(new AwsFault('x', 404, '')))).toBeUndefined();
    await expect(ifThere(Promise.reject(new AwsFault('x', 403, 'denied')))).rejects.toThrow('x: 403 denied');
  });

  test('a name is the cell’s by its beginning', () => {
    expect(['aws-zeta', 'aws-zeta-x', 'aws-zetax', 'x-aws-zeta'].map((name) => isOf('aws-zeta', name))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('the protocols', () => {
  test('XML becomes texts, lists and objects', () => {
    const xml = `<?xml version="1.0"?><A xmlns="x"><!-- <b> -->
      <R><Names><member>a &amp; b</member><member>&#x41;&#66;</member></Names><None/><Empty></Empty>
      <Map><entry><key>k</key><value>v</value></entry></Map><set><item><id>1</id></item></set></R></A>`;
    expect(parseXml(xml)).toEqual({
      R: { Names: ['a & b', 'AB'], None: '', Empty: '', Map: [{ key: 'k', value: 'v' }], set: [{ id: '1' }] },
    });
  });

  test.each(['', 'not found', '<a><b></a>', '<a>'])('%j is no XML', (text) => {
    expect(() => parseXml(text)).toThrow(/is no XML|closes nothing/);
  });

  // get-vanilla and post-header-key-sort of AWS's own test suite for signatures.
  test.each([
    ['GET', {}, 'host;x-amz-date', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    [
      'POST',
      { 'My-Header1': 'value1' },
      'host;my-header1;x-amz-date',
      'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
    ],
  ])('a request is signed as AWS does it: %s', (method, headers, names, signature) => {
    const { authorization } = sign(
      { method, url: new URL('https://example.amazonaws.com/'), headers, body: '' },
      { service: 'service', region: 'us-east-1', time: '20150830T123600Z' },
      { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
    );
    expect(authorization).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
    );
  });
});

test('the project’s own declarations can be expected', () => {
  const declared = (file: string) => JSON.parse(readFileSync(path.resolve(__dirname, '../../../infra', file), 'utf8'));
  const own = { ...deployment(), topology: declared('topology.json'), objectives: declared('objectives.json') };
  const consumers: readonly { name: string }[] = declared('topology.json').consumers;
  for (const { name } of consumers) expect(expectedInventory(own)).toHaveProperty([`function aws-zeta-${name}`]);
});
