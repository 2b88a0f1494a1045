// The catalogue: items described, changed and removed, whatever order events arrive in.
import { exactlyOnce, given } from '../../../../test/support/given.ts';
import type { JsonObject } from '../../../ports/json.ts';
import { catalog } from '../domain.ts';

const event = (type: string, subject: string, second: number, data: JsonObject): JsonObject => ({
  specversion: '1.0',
  id: `${second}`,
  source: 'urn:test',
  type: `io.polycell.${type}.v1`,
  subject,
  time: `2026-11-20T08:00:${String(second).padStart(2, '0')}Z`,
  data,
});
const described = (second: number, fields: JsonObject) => event('device-described', 'device:pump-1', second, fields);
const removed = (second: number) => event('device-removed', 'device:pump-1', second, {});
const PATH = '/v1/catalog/devices/pump-1';
const UNKNOWN = { code: 'unknown_catalog_device', status: 404 };

const first = described(1, { name: 'Pump', site: 'hall 1' });
const moved = described(2, { site: 'hall 2' });
const bare = described(3, { name: null });

test.each([{}, { order: 'reversed' }, { groups: 1, repeats: 2, workers: 2 }] as const)(
  'each field has the value that was written last, and none where that is null (%j)',
  async (way) => {
    await given(catalog, first, moved, bare)
      .when(way)
      .thenAnswer(PATH, { id: 'pump-1', site: 'hall 2', updated: '2026-11-20T08:00:03Z' });
  },
);

test.each([{}, { order: 'reversed' }] as const)(
  'a removal takes everything away that was written before, and nothing that comes after (%j)',
  async (way) => {
    await given(catalog, first, moved, removed(4)).when(way).thenAnswer(PATH, expect.objectContaining(UNKNOWN));
    await given(catalog, first, removed(2), described(3, { model: 'X' }))
      .when(way)
      .thenAnswer(PATH, { id: 'pump-1', model: 'X', updated: '2026-11-20T08:00:03Z' });
    await given(catalog, first, removed(2)).when(way).thenAnswer('/v1/catalog/devices', { items: [], next: null });
  },
);

test('devices and customers are kept apart, and listed by id', async () => {
  const customer = event('customer-described', 'customer:pump-1', 1, { name: 'Acme' });
  const other = event('device-described', 'device:boiler', 1, { customer: 'pump-1' });
  const outcome = given(catalog, first, customer, other).when();
  await outcome.thenAnswer('/v1/catalog/customers/pump-1', {
    id: 'pump-1',
    name: 'Acme',
    updated: '2026-11-20T08:00:01Z',
  });
  await outcome.thenAnswer('/v1/catalog/devices', {
    items: [
      { id: 'boiler', customer: 'pump-1', updated: '2026-11-20T08:00:01Z' },
      { id: 'pump-1', name: 'Pump', site: 'hall 1', updated: '2026-11-20T08:00:01Z' },
    ],
    next: null,
  });
});

test('an event of another kind’s subject is refused by its name', async () => {
  await given(catalog, event('device-described', 'customer:c-1', 1, {}))
    .when()
    .thenRefused('The event 1 of the type io.polycell.device-described.v1 has the subject customer:c-1.');
});

exactlyOnce(catalog);
