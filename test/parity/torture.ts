// An HTTP torture list: methods, encodings, expectations, chunks, sizes of headers, repeated headers and empty bodies, all of them allowed on
// the wire. Both clouds and the edge answer them alike.
import { deflateSync, gzipSync } from 'node:zlib';
import { reading } from '../support/readings.ts';
import { ask, type Caller, event, type RequestOptions, type Step, TYPES } from './recording.ts';

const caller: Caller = { tenant: 'tortured' };

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'POST'] as const;

const BODIES: readonly (readonly [string, RequestOptions])[] = [
  ['a length of 0', { headers: { 'content-length': '0' } }],
  ['a body', { body: '{}', headers: { 'content-type': 'application/json' } }],
  ['a body in chunks', { body: '{}', headers: { 'content-type': 'application/json' }, chunked: true }],
  ['no chunks', { chunked: true }],
  ['a body without a type', { body: '{}' }],
];

const made = (id: string, more: Readonly<Record<string, unknown>> = {}) =>
  event(reading({ id, device: 'rack', time: '2024-02-29T10:00:00Z' }), more);
const text = (id: string) => JSON.stringify(made(id));

const BINARY = {
  'content-type': TYPES.binary,
  'ce-specversion': '1.0',
  'ce-source': 'urn:test',
  'ce-type': 'io.polycell.reading.v1',
  'ce-subject': 'rack',
  'ce-time': '2024-02-29T10:00:00Z',
} as const;
/** More than the connections between a host and its processes hold. */
const LARGE = Buffer.alloc(900_000, ' ');
const DATA = '{"metric":"humidity","value":40}';

/** So many MiB of zeroes, compressed one at a time: gzip takes several members one after the other (RFC 1952, 2.2). */
const bombOf = (mebibytes: number): Uint8Array => {
  const one = gzipSync(Buffer.alloc(1024 * 1024));
  return Buffer.concat(Array.from({ length: mebibytes }, () => one));
};

