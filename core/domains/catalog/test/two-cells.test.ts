// The catalogue in both cells of a tenant: writes at each side of a failover come to the same in both, and losers are kept.
import fc from 'fast-check';
import { items, type Loose, refusal, testCell } from '../../../../test/support/cell.ts';
import { property } from '../../../../test/support/properties.ts';
import { tenantCells } from '../../../../test/support/tenant-cells.ts';
import { consumerNamed } from '../../../domain/application.ts';
import { toLogDocument } from '../../../events/cloud-event.ts';
import type { CloudEvent } from '../../../ports/cloud-event.ts';
import type { JsonObject } from '../../../ports/json.ts';
import type { Store } from '../../../ports/store.ts';
import { catalog } from '../domain.ts';

const PATH = '/v1/catalog/devices/pump-1';
const headers = { 'content-type': 'application/json' };

const twoCells = () => {
  const all = tenantCells([catalog]);
  const send = (id: string, method: string, body?: JsonObject) =>
    all.ask(id, PATH, { method, headers, ...(body !== undefined && { body }) });
  const exchange = async () => {
    for (const id of ['home', 'standby']) await all.push(id);
    for (const id of ['home', 'standby']) await all.cell(id).pump();
  };
  const documents = async (id: string) => {
    const found = (await all.cell(id).stored())['catalog.devices|acme'] ?? {};
    return Object.fromEntries(Object.entries(found).map(([key, { body }]) => [key, body]));
  };
  const conflicts = async (id: string): Promise<readonly Loose[]> => items(await all.ask(id, '/v1/conflicts'));
  return { ...all, send, exchange, documents, conflicts };
};

test('a write at each side of a failover: fields are merged, and the later epoch stands where both wrote', async () => {
  const { send, exchange, documents, conflicts, state, ask, push, clock } = twoCells();
  await send('home', 'PUT', { name: 'Pump', site: 'hall 1' });
  await exchange();
  expect(await documents('standby')).toEqual(await documents('home'));
  // The home accepts what the standby never sees before it takes over.
  clock.jump(2000);
  await send('home', 'PATCH', { site: 'from home', model: 'X' });
  state.switches = 1;
  await send('standby', 'PATCH', { site: 'from standby' });
  await exchange();
  expect(await documents('home')).toEqual(await documents('standby'));
  for (const id of ['home', 'standby']) {
    expect((await ask(id, PATH)).body).toMatchObject({ name: 'Pump', site: 'from standby', model: 'X' });
    expect(await conflicts(id)).toMatchObject([
      {
        event: { data: { site: 'from home', model: 'X' } },
        epoch: 1,
        origin: 'home',
        standsEpoch: 2,
        stands: { data: { site: 'from standby' } },
        fields: ['site'],
      },
    ]);
  }
  // What has seen the other's write collides with nothing.
  await send('standby', 'PATCH', { site: 'again' });
  await push('standby');
  await exchange();
  expect(await conflicts('home')).toHaveLength(1);
});

test('a log-only standby keeps the catalogue warm: its reads and writes wait for nothing at a takeover', async () => {
  const { send, exchange, documents, conflicts, state, tell, ask } = twoCells();
  state.standbyMode = 'log-only';
  await tell('standby');
  await send('home', 'PUT', { name: 'Pump', site: 'hall 1' });
  await exchange();
  expect(await documents('standby')).toEqual(await documents('home'));
  state.switches = 1;
  expect((await ask('standby', PATH)).body).toMatchObject({ name: 'Pump', site: 'hall 1' });
  expect((await send('standby', 'PATCH', { site: 'hall 2' })).status).toBe(202);
  await exchange();
  // It knew what the home had written.
  expect(await conflicts('standby')).toEqual([]);
});

