// Whatever is sent, the answer is one of the API's own: never a 500, always with trace and cell.
import fc from 'fast-check';
import { TENANT_CODES } from '../../../core/api/refusal.ts';
import { missingCodes } from '../../../core/domain/application.ts';
import { testCell } from '../../support/cell.ts';
import { candidate } from '../../support/events.ts';
import { METERS } from '../../support/meters.ts';
import { property } from '../../support/properties.ts';
import { mint } from '../../support/route-tokens.ts';

const hostile = fc.constantFrom(
  '__proto__',
  'constructor',
  '../..',
  '..%2f',
  '%00',
  '%',
  '%ff',
  '%ED%A0%80',
  '🚰',
  'pump-1',
  'rollups.AAAAAAAAAAAAAAAA',
  'redrive',
  'a|b',
  '!',
  '?',
  '#',
  '\\',
  '//',
  'x'.repeat(2000),
);
const segment = fc.oneof(
  hostile,
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('v1', 'devices', 'events', 'parked', 'readings', 'rollups'),
);
const path = fc.oneof(
  fc.array(segment, { maxLength: 5 }).map((parts) => `/${parts.join('/')}`),
  fc.tuple(fc.constantFrom('/v1/devices/', '/v1/parked/', '/v1/'), segment).map((parts) => parts.join('')),
  fc.tuple(segment, fc.constantFrom('readings', 'rollups')).map(([id, what]) => `/v1/devices/${id}/${what}`),
  fc.constantFrom(
    '/v1/events',
    '/v1/devices',
    '/v1/parked',
    '/v1/parked/redrive',
    '/v1/alerts',
    '/v1/health',
    '/openapi.json',
  ),
);
const query = fc.oneof(
  fc.constant(''),
  fc
    .array(
      fc.tuple(
        fc.oneof(
          fc.constantFrom('limit', 'cursor', 'metric', 'from', 'to', 'order', 'window', 'consumer', 'deep', 'state'),
          hostile,
        ),
        fc.oneof(
          hostile,
          fc.constantFrom(
            '1',
            '0',
            '1000',
            't',
            '1h',
            'asc',
            'rollups',
            '2026-11-21T07:41:00Z',
            '0000-01-01T00:00:00Z',
            '9999-12-31T23:59:60Z',
          ),
          fc.string({ unit: 'binary', maxLength: 30 }),
        ),
      ),
      { maxLength: 4 },
    )
    .map((pairs) => `?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`),
);

const value = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }).map((json) => JSON.stringify(json)),
  fc.constantFrom(
    '1e400',
    '-1e400',
    '-0',
    '""',
    '{"__proto__":{}}',
    '[[[]]]',
    '"\\ud800"',
    '"\\u0000"',
    '{"toJSON":1}',
    '9007199254740993',
  ),
);
const member = fc.oneof(
  fc.constantFrom(
    'id',
    'source',
    'type',
    'subject',
    'time',
    'data',
    'specversion',
    'datacontenttype',
    'traceparent',
    'toString',
    '__proto__',
  ),
  fc.string({ maxLength: 8 }),
);
/** An event with some members replaced or added, as text: what JSON text can say, JSON.stringify cannot always. */
const event = fc.array(fc.tuple(member, value), { maxLength: 4 }).map((changes) => {
  const members = new Map(Object.entries(candidate()).map(([name, each]) => [name, JSON.stringify(each)]));
  for (const [name, text] of changes) members.set(name, text);
  return `{${[...members].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
});
const body = fc.oneof(
  event,
  fc.array(event, { maxLength: 4 }).map((events) => `[${events.join(',')}]`),
  value,
  fc.constantFrom(
    '{"consumer":"rollups"}',
    '{"consumer":"rollups","ids":["x","rollups.AAAAAAAAAAAAAAAA"]}',
    '{"consumer":"__proto__"}',
  ),
  fc.uint8Array({ maxLength: 40 }),
);

const headerValue = fc.stringMatching(/^[\x20-\x7e]{0,30}$/);
const headers = fc.dictionary(
  fc.oneof(
    fc.constantFrom('traceparent', 'content-length', 'ce-id', 'ce-data', 'ce-__proto__', 'ce-time', 'accept'),
    fc.stringMatching(/^ce-[a-z0-9_]{0,10}$/),
  ),
  headerValue,
  { maxKeys: 4 },
);
const contentType = fc.oneof(
  fc.constantFrom(
    'application/cloudevents+json',
    'application/cloudevents-batch+json',
    'application/json',
    'application/json; charset="',
    '',
  ),
  headerValue,
);
const token = fc.oneof(
  { weight: 8, arbitrary: fc.constant(mint()) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', 'x', mint({ claims: { scp: ['read'] } }), mint({ claims: { cel: 'cell-2' } })),
  },
  { weight: 1, arbitrary: headerValue },
);

const KNOWN = new Set<unknown>([...TENANT_CODES, ...Object.keys(missingCodes(METERS))]);

property(
  'every request is answered, and never with a failure of our own',
  fc.record({
    method: fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS'),
    path,
    query,
    headers,
    contentType,
    token,
    body,
  }),
  async (sent) => {
    const cell = testCell();
    await cell.post([candidate()]);
    await cell.pump();
    const hasBody = sent.method !== 'GET' && sent.method !== 'HEAD';
    let request: Request;
    try {
      request = new Request(`https://cell-1.example${sent.path}${sent.query}`, {
        method: sent.method,
        headers: { ...sent.headers, 'content-type': sent.contentType, 'x-polycell-route': sent.token },
        ...(hasBody && { body: sent.body }),
      });
    } catch (error) {
      // What is no request at all does not reach the API.
      expect(error).toHaveProperty('name', 'TypeError');
      return;
    }
    const response = await cell.handle(request);
    expect({ status: response.status < 500, log: cell.log.messages('error') }).toEqual({ status: true, log: [] });
    expect(response.headers.get('x-polycell-cell')).toBe('cell-1');
    expect(response.headers.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);
    const text = await response.text();
    if (response.headers.get('content-type') === 'application/problem+json') {
      const problem = JSON.parse(text) as { code: unknown; status: unknown };
      expect(KNOWN.has(problem.code)).toBe(true);
      expect(problem.status).toBe(response.status);
    }
    // Whatever came in can be relayed and consumed, or is parked: the cell comes to rest.
    await cell.pump();
    expect([cell.bus.waiting('rollups'), cell.bus.waiting('device-state')]).toEqual([0, 0]);
  },
  500,
);
