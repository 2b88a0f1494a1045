// The router in its runtime, beside a collector that takes telemetry and never answers: streams, clients that leave, cells that fail, a map that is lost, and devices with certificates.
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import * as x509 from '@peculiar/x509';
import { ROUTER_LIMITS } from '../../../core/edge/router/router-limits.ts';
import { DevelopmentCa, type IssuedCertificate } from '../../../hosts/edge/certificates.ts';
import { eventually } from '../../support/eventually.ts';
import { type RunningEdge, raw, runningEdge, statuses, tokenNow } from './support.ts';

/** A collector that never answers: what it was asked, and how many requests are open. */
const collector = { asked: [] as string[], open: 0, most: 0 };
const hanging = http.createServer((request) => {
  collector.asked.push(request.url ?? '');
  collector.open += 1;
  collector.most = Math.max(collector.most, collector.open);
  request.resume();
  request.socket.once('close', () => {
    collector.open -= 1;
  });
});

let edge: RunningEdge;
let ca: DevelopmentCa;
beforeAll(async () => {
  ca = await DevelopmentCa.create();
  const server = await ca.issueServer();
  hanging.listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  edge = await runningEdge({
    variables: {
      APP_DEVICE_CA: ca.certificate,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(hanging.address() as net.AddressInfo).port}`,
      OTEL_TRACES_SAMPLER_ARG: '1',
    },
    tls: { ...server, clientCa: ca.certificate },
  });
});
afterAll(async () => {
  await edge?.stop();
  hanging.closeAllConnections();
  hanging.close();
});

beforeEach(() => {
  for (const cell of [edge.a, edge.b]) {
    cell.heard.length = 0;
    cell.behave = cell.usual;
  }
});

const text = async (response: Promise<Response>) => {
  const { status, headers, ...rest } = await response.then(async (each) => ({
    status: each.status,
    headers: each.headers,
    body: await each.text(),
  }));
  return headers.get('content-type') === 'application/problem+json'
    ? `${status} ${JSON.parse(rest.body).code}`
    : `${status} ${rest.body}`;
};

test('a collector that hangs is asked, and holds up no answer', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => text(edge.call('/v1/devices'))));
  expect(answers).toEqual(Array.from({ length: 20 }, () => '200 a'));
  await eventually(async () => expect(collector.asked).toContain('/v1/traces'));
  // Of requests two exports at once, each of spans and perhaps of metrics; of the monitor as many.
  expect(collector.most).toBeLessThanOrEqual(8);
});

test('an answer is streamed as it comes', async () => {
  let rest: (() => void) | undefined;
  edge.a.behave = (_request, response) => {
    response.writeHead(207, { 'content-type': 'text/plain', 'x-any': 'thing' });
    response.write('first ');
    rest = () => response.end('last');
  };
  const response = await edge.call('/v1/devices');
  expect([response.status, response.headers.get('x-any')]).toEqual([207, 'thing']);
  const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader.read()).value).toBe('first ');
  rest?.();
  expect((await reader.read()).value).toBe('last');
});

test('a body without a declared length is streamed once it is too large to buffer', async () => {
  const first = 'x'.repeat(ROUTER_LIMITS.bufferedBody + 1);
  const chunks: string[] = [];
  edge.a.behave = (request, response) => {
    request.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    request.on('end', () => response.end('done'));
  };
  const { hostname, port } = new URL(edge.host.url);
  const request = http.request({
    hostname,
    port,
    method: 'POST',
    path: '/v1/events',
    headers: { authorization: `Bearer ${tokenNow()}` },
  });
  const answered = once(request, 'response');
  request.write(first);
  await eventually(async () => expect(chunks.join('')).toBe(first));
  request.end('last');
  const [response] = (await answered) as [http.IncomingMessage];
  response.resume();
  expect([response.statusCode, chunks.join('')]).toEqual([200, `${first}last`]);
});

test('a client that breaks its connection ends the request to the cell', async () => {
  // So long that the end cannot be that of its time.
  const patient = await runningEdge({ variables: { APP_FORWARD_TIMEOUT_MS: '60000' } });
  try {
    let ended = false;
    let arrived = false;
    patient.a.behave = (_request, response) => {
      arrived = true;
      response.on('close', () => {
        ended = true;
      });
    };
    const { hostname, port } = new URL(patient.host.url);
    const socket = net.connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.write(`GET /v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokenNow()}\r\n\r\n`);
    await eventually(async () => expect(arrived).toBe(true));
    socket.resetAndDestroy();
    await eventually(async () => expect(ended).toBe(true));
  } finally {
    await patient.stop();
  }
});

test('nothing of an answer is kept between the edge and the cell, whatever its name looks like', async () => {
  edge.a.behave = (request, response) => {
    response.setHeader('cache-control', 'public, max-age=3600');
    response.end(`${request.headers['cache-control']}`);
  };
  expect(await text(edge.call('/v1/devices/app.js'))).toBe('200 no-cache');
});

test('a redirection is the client’s, and takes the route token nowhere', async () => {
  edge.a.behave = (_request, response) => response.writeHead(302, { location: `${edge.b.url}/elsewhere` }).end();
  const response = await edge.call('/v1/devices', { redirect: 'manual' });
  expect([response.status, response.headers.get('location')]).toEqual([302, `${edge.b.url}/elsewhere`]);
  expect(edge.b.heard).toEqual([]);
});

test.each([
  ['Processing', 'HTTP/1.1 102 Processing\r\n\r\n'],
  ['early hints', 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'],
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
  ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ['something else than HTTP', 'hello\r\n\r\n'],
  ['headers without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(300_000)}\r\n\r\n`],
])('%s is no answer of a cell, and what follows it reaches no client', async (_name, bytes) => {
  edge.a.behave = (_request, response) =>
    response.socket?.end(`${bytes}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
  const request = `GET /v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokenNow()}\r\n\r\n`;
  const answer = await raw(edge.host.url, request);
  expect(statuses(answer)).toEqual([503]);
  expect(answer).toContain('"code":"cell_unavailable"');
});

test('a cell that does not answer in time is answered for', async () => {
  edge.a.behave = () => undefined;
  const response = edge.call('/v1/devices');
  expect((await response).headers.get('retry-after')).toBe('2');
  expect(await text(response)).toBe('503 cell_unavailable');
});

test('without read cache and directory, known tenants are served and unknown ones get a retryable error', async () => {
  await edge.call('/v1/devices');
  await edge.host.setFaults({ routeCache: 'refused', objects: { DIRECTORY: 'refused' } });
  try {
    for (let index = 0; index < 20; index += 1) expect(await text(edge.call('/v1/devices'))).toBe('200 a');
    const stranger = { headers: { authorization: `Bearer ${tokenNow({ tenant: 'stranger' })}` } };
    expect(await text(edge.call('/v1/devices', stranger))).toBe('503 directory_unavailable');
  } finally {
    await edge.host.setFaults({});
  }
});

/** A request over HTTPS, perhaps with a certificate. */
async function overTls(device: IssuedCertificate | undefined, headers: http.OutgoingHttpHeaders = {}): Promise<string> {
  const { hostname, port } = new URL(edge.host.tlsUrl ?? '');
  const request = https.request({
    hostname,
    port,
    path: '/v1/devices',
    ca: ca.certificate,
    servername: 'localhost',
    agent: false,
    headers,
    ...(device && { cert: device.certificate, key: device.key }),
  });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  return `${response.statusCode} ${body.startsWith('{') ? JSON.parse(body).code : body}`;
}

test('only a certificate of our authority identifies a device and its tenant', async () => {
  expect(await overTls(await ca.issueDevice('globex', 'pump:1'))).toBe('200 b');
  expect(await overTls(undefined)).toBe('401 missing_credential');
  const others = await DevelopmentCa.create();
  expect(await overTls(await others.issueDevice('globex', 'pump:1'))).toBe('401 invalid_credential');
  const device = await ca.issueDevice('globex', 'pump:1');
  expect(await overTls(device, { authorization: `Bearer ${tokenNow()}` })).toBe('401 invalid_credential');
  expect(await overTls(device, { 'x-tenant-id': 'acme' })).toBe('403 tenant_mismatch');
  const der = device.certificate.replace(/-----[A-Z ]+-----|\s/g, '');
  expect(await overTls(undefined, { 'cf-client-cert-der-base64': der })).toBe('401 missing_credential');
});

/** A certificate under our authority's name with a signature of another key, perhaps with other bytes in the signature's place. */
async function forged(algorithm: { readonly name: string }, signature?: string): Promise<IssuedCertificate> {
  const keys = (each: object) =>
    webcrypto.subtle.generateKey(each as typeof P256, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
  const [theirs, own] = [await keys(algorithm), await keys(P256)];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: '1a2b3c',
    subject: 'CN=pump:1',
    issuer: new x509.X509Certificate(ca.certificate).subject,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 60_000),
    signingAlgorithm: algorithm as never,
    publicKey: own.publicKey as never,
    signingKey: theirs.privateKey as never,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: 'polycell://globex/devices/pump' }])],
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', own.privateKey), 'PRIVATE KEY');
  if (signature === undefined) return { certificate: certificate.toString('pem'), key };
  const bits = Buffer.from(`00${signature}`, 'hex');
  const der = Buffer.from(certificate.rawData);
  // What is signed and the name of the algorithm stay as they are.
  const behind = (at: number) =>
    der[at + 1] === 0x82
      ? at + 4 + der.readUInt16BE(at + 2)
      : at + 2 + (der[at + 1] === 0x81 ? 1 + der.readUInt8(at + 2) : der.readUInt8(at + 1));
  const content = Buffer.concat([der.subarray(4, behind(behind(4))), Buffer.from([3, bits.length]), bits]);
  const head = Buffer.from([0x30, 0x82, content.length >> 8, content.length & 0xff]);
  return { certificate: x509.PemConverter.encode(Buffer.concat([head, content]), 'CERTIFICATE'), key };
}
const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

test.each([
  ['of another kind than our authority makes', { name: 'Ed25519' }, undefined],
  ['of another key', P256, undefined],
  ['of two zeros', P256, '3006020100020100'],
  ['of two numbers beyond the curve', P256, `3046${`022100${'ff'.repeat(32)}`.repeat(2)}`],
  ['of one number', P256, '3003020101'],
  ['of nothing', P256, ''],
])('a signature %s is refused, whatever the certificate names', async (_name, algorithm, signature) => {
  expect(await overTls(await forged(algorithm, signature))).toBe('401 invalid_credential');
});

test('after a failover, events reach the other cell before the router is notified (last: it removes the cell)', async () => {
  await edge.call('/v1/devices');
  await edge.a.close();
  await edge.control('POST', 'failovers', { cell: 'a' });
  const post = { method: 'POST', body: '{"id":1}' };
  // The directory is asked about a cell four times a second at most, and the request before may have done so.
  await eventually(async () => expect(await text(edge.call('/v1/events', post))).toBe('200 b'));
  expect(edge.b.heard.map(({ method, url, body }) => [method, url, body])).toEqual([
    ['POST', '/v1/events', '{"id":1}'],
  ]);
});