test('a removal at the new home stands against a write that the old one accepted before it knew', async () => {
  const { send, exchange, conflicts, state, ask } = twoCells();
  await send('home', 'PUT', { name: 'Pump' });
  await exchange();
  await send('home', 'PATCH', { site: 'late' });
  state.switches = 1;
  await send('standby', 'DELETE');
  await exchange();
  for (const id of ['home', 'standby']) {
    expect(refusal(await ask(id, PATH))).toBe('404 unknown_catalog_device');
    expect(await conflicts(id)).toMatchObject([{ event: { data: { site: 'late' } }, fields: ['site'] }]);
  }
});

/** An event that a client posts itself. */
const posted = (value: string, second: number): JsonObject => ({
  specversion: '1.0',
  id: value,
  source: 'urn:import',
  type: 'io.polycell.device-described.v1',
  subject: 'device:pump-1',
  time: `2026-11-21T07:41:0${second}Z`,
  data: { site: value },
});

test('where a copy of a lower epoch takes an event’s place, the item follows', async () => {
  const { send, push, exchange, documents, state, cell, ask } = twoCells();
  const post = (id: string, event: JsonObject, epoch: number) =>
    cell(id).post([event], { token: { claims: { cel: id, epo: epoch } } });
  await post('home', posted('first', 1), 1);
  await post('home', posted('second', 2), 1);
  // The client repeats the earlier one after a failover, of which the standby knows nothing: there it has the later epoch.
  state.switches = 1;
  await post('standby', posted('first', 1), 2);
  await cell('standby').pump();
  await push('home');
  await exchange();
  expect(await documents('standby')).toEqual(await documents('home'));
  expect((await ask('home', PATH)).body).toMatchObject({ site: 'second' });
  expect((await documents('home'))['pump-1']).toMatchObject({ fields: { site: expect.arrayContaining([1, 'home']) } });
  await send('standby', 'DELETE');
  await exchange();
  expect(await documents('standby')).toEqual(await documents('home'));
});

test('a copy that is replaced while its item is written is found, and the item derived anew', async () => {
  const { events, state, clock, ids } = testCell({ application: [catalog] });
  const event = posted('first', 1) as unknown as CloudEvent;
  const copy = (origin: string, epoch: number) => toLogDocument('acme', event, { origin, epoch });
  await events.put(copy('standby', 2), 'absent');
  let puts = 0;
  const replacing = new Proxy(state, {
    get: (target, name) =>
      name !== 'put'
        ? Reflect.get(target, name)
        : async (...call: Parameters<Store['put']>) => {
            puts += 1;
            if (puts === 1) await events.put(copy('home', 1), 'any');
            return target.put(...call);
          },
  });
  const consumer = consumerNamed([catalog], 'catalog').create({ events, state: replacing, clock, ids });
  await consumer.apply([{ tenant: 'acme', event }]);
  const { body } = (await state.get({ partition: 'catalog.devices|acme', id: 'pump-1' })) ?? {};
  expect([puts, body]).toEqual([2, { fields: { site: ['first', 1, expect.any(String), 'home'] } }]);
});

property(
  'both cells have the same documents once each has the other’s log, whatever was written where',
  fc.array(
    fc.oneof(
      fc.record({ kind: fc.constantFrom('PUT' as const, 'PATCH' as const), site: fc.constantFrom('x', 'y', null) }),
      fc.record({ kind: fc.constantFrom('DELETE' as const, 'failover' as const, 'pump' as const, 'push' as const) }),
    ),
    { maxLength: 12 },
  ),
  async (all) => {
    const { send, exchange, documents, state, cell, push } = twoCells();
    const home = () => (state.switches % 2 === 0 ? 'home' : 'standby');
    for (const each of all) {
      if (each.kind === 'failover') state.switches += 1;
      else if (each.kind === 'pump') await cell(home()).pump();
      else if (each.kind === 'push') await push(home());
      else await send(home(), each.kind, 'site' in each ? { site: each.site } : undefined);
    }
    await exchange();
    expect(await documents('home')).toEqual(await documents('standby'));
  },
  25,
);
