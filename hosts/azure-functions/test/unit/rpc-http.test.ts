// HTTP requests and responses as messages of RPC mode.
import { cookieHeader, fromRpcResponse, toRpcHttp } from '../../http/rpc-http.ts';

it('maps a request: lower-case headers, repeated values joined, empty ones kept', () => {
  const request = {
    method: 'POST',
    headersDistinct: { host: ['h'], 'x-twice': ['a', 'b'], 'x-empty': [''] },
  };
  expect(toRpcHttp(request, 'http://h/api/a?X=1&x=2&y=&z', { id: '7' }, Buffer.from('{}'))).toEqual({
    url: 'http://h/api/a?X=1&x=2&y=&z',
    method: 'POST',
    nullableHeaders: { host: { value: 'h' }, 'x-twice': { value: 'a,b' }, 'x-empty': { value: '' } },
    nullableParams: { id: { value: '7' } },
    nullableQuery: { X: { value: '1,2' }, y: { value: '' }, z: { value: '' } },
    body: { bytes: Buffer.from('{}') },
  });
});

it('has no body for an empty one', () => {
  const http = toRpcHttp({ method: 'POST', headersDistinct: {} }, 'http://h/', {}, Buffer.alloc(0));
  expect(http).toEqual({
    url: 'http://h/',
    method: 'POST',
    nullableHeaders: {},
    nullableParams: {},
    nullableQuery: {},
  });
});

it('maps a response, without the headers that belong to the connection', () => {
  const http = {
    statusCode: '201',
    headers: { 'content-type': 'text/plain', connection: 'close', 'content-length': '99' },
    cookies: [{ name: 'a', value: '1' }],
    body: { bytes: Buffer.from('hi') },
  };
  expect(fromRpcResponse({ invocationId: 'i', returnValue: { http } })).toEqual({
    status: 201,
    headers: { 'content-type': 'text/plain', 'set-cookie': ['a=1; path=/'] },
    body: Buffer.from('hi'),
  });
});

it('answers 204 for nothing, and drops bodies that a status cannot have', () => {
  expect(fromRpcResponse({ invocationId: 'i', returnValue: null })).toMatchObject({ status: 204, headers: {} });
  const http = { statusCode: '304', body: { bytes: Buffer.from('hi') } };
  expect(fromRpcResponse({ invocationId: 'i', returnValue: { http } })).toEqual({
    status: 304,
    headers: {},
    body: new Uint8Array(),
  });
});

it('writes every attribute of a cookie', () => {
  const cookie = {
    name: 'n',
    value: 'v;1',
    domain: { value: 'example.com' },
    path: { value: '/p' },
    expires: { value: { seconds: 1_800_000_000 } },
    secure: { value: true },
    httpOnly: { value: true },
    sameSite: 'explicitNone' as const,
    maxAge: { value: 60.5 },
  };
  expect(cookieHeader(cookie)).toBe(
    'n=v%3B1; expires=Fri, 15 Jan 2027 08:00:00 GMT; max-age=60; domain=example.com; path=/p; secure; samesite=none; httponly',
  );
});
