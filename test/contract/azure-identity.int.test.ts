// The credential for a managed identity, against a server that answers as App Service does, and against the Cosmos DB emulator.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CosmosClient } from '@azure/cosmos';
import { cosmosClientOptions } from '../../adapters/azure/cosmos-client.ts';
import { withIdentity } from '../../adapters/azure/cosmos-identity.ts';
import { CosmosStore } from '../../adapters/azure/cosmos-store.ts';
import { IDENTITY_LIMITS, ManagedIdentity } from '../../adapters/azure/managed-identity.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { epochMs } from '../../core/ports/clock.ts';
import { CosmosEmulator } from '../../emulators/cosmos/emulator.ts';
import { EagerClock, START, settle } from '../support/fake-clock.ts';
import { IdentityEndpoint, tokenAnswer, unsignedToken } from '../support/identity-endpoint.ts';

const RESOURCE = 'https://account.documents.azure.com';
const server = new IdentityEndpoint();
let endpoint = '';
beforeAll(async () => {
  endpoint = await server.start();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.requests.length = 0;
  server.answers.length = 0;
});

const seconds = (ms: number): number => Math.floor(ms / 1000);
const json =
  (body: unknown, status = 200) =>
  (_: unknown, response: { writeHead(status: number): { end(text: string): unknown } }) => {
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  };
const until = (ms: number) => tokenAnswer(RESOURCE, seconds(ms));

/** A credential at a time that the test moves. */
function credential(options: { clientId?: string; header?: string } = {}) {
  const time = { now: START };
  const eager = new EagerClock();
  const clock = { now: () => epochMs(time.now), sleep: (ms: number) => eager.sleep(ms) };
  const identity = new ManagedIdentity(
    { endpoint, header: server.header, resource: RESOURCE, ...options },
    { clock, ids: randomIds },
  );
  return { identity, time };
}

test('asks as the platform wants it, and gives the token with its end', async () => {
  const { identity } = credential({ clientId: 'c-1' });
  server.answers.push(json(until(START + 3_600_000)));
  expect(await identity.getToken()).toEqual({
    token: unsignedToken({ aud: RESOURCE, exp: seconds(START + 3_600_000) }),
    expiresOnTimestamp: START + 3_600_000,
  });
  expect(server.requests).toEqual([
    { query: { resource: RESOURCE, 'api-version': '2019-08-01', client_id: 'c-1' }, header: server.header },
  ]);
});

describe('in a cluster', () => {
  const asked: { url: string | undefined; form: Record<string, string> }[] = [];
  const answers: { status: number; body: unknown }[] = [];
  const entra = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      asked.push({ url: request.url, form: Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString())) });
      const { status, body } = answers.shift() ?? { status: 200, body: { access_token: 'entra', expires_in: 3600 } };
      response.writeHead(status).end(JSON.stringify(body));
    });
  });
  beforeAll(() => new Promise<void>((resolve) => entra.listen(0, '127.0.0.1', resolve)));
  afterAll(() => new Promise((resolve) => entra.close(resolve)));
  beforeEach(() => {
    asked.length = 0;
  });

  const inCluster = () => {
    let reads = 0;
    const { port } = entra.address() as AddressInfo;
    const identity = {
      authority: `http://127.0.0.1:${port}/`,
      tenant: 'directory',
      clientId: 'c-1',
      assertion: async () => `cluster-${++reads}\n`,
      resource: RESOURCE,
    };
    return new ManagedIdentity(identity, { clock: new EagerClock(), ids: randomIds });
  };

  test('the cluster’s token is exchanged, and read anew with each exchange', async () => {
    answers.push({ status: 503, body: {} });
    expect(await inCluster().getToken()).toMatchObject({ token: 'entra' });
    expect(asked.map(({ url, form }) => [url, form.client_assertion])).toEqual([
      ['/directory/oauth2/v2.0/token', 'cluster-1'],
      ['/directory/oauth2/v2.0/token', 'cluster-2'],
    ]);
    expect(asked[0]?.form).toEqual({
      grant_type: 'client_credentials',
      client_id: 'c-1',
      scope: `${RESOURCE}/.default`,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: 'cluster-1',
    });
  });

  test('a refusal and an answer without a token are errors of their own kinds', async () => {
    answers.push({ status: 401, body: { error: 'invalid_client' } });
    await expect(inCluster().getToken()).rejects.toMatchObject({ code: 'denied' });
    answers.push(...Array.from({ length: 4 }, () => ({ status: 200, body: { access_token: 'entra' } })));
    await expect(inCluster().getToken()).rejects.toMatchObject({ code: 'unavailable' });
  });
});

