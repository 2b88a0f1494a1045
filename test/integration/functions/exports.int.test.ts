// Exports over real connections: collectors that take, refuse, hang and go away, the stack's own receiver, and a function that Lambda stops.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fetchPost } from '../../../adapters/otlp/fetch-post.ts';
import { afterAnswer } from '../../../adapters/otlp/node-lambda.ts';
import { nodePost } from '../../../adapters/otlp/node-post.ts';
import { otlpTelemetry, type Post } from '../../../adapters/otlp/otlp-telemetry.ts';
import { systemClock as machine, randomIds } from '../../../adapters/system/system.ts';
import { buildBundles, outfileOf, root } from '../../../build/bundles.mjs';
import { LambdaHost } from '../../../hosts/lambda/lambda-host.ts';
import { TelemetryReceiver } from '../../../local/telemetry/receiver.ts';
import { eventually } from '../../support/eventually.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { RecordingLog } from '../../support/recording-log.ts';
import { CELL_KEY, EDGE_KEY, publicPart } from '../../support/route-tokens.ts';

/** Its pauses keep no process alive. */
const clock = { ...machine, sleep: (milliseconds: number) => delay(milliseconds, undefined, { ref: false }) };

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function listening(handle: RequestListener): Promise<string> {
  const server: Server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const CLIENTS: Readonly<Record<string, (endpoint: string) => Post>> = {
  'node:http': (endpoint) => nodePost({ endpoint, headers: { authorization: 'Basic abc' } }, clock),
  fetch: (endpoint) =>
    fetchPost({ endpoint, headers: { authorization: 'Basic abc' } }, (url, init) => fetch(url, init), clock),
};

describe.each(Object.entries(CLIENTS))('by %s', (_name, client) => {
  test('a collector that takes it gets the body whole, with its headers', async () => {
    const taken: unknown[] = [];
    const endpoint = await listening(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const { authorization, 'content-type': type } = request.headers;
      taken.push([request.method, request.url, authorization, type, Buffer.concat(chunks).toString()]);
      response.end('{}');
    });
    expect(await client(endpoint)('/v1/traces', '{"ü":1}', PATIENCE_MS)).toBe(true);
    expect(taken).toEqual([['POST', '/v1/traces', 'Basic abc', 'application/json', '{"ü":1}']]);
  });

  test.each([400, 429, 500])('one that answers %i has not taken it', async (status) => {
    const endpoint = await listening((_, response) => response.writeHead(status).end('no'));
    expect(await client(endpoint)('/v1/traces', '{}', PATIENCE_MS)).toBe(false);
  });

  test('nor has one that is not there, that breaks off, or that hangs', async () => {
    const gone = await listening(() => undefined);
    await closing.pop()?.();
    expect(await client(gone)('/v1/traces', '{}', PATIENCE_MS)).toBe(false);
    const broken = await listening((request) => request.socket.destroy());
    expect(await client(broken)('/v1/traces', '{}', PATIENCE_MS)).toBe(false);
    const open = new Set<unknown>();
    const hanging = await listening((request) => {
      open.add(request);
      request.socket.once('close', () => open.delete(request));
    });
    expect(await client(hanging)('/v1/traces', '{}', 200)).toBe(false);
    // It is hung up on.
    await eventually(async () => expect(open.size).toBe(0));
  });
});

