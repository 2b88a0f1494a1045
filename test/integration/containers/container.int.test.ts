// The container's server and its life: limits of the API's server, health, and an end in order.
import net from 'node:net';
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { randomIds } from '../../../adapters/system/system.ts';
import { ApiServer, SERVER_LIMITS } from '../../../containers/api-server.ts';
import { Container, limited } from '../../../containers/container.ts';
import type { Part } from '../../../containers/part.ts';
import { httpPart } from '../../../containers/parts.ts';
import { DISCARD_BYTES } from '../../../containers/request-body.ts';
import type { Clock } from '../../../core/ports/clock.ts';
import { PortError } from '../../../core/ports/errors.ts';
import type { Key, Store } from '../../../core/ports/store.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { RecordingLog } from '../../support/recording-log.ts';

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function serve(api: (request: Request) => Promise<Response>, clock: Clock = new FakeClock()) {
  const log = new RecordingLog();
  const server = new ApiServer({ api, port: 0, answerMs: 15_000, clock, log });
  open.push(server);
  await server.start();
  return { server, log, url: `http://127.0.0.1:${server.port}` };
}

const codeOf = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];

describe('the server of the API', () => {
  test('hands over method, path, headers and body, and gives back status, headers and body', async () => {
    const { url } = await serve(async (asked) => {
      const seen = {
        method: asked.method,
        url: asked.url,
        header: asked.headers.get('x-one'),
        body: await asked.text(),
      };
      return new Response(JSON.stringify(seen), { status: 207, headers: { 'x-two': '2' } });
    });
    const response = await fetch(`${url}/a%20b?c=%2F`, {
      method: 'PATCH',
      headers: { 'x-one': 'é' },
      body: 'ü'.repeat(100_000),
    });
    expect([response.status, response.headers.get('x-two')]).toEqual([207, '2']);
    expect(await response.json()).toEqual({
      method: 'PATCH',
      url: 'https://cell/a%20b?c=%2F',
      header: 'é',
      body: 'ü'.repeat(100_000),
    });
  });

  test('an answer to HEAD has the length of the body that it leaves away', async () => {
    const { url } = await serve(async () => new Response('four'));
    const response = await fetch(url, { method: 'HEAD' });
    expect([response.headers.get('content-length'), await response.text()]).toEqual(['4', '']);
  });

  test('a body that is refused before its end leaves the connection whole for the next request', async () => {
    const { url } = await serve(async (asked) => {
      const reader = asked.body?.getReader();
      await reader?.read();
      await reader?.cancel();
      return new Response(asked.method, { status: asked.body === null ? 200 : 413 });
    });
    for (let round = 0; round < 10; round += 1) {
      const refused = await fetch(url, { method: 'POST', body: Buffer.alloc(2 * 1024 * 1024) });
      expect([refused.status, await refused.text()]).toEqual([413, 'POST']);
      expect((await fetch(url)).status).toBe(200);
    }
  });

  test('a sender that goes on beyond what is dropped is cut off', async () => {
    const { server } = await serve(async () => new Response('no', { status: 413 }));
    const sender = net.connect(server.port, '127.0.0.1');
    let isBroken = false;
    const broken = new Promise<void>((resolve) => sender.once('close', () => resolve())).then(() => {
      isBroken = true;
    });
    // What has been cut off says so in more than one way.
    sender.on('error', () => undefined);
    sender.resume();
    sender.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 67108864\r\n\r\n');
    let sent = 0;
    const chunk = Buffer.alloc(1024 * 1024);
    while (!isBroken && sent < 64) {
      sent += 1;
      if (!sender.write(chunk)) await Promise.race([broken, new Promise((resolve) => sender.once('drain', resolve))]);
    }
    await broken;
    expect(sent * chunk.length).toBeGreaterThan(DISCARD_BYTES);
    expect(sent).toBeLessThan(64);
  });

  test('more requests than it may hold are refused, and those under way are answered', async () => {
    let release: () => void = () => undefined;
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    let underWay = 0;
    let full: () => void = () => undefined;
    const isFull = new Promise<void>((resolve) => {
      full = resolve;
    });
    const { url } = await serve(async () => {
      underWay += 1;
      if (underWay === SERVER_LIMITS.requests) full();
      await until;
      return new Response('done');
    });
    const held = Array.from({ length: SERVER_LIMITS.requests }, () => fetch(url));
    await isFull;
    const refused = await fetch(url);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await codeOf(refused)).toEqual([503, 'cell_overloaded']);
    release();
    expect(new Set((await Promise.all(held)).map(({ status }) => status))).toEqual(new Set([200]));
  });

  test('an API that does not answer is given up, and said so', async () => {
    const clock = new FakeClock();
    let asked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const { url, log } = await serve(() => {
      asked();
      return new Promise(() => undefined);
    }, clock);
    const response = fetch(url);
    await isAsked;
    await clock.advance(15_000);
    expect(await codeOf(await response)).toEqual([503, 'cell_unavailable']);
    expect(log.messages('error')).toEqual(['the API did not answer']);
  });

  test('headers that are too large and targets that are no path are refused', async () => {
    const { server } = await serve(async () => new Response('ok'));
    const answerTo = (text: string) =>
      new Promise<string>((resolve) => {
        let answer = '';
        const socket = net.connect(server.port, '127.0.0.1', () => socket.write(text));
        socket.on('data', (chunk) => {
          answer += chunk.toString();
        });
        socket.on('close', () => resolve(answer.split('\r\n')[0] ?? ''));
      });
    const rest = 'host: x\r\nconnection: close\r\n';
    expect(await answerTo(`GET / HTTP/1.1\r\n${rest}x: ${'y'.repeat(SERVER_LIMITS.headerBytes)}\r\n\r\n`)).toContain(
      ' 431 ',
    );
    expect(await answerTo(`GET http://elsewhere/ HTTP/1.1\r\n${rest}\r\n`)).toContain(' 400 ');
    expect(await answerTo(`TRACE / HTTP/1.1\r\n${rest}\r\n`)).toContain(' 200 ');
  });
});

