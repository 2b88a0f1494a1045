// HTTP triggers through the real library: what the app sees of a request, and what the caller sees of its answer.
import { request as httpRequest } from 'node:http';
import net from 'node:net';
import { FunctionsHost } from '../../index.ts';
import { buildApp, cleanUp, eventually, startApp } from './support.ts';

afterEach(cleanUp);

const ECHO = `
import { app, HttpRequest, InvocationContext } from '@azure/functions';
app.http('echo', {
  route: 'echo/{id}/{rest?}',
  methods: ['GET', 'POST', 'PUT'],
  handler: async (request: HttpRequest, context: InvocationContext) => ({
    jsonBody: {
      method: request.method, url: request.url, params: request.params, query: Object.fromEntries(request.query),
      header: request.headers.get('x-twice'), body: await request.text(), name: context.functionName,
    },
  }),
});
app.get('plain', async () => ({ status: 201, headers: { 'x-one': '1' }, body: 'hello',
  cookies: [{ name: 'a', value: 'b c', maxAge: 60, httpOnly: true, sameSite: 'Lax' as const }] }));
app.get('nothing', async () => undefined);
app.get('gone', async () => ({ status: 204, body: 'dropped' }));
app.get('throws', async () => { throw new Error('on purpose'); });
app.get('bytes', async () => ({ body: new Uint8Array([0, 255, 1]) }));
app.get('badheader', async () => ({ status: 200, headers: { ok: '1' }, cookies: [{ name: 'x', value: '1', path: '/\\r\\nevil: 1' }] }));
app.post('size', async (request: HttpRequest) => ({ jsonBody: (await request.arrayBuffer()).byteLength }));
app.get('root', { route: '/', handler: async () => ({ body: 'root' }) });
`;

describe.each(['cjs', 'esm'] as const)('a %s bundle', (format) => {
  it('gets requests and answers them', async () => {
    const { url, host } = await startApp({ source: ECHO, format });
    expect(host.functions.find(({ name }) => name === 'echo')).toEqual({
      name: 'echo',
      trigger: 'httpTrigger',
      url: `${url}/api/echo/{id}/{rest?}`,
      methods: ['GET', 'POST', 'PUT'],
      disabled: false,
    });
    const response = await fetch(`${url}/api/ECHO/7/a%20b?x=1&x=2&y=`, {
      method: 'POST',
      body: 'körper',
      headers: [
        ['x-twice', 'a'],
        ['x-twice', 'b'],
      ],
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({
      method: 'POST',
      url: `${url}/api/ECHO/7/a%20b?x=1&x=2&y=`,
      params: { id: '7', rest: 'a b' },
      query: { x: '1,2', y: '' },
      header: 'a, b',
      body: 'körper',
      name: 'echo',
    });
  });
});

it('answers statuses, headers, cookies, bytes and nothing', async () => {
  const { url } = await startApp({ source: ECHO });
  const plain = await fetch(`${url}/api/plain`);
  expect([plain.status, plain.headers.get('x-one'), await plain.text()]).toEqual([201, '1', 'hello']);
  expect(plain.headers.getSetCookie()).toEqual(['a=b%20c; max-age=60; path=/; samesite=lax; httponly']);
  expect((await fetch(`${url}/api/nothing`)).status).toBe(204);
  expect((await fetch(`${url}/api/gone`)).status).toBe(204);
  expect(Buffer.from(await (await fetch(`${url}/api/bytes`)).arrayBuffer())).toEqual(Buffer.from([0, 255, 1]));
  expect((await fetch(`${url}/api/badheader`)).status).toBe(500);
  expect(await (await fetch(`${url}/api/`)).text()).toBe('root');
});

it('answers 500 without a body when the handler throws, and logs why', async () => {
  const { url, log } = await startApp({ source: ECHO });
  const response = await fetch(`${url}/api/throws`);
  expect([response.status, await response.text()]).toEqual([500, '']);
  const entry = log.find(({ level, functionName }) => level === 'error' && functionName === 'throws');
  expect(entry?.message).toContain('on purpose');
});

it('answers 404 without a body to an unknown path and a wrong method', async () => {
  const { url } = await startApp({ source: ECHO });
  for (const [method, path] of [
    ['GET', '/api/unknown'],
    ['DELETE', '/api/plain'],
    ['GET', '/plain'],
  ] as const) {
    const response = await fetch(url + path, { method });
    expect([method, path, response.status, await response.text()]).toEqual([method, path, 404, '']);
  }
});

it('takes the route prefix from host.json', async () => {
  const { url } = await startApp({ source: ECHO, hostJson: { extensions: { http: { routePrefix: '' } } } });
  expect(await (await fetch(`${url}/plain`)).text()).toBe('hello');
  expect(await (await fetch(`${url}/`)).text()).toBe('root');
});

it('lives on after requests that are no HTTP', async () => {
  const { url } = await startApp({ source: ECHO });
  const { port } = new URL(url);
  const bad = [
    '\0\0\0\r\n\r\n',
    'GET http://elsewhere/ HTTP/1.1\r\n\r\n',
    'GET /api/plain HTTP/1.1\r\nhost: a b\r\n\r\n',
  ];
  for (const text of bad) {
    const answer = await new Promise<string>((resolve) => {
      let received = '';
      const socket = net.connect(Number(port), '127.0.0.1', () => socket.write(text));
      socket.on('data', (chunk) => {
        received += chunk.toString();
      });
      socket.on('close', () => resolve(received));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  }
  expect((await fetch(`${url}/api/plain`)).status).toBe(201);
});

it('takes bodies up to 100 MB', async () => {
  const { url } = await startApp({ source: ECHO });
  const status = await new Promise((resolve) => {
    const request = httpRequest(`${url}/api/size`, { method: 'POST', headers: { 'content-length': 104_857_601 } });
    request.on('response', (response) => resolve(response.statusCode));
    request.on('error', () => undefined);
    request.flushHeaders();
  });
  expect(status).toBe(413);
  const large = await fetch(`${url}/api/size`, { method: 'POST', body: Buffer.alloc(5_000_000) });
  expect(await large.json()).toBe(5_000_000);
});

it('drops a chunked body, as the real host does, and says so', async () => {
  const { url, log } = await startApp({ source: ECHO });
  const body = new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode('gone'));
      controller.close();
    },
  });
  const response = await fetch(`${url}/api/size`, { method: 'POST', body, duplex: 'half' } as RequestInit);
  expect(await response.json()).toBe(0);
  expect(log.some(({ message }) => message.startsWith('Its request has a chunked body, which is dropped'))).toBe(true);
});

