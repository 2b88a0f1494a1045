// Stream mode: bodies flow through the worker's own server instead of being collected.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { PROXY_LIMITS, proxyToWorker } from '../../http/stream.ts';
import type { Outcome } from '../../runtime.ts';
import { realTimers } from '../../timers.ts';
import { cleanUp, eventually, startApp } from './support.ts';

afterEach(cleanUp);

const SOURCE = `
import { app, HttpRequest } from '@azure/functions';
app.setup({ enableHttpStream: true });
const gates: (() => void)[] = [];
app.get('events', async () => ({
  headers: { 'content-type': 'text/event-stream' },
  cookies: [{ name: 'a', value: '1' }],
  body: (async function* () {
    for (let i = 0; i < 3; i++) {
      yield Buffer.from('data: ' + i + '\\n\\n');
      await new Promise<void>((resolve) => gates.push(resolve));
    }
  })() as never,
}));
app.post('next', async () => { gates.shift()?.(); return { status: 204 }; });
app.http('echo', { route: 'echo/{id}', methods: ['POST'], handler: async (request: HttpRequest) => ({
  jsonBody: { body: await request.text(), id: request.params.id, params: request.params, url: request.url,
    query: [...request.query], header: request.headers.get('x-h') } }) });
app.get('throws', async () => { throw new Error('on purpose'); });
app.get('nothing', async () => undefined);
app.get('breaks', async () => ({ body: (async function* () {
  yield Buffer.from('some');
  await new Promise<void>((resolve) => gates.push(resolve));
  throw new Error('half way');
})() as never }));
`;

it('sends each chunk when it is made', async () => {
  const { url } = await startApp({ source: SOURCE, format: 'esm' });
  const response = await fetch(`${url}/api/events`);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(response.headers.getSetCookie()).toEqual(['a=1']);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (const expected of ['data: 0\n\n', 'data: 1\n\n', 'data: 2\n\n']) {
    // The generator waits until it is released, so this chunk cannot have waited for the next.
    expect((await reader?.read())?.value).toBe(expected);
    await fetch(`${url}/api/next`, { method: 'POST' });
  }
  expect((await reader?.read())?.done).toBe(true);
});

it('passes on bodies, headers and parameters, with query parameters among the params', async () => {
  const { url } = await startApp({ source: SOURCE });
  const response = await fetch(`${url}/api/echo/7?id=no&x=1&x=2`, {
    method: 'POST',
    body: 'text',
    headers: { 'x-h': 'v' },
  });
  expect(await response.json()).toEqual({
    body: 'text',
    id: '7',
    params: { id: '7', x: '1,2' },
    url: `${url}/api/echo/7?id=no&x=1&x=2`,
    query: [
      ['id', 'no'],
      ['x', '1'],
      ['x', '2'],
    ],
    header: 'v',
  });
});

it('takes chunked bodies', async () => {
  const { url } = await startApp({ source: SOURCE });
  const body = new Blob(['in ', 'pieces']).stream();
  const response = await fetch(`${url}/api/echo/7`, { method: 'POST', body, duplex: 'half' } as RequestInit);
  expect(await response.json()).toMatchObject({ body: 'in pieces' });
});

it('answers 500 to failures, and cuts a body that breaks half way', async () => {
  const { url } = await startApp({ source: SOURCE });
  expect((await fetch(`${url}/api/throws`)).status).toBe(500);
  expect((await fetch(`${url}/api/nothing`)).status).toBe(500);
  const reader = (await fetch(`${url}/api/breaks`)).body?.getReader();
  expect((await reader?.read())?.value).toEqual(new Uint8Array(Buffer.from('some')));
  await fetch(`${url}/api/next`, { method: 'POST' });
  await expect(reader?.read()).rejects.toThrow('terminated');
  expect((await fetch(`${url}/api/throws`)).status).toBe(500);
});

it('finds the new server of a restarted worker', async () => {
  const { url, host } = await startApp({ source: SOURCE });
  const pid = host.workerPid;
  host.killWorker();
  await eventually('a new worker', () => host.workerPid !== undefined && host.workerPid !== pid);
  const response = await fetch(`${url}/api/echo/1`, { method: 'POST', body: 'again' });
  expect(await response.json()).toMatchObject({ body: 'again' });
});

