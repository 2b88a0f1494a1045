// HTTPS in front of the edge: what the Worker learns of a client's certificate, and that no other client can forge it.
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { DevelopmentCa } from '../../certificates.ts';
import type { EdgeHost } from '../../edge-host.ts';
import { call, callTls, startHost, stopAll } from './support.ts';

let ca: DevelopmentCa;
let host: EdgeHost;

beforeAll(async () => {
  ca = await DevelopmentCa.create();
  const { certificate, key } = await ca.issueServer();
  host = await startHost({ tls: { certificate, key, clientCa: ca.certificate } });
});
afterAll(stopAll);

const clientOf = async (authority: DevelopmentCa, device: string) => {
  const { certificate: cert, key } = await authority.issueDevice('acme', device);
  return { cert, key, ca: ca.certificate };
};

it('vouches for a certificate of the authority', async () => {
  const client = await clientOf(ca, 'pump 1 ü');
  const { status, body } = await callTls(host, 'request', { ...client, body: 'text' });
  const { raw, subjectAltName } = new X509Certificate(client.cert);
  expect(status).toBe(200);
  expect(body).toMatchObject({ url: `${host.tlsUrl}/request`, method: 'POST', body: 'text' });
  expect(body.headers['cf-client-cert-der-base64']).toBe(raw.toString('base64'));
  expect(body.headers['x-forwarded-proto']).toBe('https');
  expect(body.cf.tlsClientAuth).toMatchObject({
    certPresented: '1',
    certVerified: 'SUCCESS',
    certRevoked: '0',
    certIssuerDN: 'CN=Polycell development',
    certFingerprintSHA256: createHash('sha256').update(raw).digest('hex'),
  });
  expect(subjectAltName).toBe('URI:polycell://acme/devices/pump%201%20%C3%BC');
});

it('says so when there is none, and passes on none that a header claims', async () => {
  const { body } = await callTls(host, 'request', {
    ca: ca.certificate,
    headers: { 'cf-client-cert-der-base64': 'forged' },
  });
  expect(body.cf.tlsClientAuth).toMatchObject({ certPresented: '0', certVerified: 'NONE', certFingerprintSHA256: '' });
  expect(body.headers).not.toHaveProperty('cf-client-cert-der-base64');
});

it('passes on the certificate of a stranger as not verified', async () => {
  const stranger = await DevelopmentCa.create('Somebody else');
  const { body } = await callTls(host, 'request', await clientOf(stranger, 'pump-1'));
  expect(body.cf.tlsClientAuth.certPresented).toBe('1');
  expect(body.cf.tlsClientAuth.certVerified).toMatch(/^FAILED:/);
});

it('keeps repeated headers and drops those of the connection', async () => {
  const { body } = await callTls(host, 'request', {
    ca: ca.certificate,
    headers: { 'x-many': ['one', 'two'], connection: 'close, x-private', 'x-private': 'mine', te: 'trailers' },
  });
  expect(body.headers['x-many']).toBe('one, two');
  expect(body.headers).not.toHaveProperty('x-private');
  expect(body.headers).not.toHaveProperty('te');
});

it('meets an expectation itself and hands the body on', async () => {
  const request = https.request(`${host.tlsUrl}/request`, {
    method: 'POST',
    agent: false,
    ca: ca.certificate,
    headers: { expect: '100-continue', 'content-length': 4 },
  });
  // The body is held back until the edge asks for it.
  request.flushHeaders();
  await once(request, 'continue');
  request.end('text');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const body = JSON.parse((await response.toArray()).join(''));
  expect([response.statusCode, body.body, body.headers.expect]).toEqual([200, 'text', undefined]);
});

it('passes on bodies of any size without keeping them', async () => {
  const text = 'ä'.repeat(3_000_000);
  const { body } = await callTls(host, 'request', { ca: ca.certificate, body: text });
  expect(body.body.length).toBe(text.length);
});

it('accepts no forged certificate headers on the public port', async () => {
  const { body } = await call(host, 'request', {
    headers: { cf: '{}', 'x-vouched': '{"tls":"TLSv1.3","certificate":{"der":"x","fields":{"certPresented":"1"}}}' },
  });
  expect(body.cf).not.toHaveProperty('tlsClientAuth');
});

it('takes up an authority that was made before', async () => {
  const same = await DevelopmentCa.load(ca);
  const { body } = await callTls(host, 'request', await clientOf(same, 'pump-2'));
  expect(body.cf.tlsClientAuth.certVerified).toBe('SUCCESS');
});