/** The list. It stores events of the one tenant `tortured`. */
export function tortureSteps(): Step[] {
  const post = (
    name: string,
    headers: RequestOptions['headers'],
    body: string | Uint8Array,
    more: RequestOptions = {},
  ) => ask('torture', caller, 'POST', '/v1/events', { name, headers: headers ?? {}, body, ...more });
  const one = (name: string, id: string, headers: RequestOptions['headers'] = {}, more: RequestOptions = {}) =>
    post(name, { 'content-type': TYPES.one, ...headers }, text(id), more);
  const coded = (name: string, coding: string | readonly string[], body: Uint8Array, more: RequestOptions = {}) =>
    post(name, { 'content-type': TYPES.one, 'content-encoding': coding }, body, more);
  const binary = (
    name: string,
    headers: RequestOptions['headers'],
    body: string | Uint8Array = DATA,
    more: RequestOptions = {},
  ) => post(name, { ...BINARY, ...headers }, body, more);
  const get = (name: string, headers: RequestOptions['headers']) =>
    ask('torture', caller, 'GET', '/v1/devices/nobody', { name, headers: headers ?? {} });
  return [
    ...['/v1/devices?limit=1', '/v1/events', '/v1/parked/redrive', '/nothing'].flatMap((path) =>
      METHODS.flatMap((method) =>
        BODIES.map(([name, options]) =>
          ask('torture', caller, method, path, { ...options, name: `${method} ${path} with ${name}` }),
        ),
      ),
    ),

    one('one event in chunks', 'chunked', {}, { chunked: true }),
    post('a batch in chunks', { 'content-type': TYPES.batch }, `[${text('c-1')},${text('c-2')}]`, { chunked: true }),
    binary('binary in chunks', { 'ce-id': 'chunked-binary' }, DATA, { chunked: true }),
    post(
      'a large batch in chunks',
      { 'content-type': TYPES.batch },
      JSON.stringify(Array.from({ length: 300 }, (_, index) => made(`l-${index}`, { note: 'x'.repeat(1000) }))),
      { chunked: true },
    ),
    post('more than 1 MiB in chunks', { 'content-type': TYPES.one }, 'x'.repeat(1024 * 1024 + 1), { chunked: true }),
    one('expect', 'expected', { expect: '100-continue' }),
    one('expect, in capitals', 'expected-2', { Expect: '100-Continue' }),
    one('expect, in chunks', 'expected-3', { expect: '100-continue' }, { chunked: true }),

    coded('gzip', 'gzip', gzipSync(text('gzip'))),
    coded('gzip in chunks', 'gzip', gzipSync(text('gzip-chunked')), { chunked: true }),
    coded('deflate', 'deflate', deflateSync(text('deflate'))),
    coded('gzip in capitals', 'GZip', gzipSync(text('gzip-capitals'))),
    coded('identity', 'identity', Buffer.from(text('identity'))),
    coded('an empty coding', '', Buffer.from(text('no-coding'))),
    coded('br', 'br', Buffer.from(text('br'))),
    coded('gzip twice', 'gzip, gzip', gzipSync(gzipSync(text('twice')))),
    coded('gzip on two lines', ['gzip', 'gzip'], gzipSync(gzipSync(text('twice-2')))),
    coded('no gzip', 'gzip', Buffer.from(text('no-gzip'))),
    coded('half of gzip', 'gzip', gzipSync(text('half')).subarray(0, 30)),
    coded('a bomb', 'gzip', gzipSync(Buffer.alloc(32 * 1024 * 1024))),
    // What is refused before it was read must not stand in the way of the next request on the connection.
    coded('a large br', 'br', LARGE),
    coded('a large body that is no gzip', 'gzip', LARGE),
    coded('a large bomb', 'gzip', bombOf(900)),
    post('a large body of another type', { 'content-type': 'text/plain' }, LARGE),
    coded('nothing in gzip', 'gzip', gzipSync('')),
    coded('nothing as gzip', 'gzip', new Uint8Array()),

    binary('binary, quoted', { 'ce-id': '"quoted"' }),
    binary('binary, quoted blank', { 'ce-id': '"quoted blank"' }),
    binary('binary, not UTF-8', { 'ce-id': '%C0%A0' }),
    binary('binary, a byte beyond ASCII', { 'ce-id': 'm-\u00fc' }),
    binary('binary, another byte beyond ASCII', { 'ce-id': 'm-\u00f6' }),
    binary('binary, UTF-8', { 'ce-id': 'm-\u00c3\u00bc' }),
    binary('binary, a tab', { 'ce-id': 'm\tn' }),
    binary('binary, blanks around', { 'ce-id': '  blanks  ' }),
    binary('binary, an empty attribute', { 'ce-id': 'empty', 'ce-site': '' }),
    binary('binary, senml', { 'ce-id': 'senml', 'content-type': 'application/senml+json' }),
    binary('binary, text/json', { 'ce-id': 'text-json', 'content-type': 'text/json' }),
    binary('binary, a quoted parameter', {
      'ce-id': 'profile',
      'content-type': 'application/json; profile="x; charset=latin1"',
    }),
    binary('binary, utf8', { 'ce-id': 'utf8', 'content-type': 'application/json;charset=utf8' }),
    binary('binary, latin1', { 'ce-id': 'latin1', 'content-type': 'application/json;charset=latin1' }),
    binary('binary, no body', { 'ce-id': 'no-body' }, ''),
    binary('binary, an integer beyond 2^53', { 'ce-id': 'large' }, '{"metric":"m","value":9007199254740993}'),
    post(
      'an integer beyond 2^53',
      { 'content-type': TYPES.batch },
      `[${text('fine')},${text('big').replace('"value":1', '"value":9007199254740993')}]`,
    ),

    get('a header of 6,000 bytes', { 'x-large': 'x'.repeat(6000) }),
    get('100 headers', Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`x-${index}`, 'y']))),
    get('a header on 50 lines', { 'x-many': Array.from({ length: 50 }, () => 'y') }),
    get('a trace on two lines', {
      traceparent: [
        '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
        '00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
      ],
    }),
    get('cookies on two lines', { cookie: ['a=b', 'c=d'] }),
    get('an empty header', { 'x-empty': '' }),
    one('a type on two lines', 'types', { 'content-type': [TYPES.one, TYPES.one] }),
    binary('binary, an id on two lines', { 'ce-id': ['first', 'second'] }),
  ];
}