describe('a request whose connection to the worker breaks', () => {
  const servers: { close(): unknown }[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  const listening = async (server: net.Server) => {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  };

  /** A host before a worker whose first `broken` connections end when something was read from them. */
  async function lossy(broken: number, outcome: Promise<Outcome>) {
    const bodies: string[] = [];
    const worker = http.createServer((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => bodies.push(text));
      request.on('end', () => response.end('served'));
    });
    let connections = 0;
    const front = net.createServer((socket) => {
      connections += 1;
      if (connections <= broken) socket.once('data', () => socket.resetAndDestroy());
      else worker.emit('connection', socket);
    });
    const workerUri = await listening(front);
    const call = {
      url: workerUri,
      params: {},
      bindingName: 'request',
      workerUri,
      invocationId: '1',
      bodyLimit: 10_000_000,
    };
    const host = http.createServer((request, response) => void proxyToWorker({ ...call, request, response }, outcome));
    return { url: await listening(host), bodies, connections: () => connections };
  }

  /** An invocation that waits for its request, which it never sees. */
  const waiting = new Promise<Outcome>(() => undefined);

  it.each(['GET', 'POST'])('is sent again, with its body: %s', async (method) => {
    const { url, bodies, connections } = await lossy(2, waiting);
    const response = await fetch(url, { method, ...(method === 'POST' && { body: 'x'.repeat(1000) }) });
    expect([response.status, await response.text(), connections()]).toEqual([200, 'served', 3]);
    expect(bodies.join('')).toBe(method === 'POST' ? 'x'.repeat(1000) : '');
  });

  it('is answered with 503 when that does not help, though its invocation still waits', async () => {
    const { url, connections } = await lossy(Number.POSITIVE_INFINITY, waiting);
    const response = await fetch(url, { method: 'POST', body: 'text' });
    expect([response.status, await response.text()]).toEqual([503, 'The request did not reach the worker.']);
    expect(connections()).toBe(1 + PROXY_LIMITS.pausesMs.length);
  });

  it('is not sent again when its body was not kept', async () => {
    let opened = 0;
    const front = net.createServer((socket) => {
      opened += 1;
      let read = 0;
      socket.on('data', (chunk: Buffer) => {
        read += chunk.length;
        if (read > PROXY_LIMITS.kept + 1000) socket.resetAndDestroy();
      });
      socket.on('error', () => undefined);
    });
    const workerUri = await listening(front);
    const call = {
      url: workerUri,
      params: {},
      bindingName: 'request',
      workerUri,
      invocationId: '1',
      bodyLimit: 10_000_000,
    };
    const host = http.createServer((request, response) => void proxyToWorker({ ...call, request, response }, waiting));
    const response = await fetch(await listening(host), { method: 'POST', body: 'x'.repeat(2 * PROXY_LIMITS.kept) });
    expect([response.status, opened]).toEqual([503, 1]);
  });

  it('is answered with 500 when the invocation has failed meanwhile, as when its worker has died', async () => {
    const failed: Outcome = {
      ok: false,
      invocationId: '1',
      cause: 'worker-exit',
      error: { name: 'Error', message: 'gone', stack: '' },
    };
    const { url } = await lossy(Number.POSITIVE_INFINITY, Promise.resolve(failed));
    expect((await fetch(url)).status).toBe(500);
  });
});

it('answers with what the worker has sent, however late the host comes to reading it', async () => {
  const listening = async (server: http.Server) => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  };
  const worker = http.createServer();
  const workerUri = await listening(worker);
  let end: (outcome: Outcome) => void = () => undefined;
  const outcome = new Promise<Outcome>((resolve) => {
    end = resolve;
  });
  const call = { url: workerUri, params: {}, bindingName: 'request', workerUri, invocationId: '1', bodyLimit: 1 };
  const host = http.createServer((request, response) => void proxyToWorker({ ...call, request, response }, outcome));
  const answer = fetch(await listening(host));
  const [, response] = (await once(worker, 'request')) as [unknown, http.ServerResponse];

  end({ ok: true, invocationId: '1', response: { invocationId: '1' } as never });
  await new Promise(setImmediate);
  // A busy machine: nothing runs for longer than a worker's answer takes.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2400);
  response.end('late');
  const { status } = await answer;
  for (const server of [host, worker]) server.close();
  expect(status).toBe(200);
});

/** The next request that a server of this process is given. */
function nextRequest(): Promise<{ request: http.IncomingMessage; response: http.ServerResponse }> {
  return new Promise((resolve) => {
    const seen = (message: unknown) => {
      unsubscribe('http.server.request.start', seen);
      resolve(message as Awaited<ReturnType<typeof nextRequest>>);
    };
    subscribe('http.server.request.start', seen);
  });
}

