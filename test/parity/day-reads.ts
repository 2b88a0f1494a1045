// Reads with every parameter, right and wrong, page by page; and what an operator asks for.
import { reading } from '../support/readings.ts';
import { ask, type Caller, deed, event, post, type RequestOptions, type Step, settle } from './recording.ts';

const acme: Caller = { tenant: 'acme', scopes: ['read'] };
const globex: Caller = { tenant: 'globex', scopes: ['read'] };
const operator: Caller = { tenant: 'initech', scopes: ['operate'] };

const DEVICE = '/v1/devices/pump-3';
const NOON = '2024-02-29T12:00:00Z';

export function readSteps(): Step[] {
  const get = (path: string, options: RequestOptions = {}) => ask('reads', acme, 'GET', path, options);
  const paged = (path: string) => ask('pages', acme, 'GET', path, { pages: true });
  const wrong = (path: string) => ask('reads, refused', acme, 'GET', path);
  const queries = [
    '',
    '?metric=temperature',
    '?metric=none',
    '?metric=%C3%BC',
    `?from=${NOON}`,
    `?to=${NOON}`,
    '?from=2024-02-29T06:00:00.000Z&to=2024-02-29T07:30:00%2B01:00',
    `?from=${NOON}&to=2024-02-29T11:00:00Z`,
    '?metric=rpm&from=2024-02-29T03:00:00Z&to=2024-02-29T15:00:00.000001Z',
  ];
  return [
    get('/v1/devices', { remember: 'devices' }),
    get('/v1/devices?limit=3', { remember: 'three' }),
    ...['pump-0', 'pump-3', 'clock', 'pump-binary', 'pump%2D3', 'nobody'].map((id) => get(`/v1/devices/${id}`)),
    ...queries.flatMap((query) => [
      get(`${DEVICE}/readings${query}`),
      ...['1m', '1h', '1d'].map((window) =>
        get(`${DEVICE}/rollups${query}${query === '' ? '?' : '&'}window=${window}&limit=1000`),
      ),
    ]),
    get(`${DEVICE}/rollups`),
    get(`${DEVICE}/readings?order=desc`),
    get(`${DEVICE}/readings?order=asc&limit=1000`),
    get('/v1/devices/clock/readings'),
    get('/v1/devices/clock/rollups?window=1m'),
    get('/v1/devices/clock/rollups?metric=edge&window=1d'),
    get('/v1/alerts'),
    get('/v1/alerts?state=active&limit=5'),
    get('/v1/alerts?state=cleared'),
    ask('reads', globex, 'GET', '/v1/devices'),
    ask('reads', globex, 'GET', '/v1/devices/clock', { name: "another tenant's device" }),
    paged('/v1/devices?limit=5'),
    paged(`${DEVICE}/readings?limit=7`),
    paged(`${DEVICE}/readings?limit=10&order=desc&metric=rpm`),
    paged(`${DEVICE}/rollups?limit=9&window=1h`),
    paged(`${DEVICE}/rollups?limit=20&window=1m&metric=humidity`),

    ask('reads, refused', globex, 'GET', '/v1/devices?limit=3&cursor={three.next}', {
      name: "another tenant's cursor",
    }),
    ask('reads, refused', acme, 'GET', `${DEVICE}/readings?limit=3&cursor={three.next}`, {
      name: "another path's cursor",
    }),
    ask('reads', acme, 'GET', '/v1/devices?limit=4&cursor={three.next}', { name: 'a cursor under another limit' }),
    ...['', 'AAAA', '%00', 'x'.repeat(5000), '%C3%BC', '{}'].map((cursor) => wrong(`/v1/devices?cursor=${cursor}`)),
    ...['0', '-1', '1001', '1e2', '', 'ten', '%D9%A3', '00005', '1&limit=2'].map((limit) =>
      wrong(`/v1/devices?limit=${limit}`),
    ),
    ...['limt=1', 'LIMIT=1', '=1', '&', 'a%00b=1', '%zz=1', 'limit', 'x'.repeat(100), '%F0%9F%98%80=1'].map((query) =>
      wrong(`/v1/devices?${query}`),
    ),
    ...['order=up', 'order=', 'from=now', 'to=2024-02-30T00:00:00Z', 'metric=', 'window=1h', 'from=2024-02-29'].map(
      (query) => wrong(`${DEVICE}/readings?${query}`),
    ),
    ...['window=2h', 'order=asc', 'window=', 'from=x&to=y&window=z'].map((query) =>
      wrong(`${DEVICE}/rollups?${query}`),
    ),
    ...['state=', 'state=ACTIVE'].map((query) => wrong(`/v1/alerts?${query}`)),
    wrong(`${DEVICE}?metric=rpm`),
    wrong('/v1/devices/nobody/readings'),
    wrong('/v1/devices/nobody/rollups'),
    wrong('/v1/devices?limit=5?cursor=1'),
    wrong('/v1/devices?a+b=1&a%2Bb=2'),
    ask('reads', null, 'GET', '/v1/health'),
    ask('reads', operator, 'GET', '/v1/health?deep=1'),
    ask('reads, refused', operator, 'GET', '/v1/health?deep=2'),
    ask('reads, refused', operator, 'GET', '/v1/health?nonce=2'),
    ask('reads', null, 'GET', '/openapi.json'),
    ask('reads, refused', null, 'GET', '/openapi.json?x=1'),
  ];
}