test('the API is ready once the store has answered, and not before', async () => {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const state = new MemoryStore({ clock });
  let isAway = true;
  const slow: Store = Object.assign(Object.create(state) as Store, {
    get: async (key: Key) => {
      if (isAway) throw new PortError('unavailable', 'The store is away.');
      return state.get(key);
    },
  });
  const part = httpPart(
    0,
    async () => new Response('ok'),
    { state: slow, cell: 'some-cell' },
    {
      clock,
      ids: randomIds,
      log,
      exit: () => undefined,
    },
  );
  open.push(part);
  expect(part.notReady()).toBe('does not listen');
  await part.start();
  await clock.advance(3000);
  expect(part.notReady()).toBe('has not reached the store yet');
  expect(new Set(log.messages('warn'))).toEqual(new Set(['the store has not answered yet']));
  isAway = false;
  await clock.advance(1000);
  expect(part.notReady()).toBeUndefined();
});

describe('a container', () => {
  function container(part: Partial<Part> = {}) {
    const log = new RecordingLog();
    const parts: Part[] = [
      { name: 'relay', start: async () => undefined, stop: async () => undefined, notReady: () => undefined, ...part },
    ];
    const made = new Container({
      parts,
      healthPort: 0,
      clock: new FakeClock(),
      log,
      exit: () => undefined,
    });
    open.push({ stop: async () => void (await made.stop()) });
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${made.healthPort}${path}`);
      return [response.status, await response.json()];
    };
    return { made, log, get };
  }

  test('lives from its start, is ready once its parts are, and not while it ends', async () => {
    let reason: string | undefined = 'cannot reach the store';
    let end: () => void = () => undefined;
    const { made, get } = container({
      notReady: () => reason,
      stop: () =>
        new Promise((resolve) => {
          end = resolve;
        }),
    });
    await made.start();
    expect(await get('/healthz')).toEqual([200, { status: 'alive' }]);
    expect(await get('/readyz')).toEqual([503, { status: 'not ready', parts: { relay: 'cannot reach the store' } }]);
    reason = undefined;
    expect(await get('/readyz')).toEqual([200, { status: 'ready' }]);
    expect((await get('/'))[0]).toBe(404);
    const ended = made.stop();
    expect(await get('/readyz')).toEqual([503, { status: 'not ready', parts: { container: 'is ending' } }]);
    await settle();
    end();
    expect(await ended).toBe(0);
  });

  test('ends with a failure if a part does not end in time', async () => {
    const clock = new FakeClock();
    const log = new RecordingLog();
    const never: Part = {
      name: 'relay',
      start: async () => undefined,
      stop: () => new Promise(() => undefined),
      notReady: () => undefined,
    };
    const made = new Container({ parts: [never], healthPort: 0, clock, log, exit: () => undefined });
    await made.start();
    const ended = made.stop();
    await clock.advance(40_000);
    expect(await ended).toBe(1);
    expect(log.messages('error')).toEqual(['the container did not end in order']);
  });

  test('a handler that takes longer than its limit ends the process, one that fails does not', async () => {
    const clock = new FakeClock();
    const log = new RecordingLog();
    const codes: number[] = [];
    const deps = { clock, log, exit: (code: number) => void codes.push(code) };
    const failing = limited('totals', 20_000, deps, async () => {
      throw new Error('no');
    });
    await expect(failing()).rejects.toThrow('no');
    expect(codes).toEqual([]);
    const hanging = limited('totals', 20_000, deps, () => new Promise<never>(() => undefined))();
    const outcome = expect(hanging).rejects.toThrow('totals took longer than 20000 ms.');
    await clock.advance(21_000);
    await outcome;
    expect(codes).toEqual([1]);
    expect(log.messages('error')).toEqual(['a handler took too long; the container ends']);
  });
});