test('the system-assigned identity is asked for by no id', async () => {
  await credential().identity.getToken();
  expect(server.requests[0]?.query).toEqual({ resource: RESOURCE, 'api-version': '2019-08-01' });
});

test('callers that come at once share a request, and later ones the token', async () => {
  const { identity } = credential();
  server.answers.push(json(until(START + 3_600_000)));
  const tokens = await Promise.all(Array.from({ length: 20 }, () => identity.getToken()));
  tokens.push(await identity.getToken());
  expect(new Set(tokens.map(({ token }) => token)).size).toBe(1);
  expect(server.requests).toHaveLength(1);
});

/** A credential that has a token with an hour to go, at the time when it begins to replace it. */
async function nearItsEnd() {
  const made = credential();
  server.answers.push(json(until(START + 3_600_000)));
  const first = await made.identity.getToken();
  made.time.now = START + 3_600_000 - IDENTITY_LIMITS.refreshMs - 1;
  await made.identity.getToken();
  expect(server.requests).toHaveLength(1);
  made.time.now += 1;
  return { ...made, first };
}

/** Lets a request that nothing waits for come to its end. */
async function asked(times: number): Promise<void> {
  while (server.requests.length < times || server.answers.length > 0) await settle();
}

test('a token is replaced before its end, while it still serves', async () => {
  const { identity, time, first } = await nearItsEnd();
  let answer: () => void = () => undefined;
  server.answers.push((_, response) => {
    answer = () => response.end(JSON.stringify(until(START + 7_200_000)));
  });
  expect(await identity.getToken()).toEqual(first);
  expect(await identity.getToken()).toEqual(first);
  await asked(2);
  time.now = START + 3_600_000;
  // Once it has ended, callers wait for the replacement that is under way.
  const next = identity.getToken();
  answer();
  expect((await next).expiresOnTimestamp).toBe(START + 7_200_000);
  expect(server.requests).toHaveLength(2);
});

test('a replacement that fails hurts nothing until the token ends, and is not asked for at every turn', async () => {
  const { identity, time, first } = await nearItsEnd();
  server.answers.push(json('no', 400));
  expect(await identity.getToken()).toEqual(first);
  await asked(2);
  expect(await identity.getToken()).toEqual(first);
  time.now += IDENTITY_LIMITS.pauseMs;
  server.answers.push(json('no', 400));
  expect(await identity.getToken()).toEqual(first);
  await asked(3);
  time.now = START + 3_600_000;
  server.answers.push(json('no', 400));
  await expect(identity.getToken()).rejects.toMatchObject({ code: 'denied' });
});

test.each([429, 500, 503, 404])('an answer of %d is followed by another try', async (status) => {
  server.answers.push(json('later', status), json(until(START + 3_600_000)));
  expect((await credential().identity.getToken()).expiresOnTimestamp).toBe(START + 3_600_000);
});

test('tries are bounded', async () => {
  server.answers.push(...Array.from({ length: 10 }, () => json('down', 500)));
  await expect(credential().identity.getToken()).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('500: down'),
  });
  expect(server.requests).toHaveLength(4);
});

test.each([
  ['an identity that the app does not have', { clientId: 'unknown' }, json({ message: 'No such identity' }, 400)],
  ['a wrong header', { header: 'wrong' }, undefined],
])('%s is refused at once', async (_, options, answer) => {
  if (answer !== undefined) server.answers.push(answer);
  await expect(credential(options).identity.getToken()).rejects.toMatchObject({ code: 'denied' });
  expect(server.requests).toHaveLength(1);
});

