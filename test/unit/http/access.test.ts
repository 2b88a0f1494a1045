// Who may call what: tokens, scopes, epochs, methods, paths, and the headers of every answer.
import { choice, matching, text, time } from '../../../core/api/parameters.ts';
import { readParameters } from '../../../core/http/parameters.ts';
import { type Call, refusal, testCell } from '../../support/cell.ts';
import { candidate, TRACEPARENT } from '../../support/events.ts';
import { mint, NOW_SECONDS, STRANGERS_KEY } from '../../support/route-tokens.ts';

const ROUTES: readonly [string, string, string | null, unknown?][] = [
  ['POST', '/v1/events', 'ingest', [{}]],
  ['GET', '/v1/devices', 'read'],
  ['GET', '/v1/devices/pump-1', 'read'],
  ['GET', '/v1/devices/pump-1/readings', 'read'],
  ['GET', '/v1/devices/pump-1/rollups', 'read'],
  ['GET', '/v1/health?deep=1', 'operate'],
  ['GET', '/v1/parked', 'operate'],
  ['POST', '/v1/parked/redrive', 'operate', { consumer: 'rollups' }],
  ['DELETE', '/v1/parked/rollups.AAAAAAAAAAAAAAAA', 'operate'],
  ['GET', '/v1/health', null],
  ['GET', '/openapi.json', null],
];

const withBody = (method: string, body: unknown, token: Call['token']): Call => ({
  method,
  ...(token !== undefined && { token }),
  ...(body !== undefined && { body, headers: { 'content-type': 'application/cloudevents-batch+json' } }),
});

