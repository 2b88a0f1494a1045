// The edge's host: a Worker runs in it as on Cloudflare, what it depends on can be broken, and nothing of it stays behind.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isAlive } from '../../../processes/alive.ts';
import { EdgeHost, type EdgeLogLine, NoWorkerd, workerdBinary } from '../../edge-host.ts';
import { call, eventually, FIXTURE, startHost, stopAll } from './support.ts';

afterEach(stopAll);

describe('what the Worker finds', () => {
  it('its variables and bindings, whatever characters are in them', async () => {
    const host = await startHost({ variables: { GREETING: 'hä "\\x"\nline' } });
    expect(await call(host, 'environment')).toEqual({
      status: 200,
      body: { greeting: 'hä "\\x"\nline', names: ['DIRECTORY', 'GREETING', 'MONITOR', 'MOVER', 'ROUTES'] },
    });
  });

  it('a Durable Object with SQLite, its alarm, and KV with metadata', async () => {
    const host = await startHost();
    expect((await call(host, 'increment')).body).toEqual({ value: 1 });
    expect((await call(host, 'increment')).body).toEqual({ value: 2 });
    expect((await call(host, 'put', { method: 'PUT', body: 'välue' })).body).toMatchObject({
      keys: [{ name: 'key one', metadata: { revision: 7 } }],
      list_complete: true,
    });
    expect((await call(host, 'get')).body).toMatchObject({ value: 'välue', metadata: { revision: 7 } });
    await call(host, 'wake');
    await eventually(async () => expect((await call(host, 'woken')).body).toBe('yes'));
  });

  it('requests without what only the platform may say', async () => {
    const host = await startHost();
    const { body } = await call(host, 'request?a=1', {
      method: 'POST',
      body: 'text',
      headers: {
        'cf-client-cert-der-base64': 'forged',
        'CF-Connecting-IP': '1.2.3.4',
        'mf-original-url': 'http://elsewhere/',
        'x-forwarded-proto': 'https',
        'x-mine': 'kept',
      },
    });
    expect(body).toMatchObject({ url: `${host.url}/request?a=1`, method: 'POST', body: 'text' });
    expect(body.headers).toMatchObject({
      'cf-connecting-ip': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-mine': 'kept',
    });
    expect(body.headers).not.toHaveProperty('cf-client-cert-der-base64');
    expect(body.headers).not.toHaveProperty('mf-original-url');
    expect(body.cf).not.toHaveProperty('tlsClientAuth');
  });

  it('a console', async () => {
    const lines: EdgeLogLine[] = [];
    const host = await startHost({ log: (line) => lines.push(line) });
    await call(host, 'say');
    await eventually(async () => expect(lines).toContainEqual({ level: 'warn', message: 'something is odd' }));
  });
});

describe('what it stores', () => {
  it('is there again after a restart with the same folder', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'polycell-edge-test-'));
    try {
      const first = await startHost({ dataDir });
      await call(first, 'increment');
      await call(first, 'put', { method: 'PUT', body: 'kept' });
      await first.stop();
      const second = await startHost({ dataDir });
      expect((await call(second, 'increment')).body).toEqual({ value: 2 });
      expect((await call(second, 'get')).body).toMatchObject({ value: 'kept' });
    } finally {
      await stopAll();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('is gone without a folder', async () => {
    const first = await startHost();
    await call(first, 'increment');
    await first.stop();
    expect((await call(await startHost(), 'increment')).body).toEqual({ value: 1 });
  });
});

describe('what can be broken', () => {
  it('the connection to KV and to an object, until the fault ends', async () => {
    const host = await startHost();
    await call(host, 'increment');
    await host.setFaults({ routeCache: 'refused', objects: { DIRECTORY: 'refused' } });
    expect(await call(host, 'get')).toEqual({ status: 503, body: { error: 'KV GET failed: 503 Service Unavailable' } });
    expect(await call(host, 'increment')).toEqual({
      status: 503,
      body: { error: 'Network connection lost.', retryable: true },
    });
    await host.setFaults({});
    expect((await call(host, 'increment')).body).toEqual({ value: 2 });
    expect((await call(host, 'get')).status).toBe(200);
  });

  it('the way to one origin, for the edge alone: refused, silent or slow', async () => {
    const host = await startHost();
    const other = await startHost();
    const target = `call?url=${encodeURIComponent(`${other.url}/nothing`)}`;
    expect((await call(host, target)).status).toBe(404);
    await host.setFaults({ origins: { [other.url]: 'refused' } });
    expect(await call(host, target)).toEqual({ status: 502, body: { error: 'Error' } });
    expect((await call(other, 'nothing')).status).toBe(404);
    await host.setFaults({ origins: { [other.url]: 'silent' } });
    expect(await call(host, target)).toEqual({ status: 502, body: { error: 'TimeoutError' } });
    await host.setFaults({ origins: { [other.url]: { delayMs: 200 } } });
    const began = performance.now();
    expect((await call(host, target)).status).toBe(404);
    expect(performance.now() - began).toBeGreaterThan(190);
  });
});