test('the receiver keeps traces, forwards all, refuses what is nothing, and reports a collector that does not take it once', async () => {
  const forwarded: string[] = [];
  let isTaking = true;
  let losses = 0;
  const receiver = new TelemetryReceiver({
    forward: async (where) => {
      forwarded.push(where);
      return isTaking;
    },
    onLost: () => {
      losses += 1;
    },
  });
  const endpoint = await receiver.start();
  closing.push(() => receiver.stop());
  const post = nodePost({ endpoint, headers: {} }, clock);
  const deps = { post, share: 1, resource: { 'polycell.cell': 'alpha' }, clock, ids: randomIds };
  const telemetry = otlpTelemetry({ ...deps, timeoutMs: PATIENCE_MS, metricsEveryMs: 0 });
  telemetry.start('POST /v1/events', 'server').end({ 'polycell.event.ids': ['e'] });
  telemetry.add('counted', 1);
  await telemetry.flush();
  expect(receiver.way('e')).toMatchObject([{ name: 'POST /v1/events', cell: 'alpha', next: [] }]);
  expect(forwarded.sort()).toEqual(['/v1/metrics', '/v1/traces']);
  expect(await post('/v1/traces', '{"resourceSpans":1}', PATIENCE_MS)).toBe(false);
  expect(await post('/v1/traces', 'nonsense', PATIENCE_MS)).toBe(false);
  expect(await post('/v1/logs', '{}', PATIENCE_MS)).toBe(false);
  // Nor can a page in a browser make up traces.
  const headers = { origin: 'https://page.example' };
  expect((await fetch(`${endpoint}/v1/traces`, { method: 'POST', headers, body: '{"resourceSpans":[]}' })).status).toBe(
    403,
  );
  isTaking = false;
  for (let time = 0; time < 3; time += 1) await post('/v1/metrics', '{}', PATIENCE_MS);
  await eventually(async () => expect([forwarded.length, losses]).toEqual([5, 1]));
});

describe('a function behind HTTP on Lambda', () => {
  /** A function whose process is stopped between invocations, as on AWS; the route that it is asked for does not exist. */
  async function started(collector: string) {
    await buildBundles({ only: ['aws/http'] });
    const host = new LambdaHost({
      functionName: 'http',
      bundle: path.join(root, outfileOf({ name: 'aws/http', platform: 'aws' })),
      handler: 'handler',
      freeze: true,
      timeoutMs: PATIENCE_MS,
      initTimeoutMs: PATIENCE_MS,
      environment: {
        ...{ APP_CELL: 'alpha', APP_VERSION: '1', APP_EVENTS_TABLE: 'e', APP_STATE_TABLE: 's', APP_TOPIC_ARN: 'arn:x' },
        APP_ROUTE_KEYS: JSON.stringify([publicPart(EDGE_KEY)]),
        ...{ APP_ENDPOINTS: 'https://alpha.example', APP_ROUTE_AUDIENCE: 'required', APP_EDGE: 'none' },
        APP_IDENTITY_KEY: JSON.stringify(CELL_KEY),
        ...{ OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_TRACES_SAMPLER_ARG: '1' },
      },
    });
    closing.push(() => host.stop({ graceMs: 0 }));
    await host.start();
    return async () => {
      const requestContext = { http: { method: 'GET' } };
      const event = { rawPath: '/nowhere', rawQueryString: '', headers: {}, requestContext };
      const { payload } = await host.invoke(event);
      return (JSON.parse(payload) as { statusCode: number }).statusCode;
    };
  }

  test('exports after its answer, without another invocation', async () => {
    const taken: string[] = [];
    const ask = await started(
      await listening((request, response) => {
        taken.push(request.url ?? '');
        response.end('{}');
      }),
    );
    expect(await ask()).toBe(404);
    await eventually(async () => expect(taken).toEqual(['/v1/traces']));
    expect(await ask()).toBe(404);
    await eventually(async () => expect(taken).toEqual(['/v1/traces', '/v1/traces']));
  });

  test('answers while the collector hangs: what is open is one export', async () => {
    let asked = 0;
    const answers: (() => void)[] = [];
    const ask = await started(
      await listening((_, response) => {
        asked += 1;
        answers.push(() => response.end('{}'));
      }),
    );
    expect(await ask()).toBe(404);
    await eventually(async () => expect(asked).toBe(1));
    for (const answer of answers.splice(0)) answer();
    expect(await ask()).toBe(404);
    await eventually(async () => expect(asked).toBe(2));
  });
});

test('where no extension can register, telemetry is exported beside what comes next, and a line says so', async () => {
  const log = new RecordingLog();
  const runtimeApi = (await listening((_, response) => response.writeHead(403).end())).replace('http://', '');
  let flushes = 0;
  const flush = async () => {
    flushes += 1;
  };
  const handle = afterAnswer({ runtimeApi, flush, log }, async (event: number) => event + 1);
  await eventually(async () => expect(log.messages('warn').length).toBe(1));
  expect([await handle(1), flushes]).toEqual([2, 1]);
});
