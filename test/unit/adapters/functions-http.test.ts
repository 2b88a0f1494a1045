// The Functions trigger's bridge: a body that is refused does not stay on the connection that the host keeps to the app.
import { gzipSync } from 'node:zlib';
import type { HttpRequest } from '@azure/functions';
import { BODY_LIMITS, functionsHttp } from '../../../adapters/azure/functions-http.ts';
import { refusalResponse } from '../../../core/api/refusal.ts';
import { readCandidates } from '../../../core/http/body.ts';
import hostJson from '../../../functions-azure/host.json' with { type: 'json' };
import { FakeClock, settle } from '../../support/fake-clock.ts';

const CHUNK = 16 * 1024;

const clock = new FakeClock();

/** The API, as far as bodies go. */
const handle = functionsHttp(async (request) => {
  try {
    return Response.json(await readCandidates(request));
  } catch (error) {
    return refusalResponse(error as Parameters<typeof refusalResponse>[0]);
  }
}, clock);

/** A request whose body comes in chunks, and how much of it has not been read. */
function sent(body: Uint8Array, headers: Readonly<Record<string, string>>) {
  let from = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (from >= body.length) {
          controller.close();
          return;
        }
        controller.enqueue(body.subarray(from, from + CHUNK));
        from += CHUNK;
      },
    },
    { highWaterMark: 0 },
  );
  const request = new Request('https://cell/v1/events', { method: 'POST', headers, body: stream, duplex: 'half' });
  return { request: request as unknown as HttpRequest, left: () => Math.max(0, body.length - from) };
}

const structured = { 'content-type': 'application/cloudevents+json' };
const large = new Uint8Array(900_000).fill(0x20);

test.each<[string, Uint8Array, Readonly<Record<string, string>>, number]>([
  ['of another type', large, { 'content-type': 'text/plain' }, 415],
  ['of an unknown coding', large, { ...structured, 'content-encoding': 'br' }, 415],
  ['that is not its coding', large, { ...structured, 'content-encoding': 'gzip' }, 400],
  [
    'that inflates beyond the limit',
    gzipSync(Buffer.alloc(100_000_000)),
    { ...structured, 'content-encoding': 'gzip' },
    413,
  ],
  ['that is too large', new Uint8Array(9_000_000), structured, 413],
  ['that is no JSON', large, structured, 400],
])('a body %s is refused, and read to its end', async (_, body, headers, status) => {
  const { request, left } = sent(body, headers);
  expect(await handle(request)).toMatchObject({ status });
  expect(left()).toBe(0);
});

test('a client that goes away in the middle of a refused body harms nothing', async () => {
  const body = new ReadableStream(
    { pull: (controller) => controller.error(new Error('aborted')) },
    { highWaterMark: 0 },
  );
  const headers = { 'content-type': 'text/plain' };
  const request = new Request('https://cell/v1/events', { method: 'POST', headers, body, duplex: 'half' });
  expect(await handle(request as unknown as HttpRequest)).toMatchObject({ status: 415 });
});

test.each<[string, Readonly<Record<string, string>>, number, number]>([
  ['that is refused', { 'content-type': 'text/plain' }, 415, BODY_LIMITS.restWithinMs],
  ['that is taken', structured, 400, BODY_LIMITS.withinMs],
])(
  'a client that stops in the middle of a body %s is answered long before its invocation would end the process',
  async (_, headers, status, withinMs) => {
    let answered = false;
    // Two chunks come, late but in time, and no third.
    let chunks = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          chunks += 1;
          if (chunks === 3) return new Promise(() => undefined);
          await clock.sleep(withinMs / 4);
          controller.enqueue(new Uint8Array(10));
        },
      },
      { highWaterMark: 0 },
    );
    const request = new Request('https://cell/v1/events', { method: 'POST', headers, body, duplex: 'half' });
    const answer = handle(request as unknown as HttpRequest).finally(() => {
      answered = true;
    });
    await clock.advance(withinMs - BODY_LIMITS.lookEveryMs);
    expect([answered, chunks]).toEqual([false, 3]);
    await clock.advance(2 * BODY_LIMITS.lookEveryMs);
    expect(await answer).toMatchObject({ status });
    const [hours = 0, minutes = 0, seconds = 0] = hostJson.functionTimeout.split(':').map(Number);
    expect(2 * BODY_LIMITS.withinMs).toBeLessThan(1000 * (3600 * hours + 60 * minutes + seconds));
  },
);

test('no timer runs on for bodies that have come', async () => {
  await handle(sent(large, structured).request);
  await clock.advance(2 * BODY_LIMITS.lookEveryMs);
  const before = clock.slept.length;
  await clock.advance(10 * BODY_LIMITS.lookEveryMs);
  await settle();
  expect(clock.slept).toHaveLength(before);
});
