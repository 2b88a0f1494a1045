// Pages of large items: an answer stays within what Lambda hands over, and paging still shows everything once.

import type { Loose, TestCell } from '../../../../test/support/cell.ts';
import { candidate, reading } from '../../../../test/support/events.ts';
import { DEVICE_METRICS, DEVICE_STATE_ID } from '../device-state.ts';
import { partitions } from '../partitions.ts';
import { telemetryCell } from './filled-cell.ts';

/** Bytes of a function's answer: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const LAMBDA_BYTES = 6 * 1024 * 1024;

/** All items by pages, each of which must fit into Lambda's answer in JSON, with headers and the rest. */
async function paged(cell: TestCell, path: string): Promise<{ items: Loose[]; pages: number }> {
  const items: Loose[] = [];
  let cursor = '';
  for (let pages = 1; pages <= 100; pages += 1) {
    const { status, body } = await cell.call(path + cursor);
    expect(status).toBe(200);
    expect(Buffer.byteLength(JSON.stringify({ body: JSON.stringify(body) }))).toBeLessThan(LAMBDA_BYTES - 4096);
    items.push(...(body.items as unknown as Loose[]));
    if (body.next === null) return { items, pages };
    cursor = `&cursor=${String(body.next)}`;
  }
  throw new Error('The pages have no end.');
}

/** Puts a device there with as many metrics as it may have, whose names and units are as long in JSON as they may be. */
async function announce(cell: TestCell, id: string, metrics = DEVICE_METRICS): Promise<void> {
  const last = {
    value: -1.234567890123456e-300,
    unit: '"'.repeat(48),
    time: '2026-11-21T07:41:00.000Z',
    position: 'p',
  };
  const names = Array.from({ length: metrics }, (_, index) => '"'.repeat(125) + String(index).padStart(3, '0'));
  const body = { readings: 1, metrics: Object.fromEntries(names.map((name) => [name, last])) };
  await cell.state.put({ partition: partitions.device.of('acme', id), id: DEVICE_STATE_ID, body }, 'any');
  await cell.state.put({ partition: partitions.devices.of('acme'), id, body: null }, 'any');
}

const numbered = (index: number) => `d-${String(index).padStart(3, '0')}`;
const ids = (items: readonly Loose[]) => items.map(({ id }) => String(id));

test('devices of very many metrics', async () => {
  const cell = telemetryCell();
  const all = Array.from({ length: 150 }, (_, index) => numbered(index));
  for (const id of all) await announce(cell, id);
  const { items, pages } = await paged(cell, '/v1/devices?limit=1000');
  expect(ids(items)).toEqual(all);
  expect(pages).toBeGreaterThan(2);
  expect(pages).toBeLessThan(15);
});

test('small devices fill the page', async () => {
  const cell = telemetryCell();
  const all = Array.from({ length: 300 }, (_, index) => numbered(index));
  for (const id of all) await announce(cell, id, 1);
  expect(await paged(cell, '/v1/devices?limit=1000')).toMatchObject({ pages: 1, items: all.map((id) => ({ id })) });
});

test('a device that comes while a page is cut is shown once, and keeps no other from being shown', async () => {
  let late = false;
  const cell = telemetryCell({
    state: (method) => {
      // The second query for ids is the one that cuts the page.
      if (method === 'query' && cell.state.calls.query % 2 === 0 && !late) {
        late = true;
        void announce(cell, 'd-000-late');
      }
      return undefined;
    },
  });
  const all = Array.from({ length: 60 }, (_, index) => numbered(index));
  for (const id of all) await announce(cell, id);
  const { items } = await paged(cell, '/v1/devices?limit=1000');
  expect(late).toBe(true);
  expect([...new Set(ids(items))]).toHaveLength(items.length);
  expect(ids(items).filter((id) => id !== 'd-000-late')).toEqual(all);
});

test('parked events that escaping doubles', async () => {
  const cell = telemetryCell();
  for (let index = 0; index < 40; index += 1) {
    const event = { ...reading({ id: `r-${index}` }), note: '"'.repeat(95 * 1024) };
    await cell.parking.park({ consumer: 'rollups', tenant: 'acme', event, reason: { code: 'x', message: 'm' } });
  }
  const { items } = await paged(cell, '/v1/parked?consumer=rollups&limit=1000');
  expect(items).toHaveLength(40);
});

test('readings whose every text is as long as it may be', async () => {
  const cell = telemetryCell();
  const text = '"'.repeat(250);
  for (let batch = 0; batch < 10; batch += 1) {
    const events = Array.from({ length: 100 }, (_, index) =>
      candidate({
        id: `${text}${batch}-${index}`,
        source: text,
        data: { metric: '\u0001'.repeat(128), value: -1.234567890123456e-300, unit: '\u0001'.repeat(48) },
      }),
    );
    expect((await cell.post(events)).status).toBe(202);
  }
  expect((await paged(cell, '/v1/devices/pump-1/readings?limit=1000')).items).toHaveLength(1000);
});

test('readings whose events are as large as they may be', async () => {
  const cell = telemetryCell();
  for (let index = 0; index < 60; index += 1)
    expect(
      (await cell.post([candidate({ id: `r-${index}`, data: { metric: 't', value: 1, note: 'x'.repeat(200_000) } })]))
        .status,
    ).toBe(202);
  const { items } = await paged(cell, '/v1/devices/pump-1/readings?limit=100');
  expect(items).toHaveLength(60);
});
