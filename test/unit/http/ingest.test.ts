// POST /v1/events, to the letter: modes, answers, limits and what the store's faults leave behind.

import { refusal, testCell } from '../../support/cell.ts';
import { candidate, measured, without } from '../../support/events.ts';
import { mint } from '../../support/route-tokens.ts';

const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';

const send = (contentType: string | null, body: unknown, headers: Record<string, string> = {}) =>
  testCell().call('/v1/events', {
    method: 'POST',
    headers: { ...(contentType !== null && { 'content-type': contentType }), ...headers },
    body,
  });

const result = (id: string, status: string) => ({ id, source: 'urn:gateway:7', status });

describe('modes', () => {
  test.each([STRUCTURED, `${STRUCTURED}; charset=utf-8`, `${STRUCTURED.toUpperCase()};charset="UTF-8"`])(
    'structured: %s',
    async (contentType) => {
      const { status, headers, body } = await send(contentType, candidate());
      expect(status).toBe(202);
      expect(headers.get('content-type')).toBe('application/json');
      expect(body).toEqual({ accepted: 1, duplicates: 0, rejected: 0, results: [result('r-1', 'accepted')] });
    },
  );

  test('batch', async () => {
    const { status, body } = await send(BATCH, [candidate(), candidate({ id: 'r-2' })]);
    expect(status).toBe(202);
    expect(body).toEqual({
      accepted: 2,
      duplicates: 0,
      rejected: 0,
      results: [result('r-1', 'accepted'), result('r-2', 'accepted')],
    });
  });

  const binary = {
    'ce-specversion': '1.0',
    'ce-id': 'r-1',
    'ce-source': 'urn:gateway:7',
    'ce-type': 'io.polycell.reading.v1',
    'ce-subject': 'pump-1',
    'ce-time': '2026-11-21T07:41:00Z',
  };

  test('binary', async () => {
    const cell = testCell();
    const { status, body } = await cell.call('/v1/events', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...binary, 'ce-color': 'r%C3%B6d%20%22', 'ce-rate': '100%' },
      body: measured('t', 1),
    });
    expect(status).toBe(202);
    expect(body.results).toEqual([result('r-1', 'accepted')]);
    await cell.pump();
    expect(cell.bus.published[0]?.event).toMatchObject({
      id: 'r-1',
      color: 'röd "',
      rate: '100%',
      datacontenttype: 'application/json',
      data: { metric: 't', value: 1 },
    });
  });

  test.each([
    'text/json',
    'application/senml+json',
    'application/json; charset=utf8',
    'application/json; profile="x; charset=latin1"',
  ])('binary data of the JSON type %s', async (contentType) => {
    const { status, body } = await send(contentType, measured('t', 1), binary);
    expect([status, body.results]).toEqual([202, [result('r-1', 'accepted')]]);
  });

  test.each([
    ['ce-id', 'm-\u00fc', '/id'],
    ['ce-id', '%C0%A0', '/id'],
    ['ce-source', 'urn:%FC', '/source'],
    ['ce-subject', 'pump-\u00f6', '/subject'],
    ['ce-color', 'r\u00f6d', '/color'],
  ])('binary is rejected if %s is %j: two such values could become one', async (header, value, pointer) => {
    const { status, body } = await send('application/json', measured('t', 1), { ...binary, [header]: value });
    expect(status).toBe(400);
    expect(body.results?.[0]).toMatchObject({ status: 'rejected', error: { code: 'invalid_attribute', pointer } });
  });

  test('an integer beyond 2^53 is refused, with the way to it', async () => {
    const text = JSON.stringify(candidate({ data: measured('t', 12.5) })).replace('12.5', '9007199254740993');
    const { status, body } = await send(STRUCTURED, text);
    expect(status).toBe(400);
    expect(body.results?.[0]?.error).toMatchObject({ code: 'invalid_data', pointer: '/data/value' });
  });

  test('an integer beyond 2^53 in a batch is the fault of its event alone; in an attribute, of that', async () => {
    const text = JSON.stringify([candidate(), candidate({ id: 'r-2', level: 7 }), candidate({ id: 'r-3' })]);
    const { status, body } = await send(BATCH, text.replace('"level":7', '"level":9007199254740993'));
    expect(status).toBe(207);
    expect(body.results).toEqual([
      result('r-1', 'accepted'),
      {
        ...result('r-2', 'rejected'),
        error: { code: 'invalid_attribute', detail: expect.any(String), pointer: '/level' },
      },
      result('r-3', 'accepted'),
    ]);
  });

  test('an integer beyond 2^53 in binary mode', async () => {
    const { body } = await send('application/json', '{"metric":"t","value":9007199254740993}', binary);
    expect(body.results?.[0]).toMatchObject({ id: 'r-1', error: { code: 'invalid_data', pointer: '/data/value' } });
  });

  test('a duplicate says if the data of the first one are others', async () => {
    const cell = testCell();
    await cell.post([candidate()]);
    const { data: _data, ...rest } = candidate();
    const answer = await cell.post([
      candidate({ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }),
      { ...rest, data: measured('t', 99) },
      candidate({ datacontenttype: 'application/json' }),
    ]);
    expect([answer.status, answer.body.results]).toEqual([
      202,
      [result('r-1', 'duplicate'), { ...result('r-1', 'duplicate'), differs: true }, result('r-1', 'duplicate')],
    ]);
  });

  test('binary is rejected as the others are', async () => {
    const { 'ce-subject': _subject, ...rest } = binary;
    const { status, body } = await send('application/json', measured('t', 1), rest);
    expect(status).toBe(400);
    expect(body.results?.[0]).toMatchObject({ id: 'r-1', error: { code: 'missing_attribute', pointer: '/subject' } });
  });

  test('a header cannot pass for the data or a reserved attribute', async () => {
    const cell = testCell();
    const headers = { 'content-type': 'application/json', ...binary };
    const data = await cell.call('/v1/events', {
      method: 'POST',
      headers: { ...headers, 'ce-data': 'x' },
      body: measured('t', 1),
    });
    expect(data.status).toBe(202);
    const reserved = await cell.call('/v1/events', {
      method: 'POST',
      headers: { ...headers, 'ce-polycelltenant': 'globex' },
      body: measured('t', 1),
    });
    expect(reserved.body.results?.[0]?.error).toMatchObject({ code: 'invalid_attribute', pointer: '/polycelltenant' });
  });

  test.each([
    null,
    'text/plain',
    'application/json',
    'application/cloudevents',
    'application/cloudevents+xml',
    'application/cloudevents-batch',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    `${STRUCTURED}; charset=latin1`,
    'x'.repeat(200),
  ])('the content type %s: 415', async (contentType) => {
    expect(refusal(await send(contentType, new TextEncoder().encode(JSON.stringify(candidate()))))).toBe(
      '415 unsupported_media_type',
    );
  });
});

