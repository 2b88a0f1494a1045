// Bad input of every kind that the API refuses, and callers who may not.
import { reading } from '../support/readings.ts';
import { ask, type Caller, event, post, type RequestOptions, type Step, TYPES } from './recording.ts';

const caller: Caller = { tenant: 'wrong' };
const good = (id: string, more: Readonly<Record<string, unknown>> = {}) =>
  event(reading({ id, device: 'pump-1', time: '2024-02-29T09:00:00Z' }), more);

/** One event after the other that has a fault of its own. */
const BAD: readonly (readonly [string, unknown])[] = [
  ['another type', good('a', { type: 'com.example.other' })],
  ['a type of 300 characters', good('a2', { type: 'x'.repeat(300) })],
  ['no subject', good('b', { subject: undefined })],
  ['no time', good('b2', { time: undefined })],
  ['no data', good('b3', { data: undefined })],
  ['null for an attribute', good('b4', { source: null })],
  ['a number for an attribute', good('b5', { source: 7 })],
  ['specversion 0.3', good('c', { specversion: '0.3' })],
  ['an empty id', good('')],
  ['an id of 257 bytes', good('x'.repeat(257))],
  ['a source of 129 times two bytes', good('d', { source: 'ü'.repeat(129) })],
  ['a subject that is a path', good('e', { subject: '../etc/passwd' })],
  ['a subject that no path can hold', good('e1', { subject: '..' })],
  ['a subject of 129 characters', good('e2', { subject: 'x'.repeat(129) })],
  ['a time of the year 2999', good('f', { time: '2999-01-01T00:00:00Z' })],
  ['no time at all', good('f2', { time: 'yesterday' })],
  ['29 February of a common year', good('f3', { time: '2023-02-29T00:00:00Z' })],
  ['a text for a value', good('g', { data: { metric: 'temperature', value: 'warm' } })],
  ['no metric', good('g2', { data: { value: 1 } })],
  ['a field too many', good('g3', { data: { metric: 'm', value: 1, more: 1 } })],
  ['data that is a text', good('g4', { data: 'hot' })],
  ['data_base64', good('g5', { data: undefined, data_base64: 'AAAA' })],
  ['an extension in capitals', good('h', { Site: 'north' })],
  ['a reserved extension', good('h2', { polycelltenant: 'acme' })],
  ['an extension that is an object', good('h3', { site: { name: 'north' } })],
  ['no object', 'no object'],
  ['null', null],
  ['a list', [1, 2]],
  ['an event of 200 KiB', good('i', { note: 'x'.repeat(200 * 1024) })],
];

const refuse = (name: string, body: string | Uint8Array, type: string, more: RequestOptions = {}) =>
  ask('ingest, refused', caller, 'POST', '/v1/events', {
    name,
    body,
    ...more,
    headers: { ...(type === '' ? {} : { 'content-type': type }), ...more.headers },
  });