it('passes the trace of a request to the app', async () => {
  const source = `import { app } from '@azure/functions';
    app.get('trace', async (_request, context) => ({ jsonBody: context.traceContext }));`;
  const { url } = await startApp({ source });
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const seen = await (await fetch(`${url}/api/trace`, { headers: { traceparent, tracestate: 'a=1' } })).json();
  expect(seen).toEqual({
    traceParent: expect.stringMatching(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/),
    traceState: 'a=1',
    attributes: {},
  });
});

it('names a port that is taken', async () => {
  const { url } = await startApp({ source: ECHO });
  const port = Number(new URL(url).port);
  const second = new FunctionsHost({ appFolder: await buildApp({ source: ECHO }), environment: {}, port });
  await expect(second.start()).rejects.toThrow(`Port ${port} is already in use.`);
});

it('limits concurrent and outstanding requests as host.json says', async () => {
  const source = `
    import { app } from '@azure/functions';
    let active = 0, most = 0, open: (() => void)[] = [];
    app.get('wait', async () => { await new Promise<void>((resolve) => open.push(resolve)); return {}; });
    app.get('free', async () => { open.splice(0).forEach((one) => one()); return {}; });
    app.get('turn', async () => {
      most = Math.max(most, ++active);
      await new Promise((resolve) => setImmediate(resolve));
      active--;
      return { jsonBody: most };
    });
  `;
  const one = await startApp({ source, hostJson: { extensions: { http: { maxConcurrentRequests: 1 } } } });
  const turns = await Promise.all(Array.from({ length: 10 }, () => fetch(`${one.url}/api/turn`)));
  expect(await Promise.all(turns.map((turn) => turn.json()))).toEqual(Array(10).fill(1));

  const two = await startApp({ source, hostJson: { extensions: { http: { maxOutstandingRequests: 2 } } } });
  const waiting = [fetch(`${two.url}/api/wait`), fetch(`${two.url}/api/wait`)];
  await eventually('a third is refused', async () => (await fetch(`${two.url}/api/turn`)).status === 429);
  two.host.killWorker();
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([500, 500]);
});
