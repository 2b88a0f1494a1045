// Parking and redriving under the API: keys, repeats, and races between them.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { parking } from '../../../core/pipeline/parking.ts';
import { redrive } from '../../../core/pipeline/redrive.ts';
import { checkedStore } from '../../../core/ports/checked-store.ts';
import { reading } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type FaultPlan, faultyStore } from '../../support/faulty-store.ts';
import { LoopbackBus } from '../../support/loopback-bus.ts';

function setUp(plan?: FaultPlan) {
  const clock = new FakeClock();
  const state = faultyStore(checkedStore(new MemoryStore({ clock })), plan);
  const bus = new LoopbackBus();
  const parked = parking({ state, clock });
  const park = (id: string, code = 'x', tenant = 'acme') =>
    parked.park({ consumer: 'rollups', tenant, event: reading({ id }), reason: { code, message: 'm' } });
  return { clock, state, bus, parked, park, send: redrive({ state, bus }) };
}

test('an event is parked once for each consumer; parking it again replaces its reason', async () => {
  const { park, parked, clock } = setUp();
  await park('a', 'first');
  await clock.advance(1000);
  await park('a', 'second');
  const { items } = await parked.list('rollups', 'acme', 10);
  expect(items).toMatchObject([{ parkedAt: '2026-11-21T07:41:04.000Z', reason: { code: 'second' } }]);
  expect(await parked.list('device-state', 'acme', 10)).toEqual({ items: [] });
});

test("a list holds one tenant's, by pages", async () => {
  const { park, parked } = setUp();
  for (const id of ['a', 'b', 'c']) await park(id);
  await park('d', 'x', 'acme2');
  await park('e', 'x', 'acm');
  const first = await parked.list('rollups', 'acme', 2);
  expect(first.items).toHaveLength(2);
  const second = await parked.list('rollups', 'acme', 2, first.next);
  expect(second.items).toHaveLength(1);
  expect(second.next).toBeUndefined();
});

test('parked anew while it is redriven, it stays', async () => {
  const { park, parked, bus, state } = setUp();
  await park('a');
  const racing = redrive({
    state,
    bus: {
      publish: async (messages) => {
        const outcomes = await bus.publish(messages);
        await park('a', 'again');
        return outcomes;
      },
    },
  });
  expect(await racing({ consumer: 'rollups', tenant: 'acme' })).toEqual({ redriven: 1, failed: 0, more: false });
  expect((await parked.list('rollups', 'acme', 10)).items).toMatchObject([{ reason: { code: 'again' } }]);
});

test('dropped while it is redriven, it is gone', async () => {
  const { park, parked, bus, state } = setUp();
  await park('a');
  const [item] = (await parked.list('rollups', 'acme', 10)).items;
  const racing = redrive({
    state,
    bus: {
      publish: async (messages) => {
        await parked.drop(item?.id ?? '', 'acme');
        return bus.publish(messages);
      },
    },
  });
  expect(await racing({ consumer: 'rollups', tenant: 'acme' })).toMatchObject({ redriven: 1 });
  expect((await parked.list('rollups', 'acme', 10)).items).toEqual([]);
});

test('a crash between sending and removing sends it again, and loses nothing', async () => {
  let down = true;
  const { park, send, bus, parked } = setUp((method) =>
    method === 'delete' && down ? { code: 'unavailable', when: 'before' } : undefined,
  );
  await park('a');
  await expect(send({ consumer: 'rollups', tenant: 'acme' })).rejects.toMatchObject({ code: 'unavailable' });
  down = false;
  expect(await send({ consumer: 'rollups', tenant: 'acme' })).toMatchObject({ redriven: 1 });
  expect(bus.published).toHaveLength(2);
  expect((await parked.list('rollups', 'acme', 10)).items).toEqual([]);
});

test('a message to one consumer names it, the relay sends to all', async () => {
  const { park, parked, send, bus } = setUp();
  await park('a');
  await parked.park({
    consumer: 'relay',
    tenant: 'acme',
    event: reading({ id: 'b' }),
    reason: { code: 'x', message: 'm' },
  });
  await send({ consumer: 'rollups', tenant: 'acme' });
  await send({ consumer: 'relay', tenant: 'acme' });
  expect(bus.published.map(({ consumer, event }) => [consumer, event.id])).toEqual([
    ['rollups', 'a'],
    [undefined, 'b'],
  ]);
});

test('a parked document that is none is told to be a bug', async () => {
  const { parked, state } = setUp();
  await state.put({ partition: 'parked|rollups', id: 'acme!AAAAAAAAAAAAAAAA', body: 'x' }, 'any');
  await expect(parked.list('rollups', 'acme', 10)).rejects.toThrow(
    'The parked document acme!AAAAAAAAAAAAAAAA is not one.',
  );
});