describe.each(ROUTES)('%s %s', (method, path, scope, body) => {
  const ask = (token: Call['token'], cell = testCell()) => cell.call(path, withBody(method, body, token));

  test('every answer names trace and cell', async () => {
    for (const token of [{}, null, { key: STRANGERS_KEY }]) {
      const { headers } = await ask(token);
      expect(headers.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
      expect(headers.get('x-polycell-cell')).toBe('cell-1');
    }
  });

  if (scope === null) {
    test('needs no token, and does not mind a bad one', async () => {
      expect((await ask(null)).status).toBe(200);
      expect((await ask('nonsense')).status).toBe(200);
    });
    return;
  }

  test('401 without a token, with a bad one, with an expired one', async () => {
    for (const token of [null, '', 'nonsense', { key: STRANGERS_KEY }, { claims: { exp: NOW_SECONDS - 5 } }]) {
      expect(refusal(await ask(token))).toBe('401 invalid_route_token');
    }
  });

  test("421 with another cell's token", async () => {
    expect(refusal(await ask({ claims: { cel: 'cell-2' } }))).toBe('421 misdirected');
  });

  test("421 with another endpoint's token, or one for none", async () => {
    expect(refusal(await ask({ claims: { aud: 'https://listener.example' } }))).toBe('421 misdirected');
    expect(refusal(await ask({ claims: { aud: undefined } }))).toBe('421 misdirected');
  });

  test('403 without its scope, whatever other scopes there are', async () => {
    const others = ['ingest', 'read', 'operate', 'control', 'observe', 'erase'].filter((each) => each !== scope);
    expect(refusal(await ask({ claims: { scp: others } }))).toBe('403 missing_scope');
    expect(refusal(await ask({ claims: { scp: [] } }))).toBe('403 missing_scope');
    expect((await ask({ claims: { scp: [scope] } })).status).not.toBe(403);
  });

  test('409 with an older epoch than the cell knows, and never again with it', async () => {
    const cell = testCell();
    expect((await ask({ claims: { epo: 5 } }, cell)).status).not.toBe(409);
    const stale = await ask({ claims: { epo: 4 } }, cell);
    expect(refusal(stale)).toBe('409 stale_epoch');
    expect(stale.body.detail).toBe('The route token has epoch 4; the tenant is at 5.');
    expect((await ask({ claims: { epo: 6 } }, cell)).status).not.toBe(409);
    expect(refusal(await ask({ claims: { epo: 5 } }, cell))).toBe('409 stale_epoch');
  });

  test('503 when the epoch cannot be asked: nothing is done then', async () => {
    const cell = testCell({ state: () => ({ code: 'unavailable', when: 'before' }) });
    const answer = await ask({}, cell);
    expect(refusal(answer)).toBe('503 store_unavailable');
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(cell.events.calls).toMatchObject({ append: 0, query: 0 });
  });
});

test.each([
  ['a body that is no JSON', '/v1/events', '{'],
  ['a parameter that there is not', '/v1/events?x=1', [candidate()]],
  ['an event that is none', '/v1/events', [1]],
  ['nothing', '/v1/events', [candidate()]],
])('a stale token is refused as such, despite %s, and stores nothing', async (_case, path, body) => {
  const cell = testCell();
  await cell.call('/v1/devices', { token: { claims: { epo: 5 } } });
  const answer = await cell.call(path, withBody('POST', body, { claims: { epo: 4 } }));
  expect(refusal(answer)).toBe('409 stale_epoch');
  expect(cell.events.calls.append).toBe(0);
});

test('a token that may do nothing raises no epoch', async () => {
  const cell = testCell();
  await cell.call('/v1/devices', { token: { claims: { epo: 9, scp: ['ingest'] } } });
  expect((await cell.call('/v1/devices', { token: { claims: { epo: 1 } } })).status).toBe(200);
});

describe('traces', () => {
  test("the caller's trace goes on in the answer, the store, the bus and the log line", async () => {
    const cell = testCell();
    const { headers } = await cell.post([candidate()], { headers: { traceparent: TRACEPARENT } });
    expect(headers.get('traceparent')).toMatch(
      /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/,
    );
    await cell.pump();
    expect(cell.bus.published[0]?.event.traceparent).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
  });

  test("an event's own trace is kept", async () => {
    const cell = testCell();
    await cell.post([candidate({ traceparent: TRACEPARENT })], {
      headers: { traceparent: TRACEPARENT.replace('4b', '11') },
    });
    await cell.pump();
    expect(cell.bus.published[0]?.event.traceparent).toBe(TRACEPARENT);
  });
});

describe('paths and methods', () => {
  test.each([
    '/',
    '/v1',
    '/v1/',
    '/v1/events/',
    '/v1/events/1',
    '/V1/events',
    '/v1/devices/',
    '/v1/devices/a/b',
    '/v1/devices/a/readings/',
    '/v1/devices//readings',
    '/v1/devices/%',
    '/v1/devices/%ff',
    '/openapi.jsonx',
    '/openapixjson',
    '/__proto__',
    '//v1/events',
  ])('%s is not there: 404', async (path) => {
    const answer = await testCell().call(path);
    expect(refusal(answer)).toBe(path.startsWith('/v1/devices/%') ? '404 unknown_device' : '404 not_found');
    expect(answer.headers.get('x-polycell-cell')).toBe('cell-1');
  });

  test.each([
    ['DELETE', '/v1/events', 'POST'],
    ['GET', '/v1/events', 'POST'],
    ['HEAD', '/v1/events', 'POST'],
    ['PUT', '/v1/devices', 'GET, HEAD'],
    ['POST', '/v1/devices/pump-1', 'GET, HEAD'],
    ['POST', '/v1/health', 'GET, HEAD'],
    ['GET', '/v1/parked/redrive', 'POST, DELETE'],
    ['PATCH', '/v1/parked/rollups.AAAAAAAAAAAAAAAA', 'DELETE'],
    ['OPTIONS', '/openapi.json', 'GET, HEAD'],
  ])('%s %s: 405, and what is allowed', async (method, path, allow) => {
    const answer = await testCell().call(path, { method });
    expect(refusal(answer)).toBe('405 method_not_allowed');
    expect(answer.headers.get('allow')).toBe(allow);
  });

  test.each(ROUTES.filter(([method]) => method === 'GET'))('%s %s: HEAD is answered as GET is', async (_get, path) => {
    const cell = testCell();
    const told = async (method: string, token: Call['token']) => {
      const { status, headers } = await cell.call(path, { method, ...(token !== undefined && { token }) });
      return { status, headers: [...headers].filter(([name]) => name !== 'traceparent') };
    };
    for (const token of [{}, null]) expect(await told('HEAD', token)).toEqual(await told('GET', token));
  });
});

test.each([
  ['POST', '/v1/events?dry=1'],
  ['GET', '/openapi.json?x='],
])('%s %s: a parameter that the path does not know is refused', async (method, path) => {
  expect(refusal(await testCell().call(path, { method }))).toBe('400 invalid_parameter');
});

describe('problems', () => {
  test('are RFC 9457 documents with a stable code', async () => {
    const { status, headers, body } = await testCell().call('/v1/devices?limit=0', {});
    expect(status).toBe(400);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toEqual({
      type: 'about:blank',
      title: 'Invalid parameter',
      status: 400,
      detail: 'Invalid parameters: limit must be a whole number from 1 to 1000.',
      code: 'invalid_parameter',
      errors: [{ parameter: 'limit', detail: 'It must be a whole number from 1 to 1000.' }],
    });
  });

  test.each([
    ['limit=abc', 'limit must be a whole number from 1 to 1000'],
    ['limit=1&limit=2', 'limit must be given once'],
    ['colour=red', 'colour is not a parameter of this path (it takes: limit, cursor)'],
    [
      'limit=0&colour=red',
      'colour is not a parameter of this path (it takes: limit, cursor); limit must be a whole number from 1 to 1000',
    ],
  ])('?%s: the detail says what is allowed', async (query, faults) => {
    const { body } = await testCell().call(`/v1/devices?${query}`, {});
    expect(body).toMatchObject({ detail: `Invalid parameters: ${faults}.` });
  });

  test.each([
    [{ time: time('a time') }, 'time must be a time such as 2026-01-31T12:00:00Z'],
    [{ name: text('a name') }, 'name must not be empty'],
    [{ peer: matching('a peer', '^[a-z]+$') }, 'peer must match ^[a-z]+$'],
    [{ window: choice('a window', ['1m', '1h'], '1h') }, 'window must be one of 1m, 1h'],
  ])('%j: a parameter without a valid value says what is allowed', (parameters, fault) => {
    const query = new URLSearchParams(Object.fromEntries(Object.keys(parameters).map((name) => [name, ''])));
    expect(() => readParameters(parameters, query)).toThrow(`Invalid parameters: ${fault}.`);
  });

  test('a failure of our own says nothing of its cause, and is logged under the trace', async () => {
    const cell = testCell({
      events: () => {
        throw new RangeError('secret detail');
      },
    });
    const answer = await cell.post([candidate()]);
    expect(refusal(answer)).toBe('500 internal_error');
    expect(JSON.stringify(answer.body)).not.toContain('secret');
    expect(cell.log.lines).toMatchObject([
      {
        level: 'error',
        message: 'a request failed',
        fields: {
          code: 'RangeError',
          message: 'secret detail',
          traceparent: answer.headers.get('traceparent'),
          tenant: 'acme',
          epoch: 1,
        },
      },
    ]);
  });
});

describe('health', () => {
  test('identifies the cell', async () => {
    const { status, headers, body } = await testCell().call('/v1/health', { token: null });
    expect([status, headers.get('content-type'), headers.get('cache-control')]).toEqual([
      200,
      'application/json',
      'no-store',
    ]);
    expect(body).toEqual({ status: 'ok', cell: 'cell-1', cloud: 'memory', region: 'here', version: '1.2.3' });
  });

  test.each([
    ['throttled', 200, 'degraded'],
    ['unavailable', 503, 'down'],
  ] as const)('a store that answers %s: %d %s', async (code, status, expected) => {
    const cell = testCell({ state: () => ({ code, when: 'before' }) });
    const answer = await cell.call('/v1/health', { token: null });
    expect([answer.status, answer.body.status]).toEqual([status, expected]);
  });

  test('deep=1 writes and reads the store; deep=0 does not need a token; deep=2 is none', async () => {
    const cell = testCell();
    expect((await cell.call('/v1/health?deep=1')).body.status).toBe('ok');
    expect((await cell.call('/v1/health?deep=0', { token: null })).status).toBe(200);
    expect(refusal(await cell.call('/v1/health?deep=2'))).toBe('400 invalid_parameter');
    expect(refusal(await cell.call('/v1/health?x=1'))).toBe('400 invalid_parameter');
  });
});

test('a token in two headers is none', async () => {
  const { handle } = testCell();
  const headers = new Headers();
  headers.append('x-polycell-route', mint());
  headers.append('x-polycell-route', mint());
  expect((await handle(new Request('https://cell-1.example/v1/devices', { headers }))).status).toBe(401);
});

test('what is parked is counted for the monitor only', async () => {
  const cell = testCell();
  await cell.parking.park({
    consumer: 'rollups',
    tenant: 'acme',
    event: undefined,
    subject: 'what',
    reason: { code: 'unreadable', message: 'It is no event.' },
  });
  const path = '/v1/health?measures=1';
  expect((await cell.call('/v1/health')).body.measures).toBe(undefined);
  expect(refusal(await cell.call(path, { token: null }))).toBe('401 invalid_route_token');
  expect(refusal(await cell.call(path, { token: mint({ claims: { scp: ['operate', 'control'] } }) }))).toBe(
    '403 missing_scope',
  );
  const { body } = await cell.call(path, { token: mint({ claims: { scp: ['observe'] } }) });
  expect(body.measures?.parked).toContainEqual({ consumer: 'rollups', parked: 1, more: false });
});