describe('answers', () => {
  test('207 when some are rejected, in request order', async () => {
    const cell = testCell();
    await cell.post([candidate({ id: 'old' })]);
    const { status, body } = await cell.post([
      candidate({ id: 'new' }),
      without('time', { id: 'bad' }),
      candidate({ id: 'old' }),
      candidate({ id: 'new' }),
      7,
    ]);
    expect(status).toBe(207);
    expect(body).toMatchObject({ accepted: 1, duplicates: 2, rejected: 2 });
    expect(body.results).toEqual([
      result('new', 'accepted'),
      {
        ...result('bad', 'rejected'),
        error: { code: 'missing_attribute', detail: 'The attribute time is required.', pointer: '/time' },
      },
      result('old', 'duplicate'),
      result('new', 'duplicate'),
      {
        id: null,
        source: null,
        status: 'rejected',
        error: { code: 'invalid_event', detail: 'An event is a JSON object.' },
      },
    ]);
  });

  test('202 when all are duplicates, and the first one stands', async () => {
    const cell = testCell();
    await cell.post([candidate({ data: measured('t', 1) })]);
    const { status, body } = await cell.post([
      candidate({ data: measured('t', 2), time: '2026-11-21T08:41:00+01:00' }),
    ]);
    expect([status, body.duplicates]).toEqual([202, 1]);
    await cell.pump();
    const { body: page } = await cell.call('/v1/devices/pump-1/readings');
    expect(page.items).toMatchObject([{ id: 'r-1', value: 1, time: '2026-11-21T07:41:00Z' }]);
  });

  test('207 when some are duplicates and the rest rejected; 400 when none is acceptable', async () => {
    const cell = testCell();
    await cell.post([candidate()]);
    expect((await cell.post([candidate(), {}])).status).toBe(207);
    const { status, headers, body } = await cell.post([{}, null]);
    expect([status, headers.get('content-type')]).toEqual([400, 'application/json']);
    expect(body).toMatchObject({ accepted: 0, duplicates: 0, rejected: 2 });
  });

  test('the same id of another tenant is another event', async () => {
    const cell = testCell();
    await cell.post([candidate()]);
    expect((await cell.post([candidate()], { token: { claims: { ten: 'globex' } } })).body.accepted).toBe(1);
  });
});

