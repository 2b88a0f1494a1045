// The mapping between HTTP and the HTTP API's payload format 2.0, with literal expectations.
import { commonLogTime, fromResult, toEvent, type WireRequest } from '../../payload.ts';

const facts = {
  apiId: 'local',
  accountId: '000000000000',
  requestId: 'JKJaXmPLvHcESHA=',
  now: 1583348638390,
  traceId: 'Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e',
  port: 8080,
};
const request = (more: Partial<WireRequest>): WireRequest => ({
  method: 'GET',
  target: '/',
  httpVersion: '1.1',
  rawHeaders: ['Host', '127.0.0.1:8080'],
  body: Buffer.alloc(0),
  sourceIp: '127.0.0.1',
  ...more,
});
const added = {
  'content-length': '0',
  'x-amzn-trace-id': 'Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e',
  'x-forwarded-for': '127.0.0.1',
  'x-forwarded-port': '8080',
  'x-forwarded-proto': 'http',
};

test('a bare request has no absent part as null', () => {
  expect(toEvent(request({}), facts)).toStrictEqual({
    version: '2.0',
    routeKey: '$default',
    rawPath: '/',
    rawQueryString: '',
    headers: { host: '127.0.0.1:8080', ...added },
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      domainName: '127.0.0.1:8080',
      domainPrefix: '127',
      http: { method: 'GET', path: '/', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: '' },
      requestId: 'JKJaXmPLvHcESHA=',
      routeKey: '$default',
      stage: '$default',
      time: '04/Mar/2020:19:03:58 +0000',
      timeEpoch: 1583348638390,
    },
    isBase64Encoded: false,
  });
});

test('repeated headers are joined, cookies become an array, connection headers stay behind', () => {
  const rawHeaders = [
    'Host',
    'h',
    'X-A',
    '1',
    'x-a',
    '2',
    'Cookie',
    'a=1; b=2',
    'cookie',
    'c=3',
    'Connection',
    'keep-alive',
  ];
  const event = toEvent(request({ rawHeaders: [...rawHeaders, 'X-Forwarded-For', '10.0.0.1'] }), facts);
  expect(event.headers).toStrictEqual({ host: 'h', 'x-a': '1,2', ...added, 'x-forwarded-for': '10.0.0.1, 127.0.0.1' });
  expect(event.cookies).toStrictEqual(['a=1', 'b=2', 'c=3']);
});

test('a header called __proto__ is a header', () => {
  const event = toEvent(request({ rawHeaders: ['__proto__', 'x'], target: '/?__proto__=y' }), facts);
  expect(Object.getOwnPropertyDescriptor(event.headers, '__proto__')?.value).toBe('x');
  expect(Object.getOwnPropertyDescriptor(event.queryStringParameters, '__proto__')?.value).toBe('y');
});

test('the query is passed raw, and decoded and joined as parameters', () => {
  const event = toEvent(request({ target: '/a?x=1&x=2&y=a%20b+c&z&e=%C3%BC' }), facts);
  expect(event.rawQueryString).toBe('x=1&x=2&y=a%20b+c&z&e=%C3%BC');
  expect(event.queryStringParameters).toStrictEqual({ x: '1,2', y: 'a b c', z: '', e: 'ü' });
  expect(toEvent(request({ target: '/a?' }), facts)).not.toHaveProperty('queryStringParameters');
});

test.each([
  ['/a%20b/%C3%BC', '/a b/ü'],
  ['/a%2Fb', '/a/b'],
  ['/a%3Fb', '/a'],
  ['/100%', '/100%'],
  ['//double//', '//double//'],
  ['http://other/x?y=1', '/x'],
  ['*', '*'],
])('the path of %s is handed over as %s', (target, path) => {
  const event = toEvent(request({ target }), facts);
  expect([event.rawPath, event.requestContext.http.path]).toEqual([path, path]);
});

test.each([
  ['application/json', false],
  ['application/cloudevents-batch+json; charset=utf-8', true],
  ['application/json; charset=utf-8', false],
  ['application/jsonx', true],
  ['', true],
  ['text/plain', false],
  ['application/xml', false],
  ['application/octet-stream', true],
  ['application/x-www-form-urlencoded', true],
  ['image/png', true],
  ['application/x-protobuf', true],
])('a body of type %s: base64 is %s', (type, base64) => {
  const event = toEvent(request({ rawHeaders: ['content-type', type], body: Buffer.from('{"ü":1}') }), facts);
  expect(event.isBase64Encoded).toBe(base64);
  expect(event.body).toBe(base64 ? 'eyLDvCI6MX0=' : '{"ü":1}');
});

test('a full response', () => {
  const result = {
    statusCode: 201,
    headers: { 'X-A': 'b', 'Content-Type': 'application/json', 'Content-Length': '999', n: 7 },
    cookies: ['a=1; HttpOnly', 'b=2'],
    body: '{"ok":true}',
  };
  expect(fromResult(JSON.stringify(result))).toStrictEqual({
    status: 201,
    headers: { 'x-a': 'b', 'content-type': 'application/json', n: '7', 'set-cookie': ['a=1; HttpOnly', 'b=2'] },
    body: Buffer.from('{"ok":true}'),
  });
});

test('a base64 body is sent as bytes; no body is an empty one; the status may be a string', () => {
  expect(fromResult('{"statusCode":200,"isBase64Encoded":true,"body":"AAEC"}').body).toEqual(Buffer.from([0, 1, 2]));
  expect(fromResult('{"statusCode":"204"}')).toEqual({
    status: 204,
    headers: { 'content-type': 'text/plain;charset=UTF-8' },
    body: Buffer.alloc(0),
  });
});

test.each([
  ['{"message":"hi"}', '{"message":"hi"}'],
  ['"hi"', 'hi'],
  ['[1]', '[1]'],
  ['null', 'null'],
  ['5', '5'],
])('%s without a status code is inferred to be a 200', (payload, body) => {
  expect(fromResult(payload)).toEqual({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(body),
  });
});

test.each([
  'not json',
  '',
  '{"statusCode":"ok"}',
  '{"statusCode":99}',
  '{"statusCode":700}',
  '{"statusCode":200,"headers":{"x":"a\\r\\nset-cookie: b"}}',
  '{"statusCode":200,"headers":{"bad name":"a"}}',
  '{"statusCode":200,"headers":{"x":{}}}',
])('%s cannot be sent and becomes a 500', (payload) => {
  expect(fromResult(payload)).toEqual({
    status: 500,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{"message":"Internal Server Error"}'),
  });
});

test('common log time pads and stays in UTC', () => {
  expect(commonLogTime(Date.UTC(2026, 0, 2, 3, 4, 5))).toBe('02/Jan/2026:03:04:05 +0000');
});
