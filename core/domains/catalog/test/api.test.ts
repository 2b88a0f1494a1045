// The catalogue over HTTP: a read shows a write at once, before any consumer has seen it.

import { readAll } from '../../../../test/contract/store/harness.ts';
import { type Call, items, refusal, testCell } from '../../../../test/support/cell.ts';
import { REGISTER_LIMITS } from '../../../replication/register-consumer.ts';
import { catalog } from '../domain.ts';
import { VALUE_CHARACTERS } from '../entity.ts';

const PATH = '/v1/catalog/devices/pump-1';
const cellWith = () => {
  const cell = testCell({ application: [catalog] });
  const send = (method: string, body?: unknown, more: Call = {}) =>
    cell.call(PATH, {
      method,
      ...(body !== undefined && { body }),
      headers: { 'content-type': 'application/json' },
      ...more,
    });
  const read = async (path = PATH) => (await cell.call(path)).body;
  return { cell, send, read };
};

test('PUT replaces an item, PATCH changes fields of it, DELETE removes it, and each read shows it', async () => {
  const { cell, send, read } = cellWith();
  expect(refusal(await send('PATCH', { name: 'Pump' }))).toBe('404 unknown_catalog_device');
  expect(refusal(await send('DELETE'))).toBe('404 unknown_catalog_device');
  expect((await send('PUT', { name: 'Pump', site: 'hall 1' })).status).toBe(202);
  expect(await read()).toEqual({ id: 'pump-1', name: 'Pump', site: 'hall 1', updated: '2026-11-21T07:41:03Z' });
  await send('PATCH', { site: null, model: 'X' });
  expect(await read()).toMatchObject({ name: 'Pump', model: 'X' });
  expect(await read()).not.toHaveProperty('site');
  await send('PUT', { site: 'hall 2' });
  expect(await read()).toEqual({ id: 'pump-1', site: 'hall 2', updated: '2026-11-21T07:41:03.000002Z' });
  await send('DELETE');
  expect(refusal(await cell.call(PATH))).toBe('404 unknown_catalog_device');
  // The consumers come to the same.
  await cell.pump();
  expect(items(await cell.call('/v1/catalog/devices'))).toEqual([]);
  await send('PUT', { name: 'Again' });
  await cell.pump();
  expect(items(await cell.call('/v1/catalog/devices'))).toMatchObject([{ id: 'pump-1', name: 'Again' }]);
});

test('writes at one instant, and of a clock that has gone back, are in the order of the requests', async () => {
  const { cell, send, read } = cellWith();
  for (const name of ['a', 'b', 'c']) await send('PUT', { name });
  expect(await read()).toMatchObject({ name: 'c', updated: '2026-11-21T07:41:03.000002Z' });
  const log = await readAll(cell.events, 'acme|device:pump-1');
  expect(log.map(({ body }) => (body as { data: { name: string } }).data.name)).toEqual(['a', 'b', 'c']);
});

test('a write comes behind an event that a client has posted ahead of the clock, within the bound', async () => {
  const { cell, send, read } = cellWith();
  const time = '2026-11-21T07:46:03Z';
  const type = 'io.polycell.device-described.v1';
  const posted = { specversion: '1.0', id: '1', source: 'urn:test', type, subject: 'device:pump-1', time };
  await cell.post([{ ...posted, data: { name: 'ahead' } }]);
  expect((await send('PUT', { name: 'behind' })).body).toMatchObject({ time: '2026-11-21T07:46:03.000001Z' });
  expect(await read()).toMatchObject({ name: 'behind' });
});

test('a read applies as many events as its limit says: what is older comes with the consumers', async () => {
  const { cell, send, read } = cellWith();
  await send('PUT', { name: 'first' });
  for (let round = 1; round < REGISTER_LIMITS.readEvents; round += 1) await send('PATCH', { serial: String(round) });
  expect(await read()).toMatchObject({ name: 'first' });
  await send('PATCH', { serial: 'last' });
  expect(await read()).toEqual({ id: 'pump-1', serial: 'last', updated: expect.any(String) });
  await cell.pump();
  expect(await read()).toMatchObject({ name: 'first', serial: 'last' });
});

test('a value has as many characters as its limit says, and an id so many that it is a subject with its kind', async () => {
  const { cell, send } = cellWith();
  const name = 'n'.repeat(VALUE_CHARACTERS);
  expect((await send('PUT', { name })).status).toBe(202);
  expect(refusal(await send('PUT', { name: `${name}n` }))).toBe('400 invalid_body');
  expect(refusal(await send('PUT', { unknown: 'x' }))).toBe('400 invalid_body');
  const put = (id: string) =>
    cell.call(`/v1/catalog/devices/${id}`, {
      method: 'PUT',
      body: {},
      headers: { 'content-type': 'application/json' },
    });
  expect((await put('i'.repeat(121))).status).toBe(202);
  expect(refusal(await put('i'.repeat(122)))).toBe('404 unknown_catalog_device');
});

test('an item is derived from the log again', async () => {
  const { cell, send, read } = cellWith();
  await send('PUT', { name: 'Pump' });
  await cell.pump();
  const before = await cell.stored();
  await cell.state.put({ partition: 'catalog.devices|acme', id: 'pump-1', body: { fields: {} } }, 'any');
  const rebuilt = await cell.call('/v1/rebuild', { method: 'POST', body: { consumer: 'catalog' } });
  expect(rebuilt.body).toMatchObject({ subjects: 1, events: 1, done: true });
  const after = await cell.stored();
  expect(after['catalog.devices|acme']?.['pump-1']?.body).toEqual(before['catalog.devices|acme']?.['pump-1']?.body);
  expect(await read()).toMatchObject({ name: 'Pump' });
});
