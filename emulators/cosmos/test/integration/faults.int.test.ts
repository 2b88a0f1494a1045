// Ordered faults, the control interface over HTTP, and splits while the SDK is reading.
import type { Container } from '@azure/cosmos';
import { failureOf, type Harness, rows, startHarness } from './harness.ts';

let harness: Harness;
let container: Container;
beforeAll(async () => {
  harness = await startHarness({ partitionRanges: 2 });
  container = await harness.container('docs');
});
beforeEach(() => {
  harness.emulator.clearFaults();
});
afterAll(async () => {
  await harness.stop();
});

const struck = (): number[] => harness.emulator.listFaults().map((fault) => fault.struck);

test('429 is retried by the SDK after the time the emulator names', async () => {
  harness.emulator.addFault({ operation: 'create', status: 429, retryAfterMs: 5, count: 2 });
  const { headers, statusCode } = await container.items.create({ id: 'throttled', pk: 'a' });
  expect(statusCode).toBe(201);
  expect(headers['x-ms-throttle-retry-count']).toBe(2);
});

test('persistent 429 is thrown with its substatus', async () => {
  harness.emulator.addFault({ operation: 'read', status: 429, retryAfterMs: 1, count: Number.POSITIVE_INFINITY });
  expect(await failureOf(container.item('throttled', 'a').read())).toMatchObject({ code: 429, substatus: 3200 });
  expect(struck()).toEqual([10]);
});

test('449 is not retried, and a fault applies only to what it is aimed at', async () => {
  harness.emulator.addFault({ operation: ['upsert', 'replace'], itemId: 'other', status: 449 });
  harness.emulator.addFault({ container: 'nowhere', status: 449 });
  harness.emulator.addFault({ partitionKey: '["b"]', status: 449, message: 'Retry this.' });
  await container.items.upsert({ id: 'x', pk: 'a' });
  expect(struck()).toEqual([0, 0, 0]);
  const failure = await failureOf(container.items.upsert({ id: 'x', pk: 'b' }));
  expect(failure).toMatchObject({ code: 449, message: expect.stringContaining('Retry this.') });
  expect((await container.items.upsert({ id: 'x', pk: 'b' })).statusCode).toBe(201);
});

test('skip lets requests pass before a fault strikes', async () => {
  harness.emulator.addFault({ operation: 'create', status: 503, skip: 2, count: Number.POSITIVE_INFINITY });
  await container.items.create({ id: 's1', pk: 's' });
  await container.items.create({ id: 's2', pk: 's' });
  expect(await failureOf(container.items.create({ id: 's3', pk: 's' }))).toMatchObject({ code: 503 });
});

test('a connection dropped after applying leaves the write done, and the client in the dark', async () => {
  harness.emulator.addFault({ operation: 'create', drop: true, afterApplying: true });
  expect(await failureOf(container.items.create({ id: 'twice', pk: 'd' }))).toMatchObject({ code: 'ECONNRESET' });
  expect((await container.item('twice', 'd').read()).statusCode).toBe(200);
});

test('a connection dropped before applying leaves nothing', async () => {
  harness.emulator.addFault({ operation: 'create', drop: true });
  expect(await failureOf(container.items.create({ id: 'once', pk: 'd' }))).toMatchObject({ code: 'ECONNRESET' });
  expect(struck()).toEqual([1]);
  expect((await container.items.create({ id: 'once', pk: 'd' })).statusCode).toBe(201);
});

test('a failure after applying is an unknown outcome', async () => {
  harness.emulator.addFault({ operation: 'create', status: 500, afterApplying: true });
  expect(await failureOf(container.items.create({ id: 'unknown', pk: 'd' }))).toMatchObject({ code: 500 });
  expect((await container.item('unknown', 'd').read()).statusCode).toBe(200);
});

test('latency delays a request and nothing else', async () => {
  harness.emulator.addFault({ operation: 'read', itemId: 'once', latencyMs: 150 });
  const order: string[] = [];
  await Promise.all([
    container
      .item('once', 'd')
      .read()
      .then(() => order.push('slow')),
    container
      .item('twice', 'd')
      .read()
      .then(() => order.push('fast')),
  ]);
  expect(order).toEqual(['fast', 'slow']);
});

test('a batch struck by a fault is not applied', async () => {
  harness.emulator.addFault({ operation: 'batch', status: 503, count: Number.POSITIVE_INFINITY });
  const { message } = await failureOf(
    container.items.batch([{ operationType: 'Create', resourceBody: { id: 'batched', pk: 'e' } }], 'e'),
  );
  expect(message).toContain('Batch request error');
  harness.emulator.clearFaults();
  expect((await container.item('batched', 'e').read()).statusCode).toBe(404);
});

test('a query over all ranges goes on after a split', async () => {
  const split = await harness.container('split');
  for (let n = 0; n < 30; n++) await split.items.create({ id: `i${n}`, pk: `p${n}`, n });
  expect(await rows(split, 'SELECT VALUE COUNT(1) FROM c')).toEqual([30]);
  const children = harness.emulator.split('db', 'split');
  expect(children).toEqual(['2', '3']);
  expect(await rows(split, 'SELECT VALUE c.n FROM c ORDER BY c.n')).toEqual(Array.from({ length: 30 }, (_, n) => n));
  const { resources } = await split.readPartitionKeyRanges().fetchAll();
  expect(resources.map(({ id, parents }: { id?: string; parents?: string[] }) => [id, parents])).toEqual([
    ['2', ['0']],
    ['3', ['0']],
    ['1', []],
  ]);
});

test('the control interface does over HTTP what the methods do', async () => {
  const base = `${harness.connection.endpoint}_control`;
  const call = async (
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; json: Record<string, unknown> }> => {
    const response = await fetch(`${base}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  };
  const { json, status } = await call('POST', '/faults', { operation: 'read', status: 449, count: 'always' });
  expect(status).toBe(201);
  expect(await failureOf(container.item('once', 'd').read())).toMatchObject({ code: 449 });
  expect((await call('DELETE', `/faults/${String(json.id)}`)).status).toBe(204);
  expect((await container.item('once', 'd').read()).statusCode).toBe(200);
  const misspelt = await call('POST', '/faults', { operation: 'raed', status: 449 });
  expect([misspelt.status, misspelt.json.message]).toEqual([400, expect.stringContaining("'operation'")]);
  const before = harness.emulator.inspect().now;
  expect((await call('POST', '/clock', { advanceMs: 5000 })).json).toEqual({ now: before + 5000 });
  expect((await call('POST', '/split', { database: 'db', container: 'docs', rangeId: '1' })).json).toEqual({
    ranges: ['2', '3'],
  });
  const state = (await call('GET', '/state')).json as {
    databases: { containers: { id: string; documents: number }[] }[];
  };
  expect(state.databases[0]?.containers.map(({ id }) => id)).toContain('docs');
  expect((await call('POST', '/reset')).json).toEqual({ reset: true });
  expect(harness.emulator.inspect().databases).toEqual([]);
  expect((await call('GET', '/nowhere')).status).toBe(404);
});
