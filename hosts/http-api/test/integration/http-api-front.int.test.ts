// The HTTP API over real sockets: mapping, failures, limits, malformed requests, and stopping.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { LambdaServiceError } from '../../../lambda/errors.ts';
import { openHost, until } from '../../../lambda/test/integration/lambda-support.ts';
import { HttpApiFront, type HttpApiFrontOptions } from '../../http-api-front.ts';

const fronts: HttpApiFront[] = [];
afterEach(async () => {
  await Promise.all(fronts.splice(0).map((front) => front.stop({ graceMs: 0 })));
});

const echo: HttpApiFrontOptions['invoke'] = (event) =>
  Promise.resolve({ payload: JSON.stringify({ statusCode: 200, body: JSON.stringify(event) }) });

async function open(options: Partial<HttpApiFrontOptions> = {}): Promise<HttpApiFront> {
  const front = new HttpApiFront({ invoke: echo, ...options });
  fronts.push(front);
  await front.start();
  return front;
}

/** Sends bytes as they are and returns everything that comes back until the server closes. */
async function raw(front: HttpApiFront, text: string): Promise<string> {
  const socket = net.connect(front.port, '127.0.0.1');
  let received = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    received += chunk;
  });
  socket.on('error', () => undefined);
  socket.write(text);
  // Not with `once`: a server that does not read on resets the connection, which is the error that comes after its answer.
  await new Promise((resolve) => socket.once('close', resolve));
  return received;
}

test('a request reaches a real function and its answer comes back', async () => {
  const host = openHost();
  const front = await open({
    invoke: (event) => host.invoke({ op: 'echo', value: { statusCode: 202, body: JSON.stringify(event) } }),
  });
  const response = await fetch(`${front.url}/events/1?a=b`, {
    method: 'POST',
    body: '{"x":1}',
    headers: { 'content-type': 'application/json' },
  });
  expect(response.status).toBe(202);
  expect(response.headers.get('apigw-requestid')).toMatch(/^\S+$/);
  expect(await response.json()).toMatchObject({
    version: '2.0',
    rawPath: '/events/1',
    rawQueryString: 'a=b',
    body: '{"x":1}',
    requestContext: { http: { method: 'POST', sourceIp: '127.0.0.1' } },
  });
});