/** A faulty release parks what it stumbles over; the operator looks, redrives and drops. */
export function operationSteps(): Step[] {
  const poison = Array.from({ length: 5 }, (_, index) =>
    event(
      reading({ id: `bad-${index}`, device: `p-${index % 2}`, metric: 'poison', time: `2024-02-29T10:0${index}:00Z` }),
    ),
  );
  const fine = Array.from({ length: 20 }, (_, index) =>
    event(reading({ id: `fine-${index}`, device: 'p-0', time: '2024-02-29T10:30:00Z', value: index / 10 })),
  );
  const operate = (method: string, path: string, options: RequestOptions = {}) =>
    ask('operations', operator, method, path, options);
  const redrive = (name: string, body: unknown) =>
    operate('POST', '/v1/parked/redrive', { name, body: typeof body === 'string' ? body : JSON.stringify(body) });
  return [
    operate('GET', '/v1/parked', { name: 'nothing is parked' }),
    deed('release faulty'),
    post('operations', { tenant: 'initech' }, [...poison, ...fine], { name: 'a batch with poison' }),
    settle('initech', 20, 10),
    operate('GET', '/v1/parked', { remember: 'all', name: 'everything parked' }),
    ask('operations', operator, 'GET', '/v1/parked?limit=3', { pages: true }),
    ask('operations', operator, 'GET', '/v1/parked?consumer=rollups&limit=2', { pages: true, remember: 'rollups' }),
    operate('GET', '/v1/parked?consumer=device-state', { remember: 'states' }),
    operate('GET', '/v1/parked?consumer=relay'),
    operate('GET', '/v1/parked?consumer=nobody'),
    operate('GET', '/v1/parked?consumer='),
    operate('GET', '/v1/parked?limit=0'),
    operate('GET', '/v1/parked?cursor=AAAA'),
    operate('GET', '/v1/parked?consumer=device-state&limit=2&cursor={rollups.next}', {
      name: "another consumer's cursor",
    }),
    ask('operations', { tenant: 'acme', scopes: ['operate'] }, 'GET', '/v1/parked', {
      name: 'parked for another tenant',
    }),
    ask('operations', { tenant: 'acme', scopes: ['operate'] }, 'DELETE', '/v1/parked/{states.items.0.id}', {
      name: "another tenant's parked event dropped",
    }),
    ...[
      'device-state.0000',
      'nobody.0000',
      'x',
      '..',
      '%00',
      'device-state.%2F',
      `device-state.${'0'.repeat(600)}`,
    ].map((id) => operate('DELETE', `/v1/parked/${id}`)),
    operate('DELETE', '/v1/parked/{states.items.0.id}?force=1', { name: 'dropped with a parameter' }),
    operate('DELETE', '/v1/parked/{states.items.0.id}', { name: 'dropped' }),
    operate('DELETE', '/v1/parked/{states.items.0.id}', { name: 'dropped again' }),
    operate('DELETE', '/v1/parked/{rollups.items.0.id}', { name: "dropped, the other consumer's" }),
    redrive('no body', ''),
    redrive('no object', '[]'),
    redrive('no consumer', {}),
    redrive('an unknown consumer', { consumer: 'nobody' }),
    redrive('ids that are no list', { consumer: 'rollups', ids: 'x' }),
    redrive('ids that are no texts', { consumer: 'rollups', ids: [1] }),
    redrive('101 ids', { consumer: 'rollups', ids: Array.from({ length: 101 }, String) }),
    redrive('too large a body', { consumer: 'rollups', note: 'x'.repeat(65 * 1024) }),
    redrive('ids that are not there', {
      consumer: 'rollups',
      ids: ['rollups.0000', 'device-state.0000', '\u0000', ''],
    }),
    redrive('nothing of the relay', { consumer: 'relay' }),
    operate('POST', '/v1/parked/redrive?all=1', { body: '{"consumer":"rollups"}' }),
    deed('release healthy'),
    redrive(
      'one of them, twice in the list',
      '{"consumer":"rollups","ids":["{rollups.items.1.id}","{rollups.items.1.id}"]}',
    ),
    redrive('the same one again', '{"consumer":"rollups","ids":["{rollups.items.1.id}"]}'),
    redrive('all of a consumer', { consumer: 'rollups' }),
    redrive('all of the other', { consumer: 'device-state', ids: undefined }),
  ];
}