const portOf = (url: string) => Number(new URL(url).port);
const HEAD = 'POST /api/work HTTP/1.1\r\nhost: app\r\ncontent-length: 10\r\n\r\n';

it('does not call a function for a caller that left while the worker was replaced, so that the new one is not ended for it', async () => {
  // The second worker loads when the test lets it.
  let loads = 0;
  let load: () => void = () => undefined;
  const gate = http.createServer((_request, response) => {
    loads += 1;
    if (loads === 1) response.end();
    else load = () => response.end();
  });
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  const source = `
    import { app } from '@azure/functions';
    await fetch(process.env.GATE);
    app.setup({ enableHttpStream: true });
    app.post('work', async (request) => ({ body: await request.text() }));
  `;
  // Each invocation starts a timer of its own, and stops it when it ends.
  const functionTimeoutMs = 86_400_000;
  const running: (AbortSignal | undefined)[] = [];
  const timers = {
    ...realTimers,
    sleep: (milliseconds: number, signal?: AbortSignal) => {
      if (milliseconds === functionTimeoutMs) running.push(signal);
      return realTimers.sleep(milliseconds, signal);
    },
  };
  const environment = { GATE: `http://127.0.0.1:${(gate.address() as AddressInfo).port}` };
  const { url, host } = await startApp({ source, format: 'esm' }, { environment, timers, functionTimeoutMs });
  host.killWorker();
  await eventually('the second worker', () => loads === 2);

  const arrived = nextRequest();
  const caller = net.connect(portOf(url), '127.0.0.1').on('error', () => undefined);
  caller.write(`${HEAD}0123456789`);
  const { response } = await arrived;
  const left = once(response, 'close');
  caller.destroy();
  await left;
  load();
  const served = await fetch(`${url}/api/work`, { method: 'POST', body: 'later' });
  gate.close();
  expect(await served.text()).toBe('later');
  await eventually('the end of its call', () => running.at(-1)?.aborted);
  expect(running).toHaveLength(1);
});

describe('a caller', () => {
  const servers: http.Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });
  const listening = async (server: http.Server) => {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  };
  const proxied = async (
    worker: http.Server,
    outcome: Promise<Outcome>,
    then: (request: http.IncomingMessage) => void,
  ) => {
    const workerUri = await listening(worker);
    const call = { url: workerUri, params: {}, bindingName: 'request', workerUri, invocationId: '7', bodyLimit: 1000 };
    return listening(
      http.createServer((request, response) => {
        void proxyToWorker({ ...call, request, response }, outcome);
        then(request);
      }),
    );
  };

  it.each([
    ['in the middle of its body', HEAD],
    ['with its answer outstanding', `${HEAD}0123456789`],
  ])('that leaves at once, %s, does not leave its invocation without a request', async (_, sent) => {
    const worker = http.createServer();
    const url = await proxied(worker, new Promise(() => undefined), (request) => request.socket.destroy());
    const reached = once(worker, 'request') as Promise<[http.IncomingMessage]>;
    const caller = net.connect(portOf(url), '127.0.0.1').on('error', () => undefined);
    caller.write(sent);
    const [request] = await reached;
    const gone = new Promise((resolve) => request.socket.once('close', resolve));
    expect(request.headers['x-ms-invocation-id']).toBe('7');
    request.on('error', () => undefined).resume();
    await gone;
    caller.destroy();
  });

  it('that is answered before the end of its body goes on with its next request, over another connection to the worker', async () => {
    const connections = new Set<net.Socket>();
    const worker = http.createServer((request, response) => {
      connections.add(request.socket);
      response.end(`answer ${connections.size}`);
    });
    const outcome: Outcome = { ok: true, invocationId: '7', response: { invocationId: '7' } as never };
    const url = await proxied(worker, Promise.resolve(outcome), () => undefined);
    const caller = net.connect(portOf(url), '127.0.0.1');
    let answers = '';
    caller.setEncoding('utf8').on('data', (text: string) => {
      answers += text;
    });
    caller.write(HEAD);
    await eventually('the first answer', () => answers.includes('answer 1'));
    await eventually('the end of its connection', () => [...connections].every(({ destroyed }) => destroyed));
    caller.write(`0123456789${HEAD}0123456789`);
    await eventually('the second answer', () => answers.includes('answer 2'));
    caller.destroy();
  });
});
