// Writes of a domain: a request becomes one event, which is accepted as any other is, and once for each idempotency key.
import { IDEMPOTENCY_LIMITS } from '../../../core/http/writes.ts';
import { WRITE_LIMITS } from '../../../core/pipeline/write-once.ts';
import { readAll } from '../../contract/store/harness.ts';
import { type Call, refusal, type TestCell, testCell } from '../../support/cell.ts';
import { tenantCells } from '../../support/tenant-cells.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const PATH = '/v1/devices/pump-1/reading';

/** With a token that is valid now. */
const call = (cell: TestCell, path: string, more: Call) => {
  const iat = Math.floor(cell.clock.now() / 1000);
  return cell.call(path, { token: { claims: { iat, exp: iat + 60 } }, ...more });
};
const put = (cell: TestCell, value: unknown, { headers, ...more }: Call = {}) =>
  call(cell, PATH, { method: 'PUT', body: { value }, headers: { ...JSON_TYPE, ...headers }, ...more });
const keyed = (key: string) => ({ headers: { 'idempotency-key': key } });

const logOf = (cell: Pick<TestCell, 'events'>) => readAll(cell.events, 'acme|pump-1');

test('a write is an event in the log, with the cell and the epoch that accepted it, and reaches the consumers', async () => {
  const cell = testCell();
  const { status, body } = await put(cell, 7);
  expect([status, body]).toEqual([
    202,
    {
      id: expect.any(String),
      source: 'urn:polycell:write:readMeter',
      time: '2026-11-21T07:41:03.000Z',
      status: 'accepted',
    },
  ]);
  expect(await logOf(cell)).toMatchObject([
    { body: { id: body.id, data: { metric: 'level', value: 7 } }, beside: { origin: 'cell-1', epoch: 1 } },
  ]);
  await cell.pump();
  expect((await cell.call('/v1/devices/pump-1')).body).toEqual({ id: 'pump-1', readings: 1 });
  // Without a key, a repeat is another write.
  await put(cell, 7);
  expect(await logOf(cell)).toHaveLength(2);
});

test('parameters and a subject of its own are as declared', async () => {
  const cell = testCell();
  await cell.call(`${PATH}?metric=flow`, { method: 'PUT', body: { value: 1 }, headers: JSON_TYPE });
  expect(await logOf(cell)).toMatchObject([{ body: { data: { metric: 'flow' } } }]);
  expect(refusal(await cell.call(`${PATH}?other=1`, { method: 'PUT', body: { value: 1 }, headers: JSON_TYPE }))).toBe(
    '400 invalid_parameter',
  );
});

test('a write without a body, about something that is not there, is refused', async () => {
  const cell = testCell();
  expect(refusal(await cell.call(PATH, { method: 'DELETE' }))).toBe('404 unknown_device');
  await put(cell, 1);
  await cell.pump();
  expect((await cell.call(PATH, { method: 'DELETE' })).status).toBe(202);
  expect(await logOf(cell)).toHaveLength(2);
});

test.each<[string, Call, string]>([
  ['another member', { body: { value: 1, more: 2 } }, '400 invalid_body'],
  ['a value of another type', { body: { value: 'x' } }, '400 invalid_body'],
  ['an integer that no double holds', { body: '{"value":9007199254740993}' }, '400 invalid_body'],
  ['no JSON', { body: '{' }, '400 invalid_json'],
  ['another type', { headers: { 'content-type': 'text/plain' } }, '415 unsupported_media_type'],
  ['more than an event holds', { body: `{"value":1${' '.repeat(200 * 1024)}}` }, '413 payload_too_large'],
  ['a condition', { headers: { ...JSON_TYPE, 'if-match': '"1"' } }, '400 unsupported_condition'],
  ['an empty key', { headers: { ...JSON_TYPE, 'idempotency-key': '""' } }, '400 invalid_idempotency_key'],
  ['a token without the scope', { token: { claims: { scp: ['read'] } } }, '403 missing_scope'],
])('%s is refused, and nothing is stored', async (_name, call, code) => {
  const cell = testCell();
  expect(refusal(await cell.call(PATH, { method: 'PUT', body: { value: 1 }, headers: JSON_TYPE, ...call }))).toBe(code);
  expect(await logOf(cell)).toEqual([]);
});

test('a key has as many characters as its limit says, and not one more', async () => {
  const cell = testCell();
  const key = 'k'.repeat(IDEMPOTENCY_LIMITS.keyCharacters);
  expect((await put(cell, 1, keyed(key))).status).toBe(202);
  expect(refusal(await put(cell, 1, keyed(`${key}k`)))).toBe('400 invalid_idempotency_key');
});

test('a repeat with the key is the same event, quoted or not, and another request with it is refused', async () => {
  const cell = testCell();
  const first = await put(cell, 1, keyed('order-1'));
  cell.clock.jump(60_000);
  const again = await put(cell, 1, keyed('"order-1"'));
  expect(again.body).toEqual({ ...first.body, status: 'duplicate' });
  expect(refusal(await put(cell, 2, keyed('order-1')))).toBe('422 idempotency_key_reused');
  // Of another subject, or another write, it is another key.
  await cell.call('/v1/devices/pump-2/reading', {
    method: 'PUT',
    body: { value: 2 },
    headers: { ...JSON_TYPE, ...keyed('order-1').headers },
  });
  await cell.pump();
  expect((await cell.call(PATH, { method: 'DELETE', ...keyed('order-1') })).body).toMatchObject({ status: 'accepted' });
  expect(await logOf(cell)).toHaveLength(2);
});

test('of many requests with one key at once, one event is stored', async () => {
  const cell = testCell();
  const answers = await Promise.all(Array.from({ length: 20 }, () => put(cell, 1, keyed('k'))));
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202));
  expect(answers.filter(({ body }) => String(body.status) === 'accepted')).toHaveLength(1);
  expect(await logOf(cell)).toHaveLength(1);
});

test('a request that ended between its note and the log is completed by its repeat, as it was', async () => {
  const cell = testCell();
  const { events } = cell;
  const append = events.append;
  events.append = async () => Promise.reject(new Error('The process ended.'));
  expect(refusal(await put(cell, 1, keyed('k')))).toBe('500 internal_error');
  events.append = append;
  cell.clock.jump(5000);
  expect((await put(cell, 1, keyed('k'))).body).toMatchObject({ status: 'accepted', time: '2026-11-21T07:41:03.000Z' });
});

test('a key is forgotten after its time', async () => {
  const cell = testCell();
  await put(cell, 1, keyed('k'));
  cell.clock.jump(WRITE_LIMITS.rememberedMs - 1);
  expect((await put(cell, 1, keyed('k'))).body).toMatchObject({ status: 'duplicate' });
  cell.clock.jump(2);
  expect((await put(cell, 1, keyed('k'))).body).toMatchObject({ status: 'accepted' });
});

test('a repeat after a failover is a duplicate if the standby has the event', async () => {
  const { cell, push, state, ask } = tenantCells();
  const write = (id: string, value: number) =>
    ask(id, PATH, { method: 'PUT', body: { value }, headers: { ...JSON_TYPE, ...keyed('k').headers } });
  expect((await write('home', 1)).body).toMatchObject({ status: 'accepted' });
  await push('home');
  state.switches = 1;
  expect((await write('standby', 1)).body).toMatchObject({ status: 'duplicate', time: '2026-11-21T07:41:03.000Z' });
  expect(refusal(await write('standby', 2))).toBe('422 idempotency_key_reused');
  expect(await logOf(cell('standby'))).toHaveLength(1);
});