test('cookies, chunked bodies and HEAD', async () => {
  const front = await open({
    invoke: (event) => {
      const { body } = event as { body?: string };
      return Promise.resolve({
        payload: JSON.stringify({ statusCode: 200, cookies: ['a=1', 'b=2'], body: `got ${body}` }),
      });
    },
  });
  const response = await raw(
    front,
    'POST / HTTP/1.1\r\nhost: h\r\ncontent-type: text/plain\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  );
  expect(response).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(response).toContain('set-cookie: a=1\r\nset-cookie: b=2\r\n');
  expect(response).toMatch(/\r\n\r\ngot abc$/);
  const head = await raw(front, 'HEAD / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
  expect(head).toContain('content-length: 13\r\n');
  expect(head).toMatch(/\r\n\r\n$/);
});

test('one connection carries many requests', async () => {
  const front = await open();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number>();
  for (let index = 0; index < 5; index++) {
    const request = http.get(`${front.url}/${index}`, { agent });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    ports.add(response.socket.localPort ?? 0);
    response.resume();
    await once(response, 'end');
  }
  expect(ports.size).toBe(1);
  agent.destroy();
});

test.each([
  [
    'a function error',
    () => Promise.resolve({ payload: '{"errorType":"Error"}', functionError: 'Unhandled' as const }),
    500,
    'Internal Server Error',
  ],
  ['an unsendable result', () => Promise.resolve({ payload: '{"statusCode":1}' }), 500, 'Internal Server Error'],
  ['a bug in the host', () => Promise.reject(new Error('boom')), 500, 'Internal Server Error'],
  [
    'a throttle',
    () => Promise.reject(new LambdaServiceError('TooManyRequestsException', 'Rate Exceeded.')),
    503,
    'Service Unavailable',
  ],
  [
    'a stopped function',
    () => Promise.reject(new LambdaServiceError('ServiceException', 'stopped')),
    503,
    'Service Unavailable',
  ],
  [
    'Lambda’s own size limit',
    () => Promise.reject(new LambdaServiceError('RequestTooLargeException', 'big')),
    413,
    'Request Entity Too Large',
  ],
  ['an integration that takes too long', () => new Promise<never>(() => undefined), 503, 'Service Unavailable'],
])('%s', async (_name, invoke, status, message) => {
  const front = await open({ invoke, integrationTimeoutMs: 50 });
  const response = await fetch(front.url);
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(await response.json()).toEqual({ message });
});

test('a body above 10 MB is refused without invoking', async () => {
  const invoke = jest.fn(echo);
  const front = await open({ invoke });
  const response = await raw(
    front,
    `POST / HTTP/1.1\r\nhost: h\r\ncontent-length: ${10 * 1024 * 1024 + 1}\r\n\r\n${'x'.repeat(10 * 1024 * 1024 + 1)}`,
  );
  expect(response).toMatch(/^HTTP\/1\.1 413 /);
  expect(invoke).not.toHaveBeenCalled();
});

test.each([
  ['headers above 10,240 bytes', `GET / HTTP/1.1\r\nhost: h\r\nx: ${'y'.repeat(10_300)}\r\n\r\n`, 431],
  ['a request line above 10,240 bytes', `GET /${'y'.repeat(10_300)} HTTP/1.1\r\nhost: h\r\n\r\n`, 431],
  ['two content-lengths', 'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', 400],
  [
    'length and chunks',
    'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['a broken chunk', 'POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n', 400],
  ['no HTTP at all', 'hello\r\n\r\n', 400],
])('%s is refused and the server lives on', async (_name, text, status) => {
  const front = await open();
  expect(await raw(front, text)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect((await fetch(front.url)).status).toBe(200);
});

test('a client that disconnects during its body or its answer affects no other', async () => {
  const invoke = jest.fn(echo);
  const front = await open({ invoke });
  const socket = net.connect(front.port, '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nabc');
  await once(socket, 'connect');
  socket.destroy();
  const other = net.connect(front.port, '127.0.0.1');
  other.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await until(() => invoke.mock.calls.length === 1);
  other.destroy();
  expect((await fetch(front.url)).status).toBe(200);
  expect(invoke).toHaveBeenCalledTimes(2);
});

test('a taken port is named', async () => {
  const { port } = await open();
  await expect(open({ port })).rejects.toThrow(`Port ${port} is in use`);
});

test('stop() lets the request under way finish, with idle keep-alive connections open', async () => {
  let release: (result: { payload: string }) => void = () => undefined;
  const invoke = jest.fn(
    () =>
      new Promise<{ payload: string }>((resolve) => {
        release = resolve;
      }),
  );
  const front = await open({ invoke });
  const idle = net.connect(front.port, '127.0.0.1');
  await once(idle, 'connect');
  const answer = fetch(front.url);
  await until(() => invoke.mock.calls.length === 1);
  const stopped = front.stop({ graceMs: 10_000 });
  release({ payload: '{"statusCode":200,"body":"done"}' });
  expect(await (await answer).text()).toBe('done');
  idle.destroy();
  await stopped;
  await expect(fetch(front.url)).rejects.toThrow();
});

test('stop() does not wait for a function that never answers', async () => {
  const invoke = jest.fn(() => new Promise<never>(() => undefined));
  const front = await open({ invoke });
  const answer = expect(fetch(front.url)).rejects.toThrow();
  await until(() => invoke.mock.calls.length === 1);
  await front.stop({ graceMs: 20 });
  await answer;
  await front.stop();
});
