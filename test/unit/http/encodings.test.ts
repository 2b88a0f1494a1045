// Compressed bodies: taken within the limits after inflating, refused by name otherwise.
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { INGEST_LIMITS } from '../../../core/pipeline/ingest.ts';
import { refusal, testCell } from '../../support/cell.ts';
import { candidate } from '../../support/events.ts';

const TYPE = 'application/cloudevents+json';
const EVENT = Buffer.from(JSON.stringify(candidate()));

const send = (coding: string, body: Uint8Array, headers: Readonly<Record<string, string>> = {}) =>
  testCell().call('/v1/events', {
    method: 'POST',
    headers: { 'content-type': TYPE, 'content-encoding': coding, ...headers },
    body,
  });

test.each([
  ['gzip', gzipSync(EVENT)],
  ['GZIP', gzipSync(EVENT)],
  ['x-gzip', gzipSync(EVENT)],
  ['deflate', deflateSync(EVENT)],
  ['identity', EVENT],
  ['identity, gzip', gzipSync(EVENT)],
  [' ', EVENT],
])('%s is taken', async (coding, body) => {
  expect(await send(coding, body)).toMatchObject({ status: 202, body: { accepted: 1 } });
});

test.each(['br', 'zstd', 'compress', 'gzip, gzip', 'deflate, gzip', 'gzip;q=1', 'x'])(
  '%s is refused with what would be taken',
  async (coding) => {
    const answer = await send(coding, EVENT);
    expect(refusal(answer)).toBe('415 unsupported_encoding');
    expect(answer.headers.get('accept-encoding')).toBe('gzip, deflate');
  },
);

test.each([
  ['gzip', EVENT],
  ['gzip', gzipSync(EVENT).subarray(0, 40)],
  ['gzip', gzipSync(EVENT).subarray(0, -1)],
  ['gzip', deflateSync(EVENT)],
  ['deflate', deflateRawSync(EVENT)],
  ['gzip', Buffer.concat([gzipSync(EVENT).subarray(0, 20), Buffer.alloc(30, 0xff)])],
])('what is no %s is the client’s fault', async (coding, body) => {
  expect(refusal(await send(coding, body))).toBe('400 invalid_body');
});

test('nothing is no event, compressed or not', async () => {
  expect(refusal(await send('gzip', gzipSync('')))).toBe('400 invalid_json');
  expect(refusal(await send('gzip', new Uint8Array()))).toBe('400 invalid_json');
});

const padded = (bytes: number) => Buffer.from(`${' '.repeat(bytes - EVENT.length)}${EVENT}`);

test('the limit counts after inflating: as large as it, and a byte more', async () => {
  expect(await send('gzip', gzipSync(padded(INGEST_LIMITS.requestBytes)))).toMatchObject({ status: 202 });
  expect(refusal(await send('gzip', gzipSync(padded(INGEST_LIMITS.requestBytes + 1))))).toBe('413 payload_too_large');
  expect(refusal(await send('deflate', deflateSync(padded(INGEST_LIMITS.requestBytes + 1))))).toBe(
    '413 payload_too_large',
  );
});

test('a bomb is left alone as soon as it is too large', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const before = process.memoryUsage().arrayBuffers;
  expect(refusal(await send('gzip', bomb))).toBe('413 payload_too_large');
  const inflated = process.memoryUsage().arrayBuffers - before;
  expect(inflated).toBeLessThan(32 * 1024 * 1024);
});

test('compressed bodies count as they are sent, too', async () => {
  const noise = Buffer.from(
    Array.from({ length: INGEST_LIMITS.requestBytes + 1 }, (_, index) => (index * 7919) & 0xff),
  );
  expect(refusal(await send('gzip', noise))).toBe('413 payload_too_large');
});

test('binary mode is compressed as the others are', async () => {
  const answer = await testCell().call('/v1/events', {
    method: 'POST',
    headers: {
      // As the edge hands it on.
      'content-type': 'application/octet-stream',
      'x-polycell-body-type': 'application/json',
      'content-encoding': 'gzip',
      'ce-specversion': '1.0',
      'ce-id': '"r-1"',
      'ce-source': 'urn:gateway:7',
      'ce-type': 'io.polycell.reading.v1',
      'ce-subject': 'pump-1',
      'ce-time': '2026-11-21T07:41:00Z',
    },
    body: gzipSync('{"metric":"t","value":1}'),
  });
  expect(answer).toMatchObject({ status: 202, body: { results: [{ id: 'r-1', status: 'accepted' }] } });
});