describe('limits', () => {
  test('500 events are taken; 501, none, and what is no list are not', async () => {
    const cell = testCell();
    const many = (count: number) => Array.from({ length: count }, (_, index) => candidate({ id: `r-${index}` }));
    expect((await cell.post(many(500))).body.accepted).toBe(500);
    expect(refusal(await cell.post(many(501)))).toBe('400 invalid_batch');
    expect(refusal(await cell.post([]))).toBe('400 invalid_batch');
    expect(refusal(await send(BATCH, candidate()))).toBe('400 invalid_batch');
  });

  const padded = (bytes: number) => {
    const text = JSON.stringify([candidate()]);
    return text.padEnd(bytes, ' ');
  };

  test('1 MiB is taken, one byte more is not', async () => {
    expect((await send(BATCH, padded(1_048_576))).status).toBe(202);
    expect(refusal(await send(BATCH, padded(1_048_577)))).toBe('413 payload_too_large');
  });

  test('a body that announces more is refused before it is read', async () => {
    const { handle } = testCell();
    let pulled = 0;
    const body = new ReadableStream(
      {
        pull(controller) {
          pulled += 1;
          controller.enqueue(new Uint8Array(1024));
        },
      },
      { highWaterMark: 0 },
    );
    const init = {
      method: 'POST',
      headers: { 'content-type': BATCH, 'content-length': '1048577', 'x-polycell-route': mint() },
      body,
      duplex: 'half',
    };
    const response = await handle(new Request('https://cell-1.example/v1/events', init as RequestInit));
    expect([response.status, pulled]).toEqual([413, 0]);
  });

  test('an endless body without a declared length is cut off soon after 1 MiB', async () => {
    const { handle } = testCell();
    let pulled = 0;
    const body = new ReadableStream({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(65_536).fill(32));
      },
    });
    const init = {
      method: 'POST',
      headers: { 'content-type': BATCH, 'x-polycell-route': mint() },
      body,
      duplex: 'half',
    };
    const response = await handle(new Request('https://cell-1.example/v1/events', init as RequestInit));
    expect(response.status).toBe(413);
    expect(pulled).toBeLessThan(25);
  });

  test('an event of more than 200 KiB is rejected, its mates are not', async () => {
    const { status, body } = await testCell().post([
      candidate(),
      candidate({ id: 'big', padding: 'x'.repeat(204_800) }),
    ]);
    expect(status).toBe(207);
    expect(body.results?.[1]?.error?.code).toBe('event_too_large');
  });
});

describe('bodies that are no JSON', () => {
  test.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['half of it', '{"specversion":'],
    ['two values', '{}{}'],
    ['no UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['a half surrogate in UTF-8', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['UTF-16', new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00])],
    ['NaN', '{"value":NaN}'],
    ['a million opening brackets', '['.repeat(1_000_000)],
    ['a value 101 levels deep', '['.repeat(101) + ']'.repeat(101)],
    ['an object 150,000 levels deep', `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`],
  ])('%s: 400 invalid_json', async (_case, body) => {
    expect(refusal(await send(STRUCTURED, body))).toBe('400 invalid_json');
  });

  test('a byte order mark is no part of the text', async () => {
    expect((await send(STRUCTURED, `\ufeff${JSON.stringify(candidate())}`)).status).toBe(202);
  });

  test('100 levels are taken', async () => {
    const { body } = await send(STRUCTURED, '['.repeat(100) + ']'.repeat(100));
    expect(body.results?.[0]?.error?.code).toBe('invalid_event');
  });

  test('a body that breaks off is no fault of the cell', async () => {
    const { handle, log } = testCell();
    const body = new ReadableStream({
      pull(controller) {
        controller.error(new Error('aborted'));
      },
    });
    const init = {
      method: 'POST',
      headers: { 'content-type': BATCH, 'x-polycell-route': mint() },
      body,
      duplex: 'half',
    };
    const response = await handle(new Request('https://cell-1.example/v1/events', init as RequestInit));
    expect(response.status).toBe(400);
    expect(log.messages('error')).toEqual([]);
  });
});

describe('a store that fails', () => {
  test('before it took anything: 503 with Retry-After, and the repeat is accepted', async () => {
    let down = true;
    const cell = testCell({ events: () => (down ? { code: 'unavailable', when: 'before' } : undefined) });
    const answer = await cell.post([candidate()]);
    expect(refusal(answer)).toBe('503 store_unavailable');
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(answer.body.results).toBeUndefined();
    down = false;
    expect((await cell.post([candidate()])).body).toMatchObject({ accepted: 1, duplicates: 0 });
  });

  test('after it took everything: the repeat gives duplicates', async () => {
    let down = true;
    const cell = testCell({ events: () => (down ? { code: 'unknown-outcome', when: 'after' } : undefined) });
    expect(refusal(await cell.post([candidate(), candidate({ id: 'r-2' })]))).toBe('503 store_unavailable');
    down = false;
    const repeat = await cell.post([candidate(), candidate({ id: 'r-2' })]);
    expect([repeat.status, repeat.body.accepted, repeat.body.duplicates]).toEqual([202, 0, 2]);
  });

  test('it says how long to wait, in whole seconds', async () => {
    const cell = testCell({ events: () => ({ code: 'throttled', when: 'before', retryAfterMs: 4100 }) });
    expect((await cell.post([candidate()])).headers.get('retry-after')).toBe('5');
  });

  test('what is rejected anyway does not need the store', async () => {
    const cell = testCell({ events: () => ({ code: 'unavailable', when: 'before' }) });
    expect((await cell.post([{}])).status).toBe(400);
  });
});