export function refusalSteps(): Step[] {
  const text = JSON.stringify(good('text'));
  const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const as = (name: string, more: Partial<Caller>, path = '/v1/devices') =>
    ask('callers refused', { ...caller, ...more }, 'GET', path, { name });
  const forged = (name: string, token: string) =>
    ask('callers refused', null, 'GET', '/v1/devices', { name, headers: { 'x-polycell-route': token } });
  return [
    ...BAD.map(([name, body]) => refuse(name, JSON.stringify(body), TYPES.one)),
    post('ingest, refused', caller, [good('ok-1'), ...BAD.map(([, body]) => body), good('ok-2')], {
      name: 'all of them',
    }),
    post(
      'ingest, refused',
      caller,
      BAD.map(([, body]) => body),
      { name: 'all of them, and no good one' },
    ),
    refuse('no body', '', TYPES.one),
    refuse('half a body', '{"specversion":', TYPES.one),
    refuse('NaN', '{"data":{"value":NaN}}', TYPES.one),
    refuse('1e999', text.replace('"value":1', '"value":1e999'), TYPES.one),
    refuse('a key twice', text.replace('"id":', '"id":"first","id":'), TYPES.one),
    refuse('__proto__', text.replace('"id":', '"__proto__":{"x":1},"id":'), TYPES.one),
    refuse('a lone surrogate', text.replace('"text"', '"\\ud800"'), TYPES.one),
    refuse('a byte order mark', `\ufeff${text.replace('"text"', '"marked"')}`, TYPES.one),
    refuse('bytes that are not UTF-8', Buffer.from(text.replace('"text"', '"t\u00ffxt"'), 'latin1'), TYPES.one),
    refuse('UTF-16', Buffer.from(text, 'utf16le'), TYPES.one),
    refuse('99 levels', nested(99), TYPES.batch),
    refuse('101 levels', nested(101), TYPES.batch),
    refuse('5000 levels', nested(5000), TYPES.one),
    refuse('a batch that is an object', '{}', TYPES.batch),
    refuse('a list as one event', `[${text}]`, TYPES.one),
    refuse('an empty batch', '[]', TYPES.batch),
    refuse('501 events', `[${Array.from({ length: 501 }, () => '{}').join()}]`, TYPES.batch),
    refuse('one byte more than 1 MiB', 'x'.repeat(1024 * 1024 + 1), TYPES.one),
    refuse('2 MiB', 'x'.repeat(2 * 1024 * 1024), TYPES.one),
    refuse('7 MiB', 'x'.repeat(7 * 1024 * 1024), TYPES.one),
    refuse('11 MiB', 'x'.repeat(11 * 1024 * 1024), TYPES.one),
    refuse('a form', 'a=1', 'application/x-www-form-urlencoded'),
    refuse('no content type', text, ''),
    refuse('an empty content type', text, ' '),
    refuse('a content type that is none', text, 'json'),
    refuse('an image', new Uint8Array([0x89, 0x50, 0x4e, 0x47]), 'image/png'),
    refuse('JSON without event headers', '{}', TYPES.binary),
    refuse('another charset', text, `${TYPES.one}; charset=iso-8859-1`),
    refuse('capitals', text, 'Application/CloudEvents+JSON'),
    refuse('gzip', text.replace('"text"', '"zipped"'), TYPES.one, { headers: { 'content-encoding': 'gzip' } }),
    refuse('a query', text, TYPES.one, { name: 'a query' }),
    ask('ingest, refused', caller, 'POST', '/v1/events?dry=1', { headers: { 'content-type': TYPES.one }, body: text }),
    refuse('binary without an id', '{"metric":"m","value":1}', TYPES.binary, { headers: { 'ce-specversion': '1.0' } }),
    refuse('a chunked body', text.replace('"text"', '"chunked"'), TYPES.one, { chunked: true }),

    ask('callers refused', null, 'GET', '/v1/devices', { name: 'no token' }),
    ask('callers refused', null, 'POST', '/v1/events', { name: 'no token, a body', body: text }),
    forged('an empty token', ''),
    forged('a forged token', 'e30.e30.AAAA'),
    forged('no token at all', 'hello'),
    forged('algorithm none', 'eyJhbGciOiJub25lIn0.eyJ0ZW4iOiJhY21lIn0.'),
    forged('a token of 8000 characters', 'x'.repeat(8000)),
    as('an expired token', { lifeSeconds: -10 }),
    as('a token that lives too long', { lifeSeconds: 3600 }),
    as("another cell's token", { cell: 'elsewhere' }),
    as('a token to ingest', { scopes: ['ingest'] }),
    as('a token without scopes', { scopes: [] }),
    as('a tenant in capitals', { tenant: 'ACME' }),
    as('a tenant that is a path', { tenant: '../acme' }),
    as('a token to read parked events', { scopes: ['read'] }, '/v1/parked'),
    ask('callers refused', { ...caller, scopes: ['read'] }, 'POST', '/v1/events', {
      name: 'a token to read',
      body: text,
    }),
    ask('callers refused', { ...caller, scopes: ['read'] }, 'GET', '/v1/health?deep=1'),
    ask('callers refused', null, 'GET', '/v1/health?deep=1', { name: 'deep health without a token' }),
    ask('epochs', { tenant: 'fenced', epoch: 1 }, 'GET', '/v1/devices', { name: 'epoch 1' }),
    ask('epochs', { tenant: 'fenced', epoch: 5 }, 'GET', '/v1/devices', { name: 'epoch 5' }),
    ask('epochs', { tenant: 'fenced', epoch: 4 }, 'GET', '/v1/devices', { name: 'epoch 4' }),
    post('epochs', { tenant: 'fenced', epoch: 4 }, text, { name: 'an event of epoch 4' }),
    ask('epochs', { tenant: 'fenced', epoch: 9, scopes: [] }, 'GET', '/v1/devices', { name: 'epoch 9, no scope' }),
    ask('epochs', { tenant: 'fenced', epoch: 5 }, 'GET', '/v1/devices', { name: 'epoch 5 again' }),
    ask('epochs', { tenant: 'fenced', epoch: 0 }, 'GET', '/v1/devices', { name: 'epoch 0' }),
  ];
}