test.each([
  ['no JSON', 'hello', 'no JSON'],
  ['null', 'null', 'no token'],
  ['no token', { ...tokenAnswer(RESOURCE, 1), access_token: '' }, 'no token'],
  ['an end that is a date', { ...tokenAnswer(RESOURCE, 1), expires_on: '2026-01-01' }, 'no token'],
  ['too much', 'x'.repeat(IDENTITY_LIMITS.answerBytes + 1), `more than ${IDENTITY_LIMITS.answerBytes} bytes`],
])('an answer that has %s is an error of the port', async (_, body, message) => {
  server.answers.push(...Array.from({ length: 4 }, () => json(body)));
  await expect(credential().identity.getToken()).rejects.toMatchObject({
    name: 'PortError',
    code: 'unavailable',
    message: expect.stringContaining(message),
  });
});

test('an answer that does not come is an error after a time, and a connection that is cut as well', async () => {
  // The second answer is cut off, the others never come.
  server.answers.push((_, response) => response.destroy(), ...Array.from({ length: 3 }, () => () => undefined));
  await expect(credential().identity.getToken()).rejects.toMatchObject({ code: 'unavailable', timedOut: true });
});

describe('Cosmos DB by identity', () => {
  const emulator = new CosmosEmulator();
  let client: CosmosClient;
  let store: CosmosStore;
  beforeAll(async () => {
    const connection = await emulator.start();
    const resource = new URL(connection.endpoint).origin;
    const deps = { clock: systemClock, ids: randomIds };
    const identity = new ManagedIdentity({ endpoint, header: server.header, resource }, deps);
    const options = cosmosClientOptions({ requestTimeoutMs: 10_000 });
    client = new CosmosClient({ endpoint: connection.endpoint, ...withIdentity(options, identity, systemClock) });
    const { database } = await client.databases.create({ id: 'db' });
    const { container } = await database.containers.create({ id: 'c', partitionKey: { paths: ['/p'], version: 2 } });
    store = new CosmosStore({ container, ...deps });
  });
  afterAll(async () => {
    client.dispose();
    await emulator.stop();
  });

  test('every kind of request carries the token', async () => {
    await store.put({ partition: 'p', id: '1', body: { a: 1 } }, 'absent');
    expect(await store.get({ partition: 'p', id: '1' })).toMatchObject({ body: { a: 1 } });
    expect((await store.query('p', { limit: 10 })).items).toHaveLength(1);
    expect(await store.append([{ partition: 'p', id: '2', body: {} }])).toEqual([{ status: 'stored' }]);
    const writes = [{ kind: 'put', id: '3', body: {}, expected: 'absent' }] as const;
    expect(await store.transact('p', writes)).toHaveLength(1);
  });

  test('a token that the account refuses, or that cannot be had, is an error of the port', async () => {
    const { endpoint: account } = emulator.connection;
    const storeWith = async (resource: string, header = server.header) => {
      const deps = { clock: new EagerClock(), ids: randomIds };
      const identity = new ManagedIdentity({ endpoint, header, resource }, deps);
      const options = withIdentity(cosmosClientOptions({ requestTimeoutMs: 10_000 }), identity, systemClock);
      const other = new CosmosClient({ endpoint: account, ...options });
      return new CosmosStore({ container: other.database('db').container('c'), ...deps });
    };
    for (const denied of [await storeWith(RESOURCE), await storeWith(new URL(account).origin, 'wrong')]) {
      await expect(denied.get({ partition: 'p', id: '1' })).rejects.toMatchObject({
        name: 'PortError',
        code: 'denied',
      });
      const document = { partition: 'p', id: '4', body: {} };
      await expect(denied.put(document, 'absent')).rejects.toMatchObject({ code: 'denied' });
      expect(await denied.append([document])).toMatchObject([{ status: 'failed', error: { code: 'denied' } }]);
    }
  });
});