describe('the plain port', () => {
  /** Sends bytes and resolves with what has come back once it matches. */
  const talk = async (host: EdgeHost) => {
    const socket = net.connect(Number(new URL(host.url).port), '127.0.0.1');
    let heard = '';
    socket.on('data', (chunk) => {
      heard += String(chunk);
    });
    await once(socket, 'connect');
    return {
      send: (text: string) => socket.write(text),
      until: (pattern: RegExp) => eventually(async () => expect(heard).toMatch(pattern)),
      end: () => socket.destroy(),
    };
  };
  const head = (more: string) => `POST /request HTTP/1.1\r\nhost: edge\r\ncontent-length: 4\r\n${more}\r\n`;

  it('meets an expectation, for each request of a connection, also when its head comes in pieces', async () => {
    const client = await talk(await startHost());
    const [start = '', rest = ''] = head('Expect: 100-Continue\r\n').split('Exp');
    client.send(start);
    client.send(`Exp${rest}`);
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    client.send('text');
    await client.until(/"body":"text"/);
    client.send(head('expect: 100-continue\r\n'));
    await client.until(/"body":"text"[\s\S]*HTTP\/1\.1 100 Continue\r\n\r\n$/);
    client.send('next');
    await client.until(/"body":"next"/);
    client.end();
  });

  it('takes no other header, and no body, for an expectation', async () => {
    const client = await talk(await startHost());
    client.send(`${head('x-expect: 100-continue\r\n')}text`);
    await client.until(/^HTTP\/1\.1 200 OK[\s\S]*"body":"text"/);
    client.end();
  });
});

describe('its process', () => {
  it('says which port is taken', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await expect(startHost({ port })).rejects.toThrow(
      `Port ${port} is in use: choose another one for the edge, or stop the program that listens on it.`,
    );
    server.close();
  });

  it('says which bundle is missing', async () => {
    const bundle = path.join(path.dirname(FIXTURE), 'absent.mjs');
    await expect(startHost({ bundle })).rejects.toThrow(`There is no bundle at ${bundle}.`);
  });

  it('says what is wrong with a bundle', async () => {
    const bundle = path.join(path.dirname(FIXTURE), 'broken.mjs');
    await expect(startHost({ bundle })).rejects.toThrow(/^The edge did not start: .*this bundle is broken/);
  });

  it('reports an unexpected end, and not a stop', async () => {
    const reasons: string[] = [];
    const lines: EdgeLogLine[] = [];
    const host = await startHost({
      onUnexpectedExit: (reason) => reasons.push(reason),
      log: (line) => lines.push(line),
    });
    // The Worker's own lines are not the reason.
    await call(host, 'say');
    await eventually(async () => expect(lines).not.toEqual([]));
    process.kill(host.pid ?? 0, 'SIGKILL');
    await eventually(async () => expect(reasons).toEqual(['exit status SIGKILL']));
    const stopped = await startHost({ onUnexpectedExit: (reason) => reasons.push(reason) });
    await stopped.stop();
    expect(isAlive(stopped.pid ?? 0)).toBe(false);
    expect(reasons).toHaveLength(1);
  });

  it('is refused in one sentence where there is no workerd', () => {
    expect(() => workerdBinary('sunos', 'sparc')).toThrow(NoWorkerd);
    expect(() => workerdBinary('sunos', 'sparc')).toThrow(/^There is no workerd for sunos-sparc/);
    expect(execFileSync(workerdBinary(), ['--version'], { encoding: 'utf8' })).toMatch(/^workerd /);
  });

  it('can be stopped before it was started', async () => {
    await expect(new EdgeHost({ bundle: FIXTURE }).stop()).resolves.toBeUndefined();
  });
});
