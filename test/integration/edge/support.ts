// The edge's bundle in its host, with an issuer and cells that are plain HTTP servers of the test.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { buildBundles, root } from '../../../build/bundles.mjs';
import { EdgeHost, type EdgeHostOptions } from '../../../hosts/edge/edge-host.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { EDGE_KEY } from '../../support/route-tokens.ts';
import { ISSUER, KEY_SET, tenantToken } from '../../support/tenant-tokens.ts';

export interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

type Behaviour = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** A cell that answers with its name by default. */
export async function cellServer(name: string) {
  const heard: Heard[] = [];
  const usual: Behaviour = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = request;
      // The monitor asks without a token.
      if (headers['x-polycell-route'] !== undefined)
        heard.push({ method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString() });
      response.end(name);
    });
  };
  const cell = { heard, usual, behave: usual };
  const server = http.createServer((request, response) => {
    response.setHeader('x-polycell-cell', name);
    // The monitor asks at any time, and what a test has its cell do is for the requests of the test.
    if (request.headers['x-polycell-route'] === undefined) usual(request, response);
    else cell.behave(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(cell, {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** Long enough for a test's cells, short enough for a test that waits for it. */
const FORWARD_MS = 3000;

const exp = () => Math.floor(Date.now() / 1000) + 3600;

/** A token that is valid now; tests in other processes cannot stop the clock. */
export const tokenNow = (claims: Readonly<Record<string, unknown>> = {}): string =>
  tenantToken({ claims: { nbf: undefined, exp: exp(), ...claims } });

/** The edge with the cells a and b, and the tenants acme (home a, standby b) and globex (home b). */
export async function runningEdge(more: Partial<EdgeHostOptions> = {}) {
  await buildBundles({ only: ['edge/http'] });
  const issuer = http.createServer((_request, response) => response.end(JSON.stringify(KEY_SET)));
  issuer.listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  const [a, b] = [await cellServer('a'), await cellServer('b')];
  const plenty = { perSecond: 1e6, burst: 1e6 };
  const { variables, ...others } = more;
  const host = new EdgeHost({
    bundle: path.join(root, 'dist/edge/http/index.mjs'),
    variables: {
      APP_VERSION: '1.2.3',
      APP_ROUTE_KEY: JSON.stringify(EDGE_KEY),
      APP_ISSUER: ISSUER,
      APP_JWKS_URL: `http://127.0.0.1:${(issuer.address() as net.AddressInfo).port}/keys`,
      APP_OPERATORS: '{}',
      APP_DEVICE_CA: 'none',
      APP_QUOTAS: JSON.stringify({ standard: plenty, premium: plenty }),
      APP_CONSOLE: '{}',
      APP_CROSS_ORIGIN: '{}',
      APP_FORWARD_TIMEOUT_MS: String(FORWARD_MS),
      APP_MONITOR: '{}',
      // These cells have no keys.
      APP_TRUST: '{"proofs":"optional"}',
      ...variables,
    },
    ...others,
  });
  await host.start();

  const control = async (method: string, target: string, body: object): Promise<void> => {
    const token = tokenNow({
      aud: 'polycell-control',
      sub: 'ann',
      scope: 'control.read control.write control.endpoints',
    });
    const response = await fetch(`${host.url}/control/v1/${target}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'a test', ...body }),
    });
    if (response.status !== 200) throw new Error(`${method} ${target}: ${response.status} ${await response.text()}`);
  };
  for (const [id, { url }] of Object.entries({ a, b }))
    await control('PUT', `cells/${id}`, {
      cloud: 'aws',
      region: `region-of-${id}`,
      jurisdiction: 'eu',
      endpoint: url,
      capacity: 100,
      price: 1,
      failover: 'never',
    });
  for (const [id, cell, standby] of [
    ['acme', 'a', 'b'],
    ['globex', 'b', null],
  ])
    await control('PUT', `tenants/${id}`, { residency: 'eu', tier: 'standard', cell, standby });

  return {
    host,
    a,
    b,
    control,
    /** A request of acme, unless the headers say otherwise. */
    call: (target: string, init: RequestInit = {}): Promise<Response> =>
      fetch(host.url + target, {
        ...init,
        headers: { authorization: `Bearer ${tokenNow()}`, ...(init.headers as Record<string, string>) },
      }),
    stop: async () => {
      await host.stop();
      await Promise.all([a.close(), b.close(), new Promise((resolve) => issuer.close(resolve))]);
    },
  };
}

export type RunningEdge = Awaited<ReturnType<typeof runningEdge>>;

/**
 * Sends bytes over a socket of its own, perhaps as the last ones, and resolves with all that comes back until the edge closes it, or
 * is silent after so many answers.
 */
export async function raw(url: string, bytes: string, then: 'listen' | 'end' = 'listen', answers = 1): Promise<string> {
  const { port, hostname } = new URL(url);
  const socket = net.connect({ port: Number(port), host: hostname, allowHalfOpen: then === 'end' });
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
    if (statuses(answer).length >= answers) socket.setTimeout(SILENCE_MS);
  });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (then === 'end') socket.end(bytes, 'latin1');
  else socket.write(bytes, 'latin1');
  // Not with `once`: an edge that does not read on resets the connection, which is the error that comes after its answer.
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  await ended;
  return answer;
}

/** The runtime leaves connections open; one that has been silent for so long after an answer has no other one to give. */
const SILENCE_MS = 300;

/** The statuses of the answers in what came back. */
export const statuses = (answer: string): number[] =>
  [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
