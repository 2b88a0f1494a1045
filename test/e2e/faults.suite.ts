// The faults that a cell must survive, on whichever cloud: no accepted event is lost, and no effect happens twice.
import { soak } from '../soak/soak.ts';
import { CellClient, type Device, type Rollup } from '../support/cell-client.ts';
import type { CellHarness } from '../support/cell-harness.ts';
import { eventually } from '../support/eventually.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { manyReadings, reading } from '../support/readings.ts';

interface Parked {
  readonly id: string;
  readonly consumer: string;
  readonly reason: { readonly code: string; readonly message: string };
  readonly event: { readonly id: string };
}

/** Each of several tries takes as long as its platform leaves a dead or hanging worker its messages, in milliseconds. */
const PARKED_WITHIN_MS = 4 * PATIENCE_MS;

/** Declares the suite for one kind of cell. */
export function faultSuite(name: string, open: () => Promise<CellHarness>): void {
  describe(`a cell on ${name} survives`, () => {
    let cell: CellHarness;
    beforeAll(async () => {
      cell = await open();
    });
    afterAll(() => cell.close());
    afterEach(() => cell.release('healthy'));

    const parkedOf = (client: CellClient) => client.all<Parked>('/v1/parked');

    test('workers killed in the middle of a batch', async () => {
      const tenant = new CellClient(cell, 'killed');
      const held = cell.store.holdWrites();
      await tenant.postUntilTaken(manyReadings(200, 10));
      await held.waiting;
      expect(await cell.killWorkers()).toBeGreaterThan(0);
      held.release();
      await tenant.settled(200);
      expect(await parkedOf(tenant)).toEqual([]);
    });

    test('a load for some seconds while workers and relay are killed, as npm run soak does it for an hour', async () => {
      const memory = async () => 0;
      const times = { durationMs: 5000, measureMs: 1000, killEveryMs: 2000 };
      const report = await soak({ cell, ...times, memory, progress: () => undefined });
      expect(report).toMatchObject({ kills: 2, lost: 0, twice: 0, parked: 0, deadLetters: 0 });
      expect(report.acknowledged).toBeGreaterThan(10);
    });

    test('a store that throttles', async () => {
      const tenant = new CellClient(cell, 'throttled');
      cell.store.throttle(12);
      await tenant.postUntilTaken(manyReadings(100, 10));
      cell.store.throttle(12);
      await tenant.settled(100);
    });

    test('batches of which some entries fail in the store and on the bus', async () => {
      const tenant = new CellClient(cell, 'partial');
      cell.store.failSomeEntries(2);
      cell.bus.failSomeEntries(3);
      expect(await tenant.postNew(manyReadings(100, 10))).toBe(100);
      await tenant.settled(100);
    });

    test('writes whose answers are lost', async () => {
      const tenant = new CellClient(cell, 'lost-answers');
      cell.store.loseAnswers(4);
      cell.bus.loseAnswers(2);
      expect(await tenant.postNew(manyReadings(100, 10))).toBe(100);
      cell.store.loseAnswers(4);
      await tenant.settled(100);
    });

    test('a store that is gone for a while', async () => {
      const tenant = new CellClient(cell, 'store-gone');
      await tenant.postUntilTaken(manyReadings(50, 5, 'before'));
      await cell.store.goDown();
      const refused = await tenant.post(manyReadings(10, 5, 'during'));
      expect([refused.status, refused.body.code]).toEqual([503, 'store_unavailable']);
      expect((await tenant.request('/v1/health', {}, null)).status).toBe(503);
      await cell.store.comeUp();
      await tenant.postUntilTaken(manyReadings(10, 5, 'during'));
      await tenant.settled(60);
      expect(await parkedOf(tenant)).toEqual([]);
    });

    test('a bus that is gone for a while', async () => {
      const tenant = new CellClient(cell, 'bus-gone');
      await cell.bus.goDown();
      expect(await tenant.postNew(manyReadings(50, 5))).toBe(50);
      await cell.bus.comeUp();
      await tenant.settled(50);
      expect(await parkedOf(tenant)).toEqual([]);
    });

    test('a relay that dies after it has published and before the stream knows', async () => {
      const tenant = new CellClient(cell, 'relay-dies');
      cell.crashRelayAfterPublish(2);
      await tenant.postUntilTaken(manyReadings(100, 10));
      await tenant.settled(100);
    });

    test('an event that makes its consumer throw: it is parked, the others are applied, and redriving it later applies it once', async () => {
      const tenant = new CellClient(cell, 'poisoned');
      await cell.release('faulty');
      const poison = reading({ id: 'bad', device: 'device-0', metric: 'poison' });
      await tenant.postUntilTaken([...manyReadings(49, 7), poison]);
      const parked = await eventually(async () => {
        const found = await parkedOf(tenant);
        if (found.length < 2) throw new Error(`${found.length} events are parked.`);
        return found;
      });
      expect(parked.map(({ consumer }) => consumer).sort()).toEqual(['device-state', 'rollups']);
      for (const { event, reason } of parked) {
        expect(event.id).toBe('bad');
        expect(reason).toEqual({ code: 'RangeError', message: 'poison makes this release throw' });
      }
      // Its 49 mates have not waited for it, and the clouds' own dead-letter queues have nothing to do with it.
      await tenant.settled(49);
      expect(await cell.deadLetters()).toBe(0);
      await cell.release('healthy');
      for (const { consumer, id } of parked) {
        const redriven = await tenant.request('/v1/parked/redrive', {
          method: 'POST',
          body: JSON.stringify({ consumer, ids: [id] }),
        });
        expect([redriven.status, await redriven.json()]).toEqual([200, { redriven: 1, failed: 0, more: false }]);
      }
      await tenant.settled(50);
      expect(await parkedOf(tenant)).toEqual([]);
      expect((await tenant.get<Device>('/v1/devices/device-0')).readings).toBe(8);
    });

    test('an event that kills its worker, again and again: it alone is parked', async () => {
      const tenant = new CellClient(cell, 'crashing');
      await cell.release('faulty');
      await tenant.postUntilTaken([
        ...manyReadings(30, 3),
        reading({ id: 'bomb', device: 'device-9', metric: 'crash' }),
      ]);
      const parked = await eventually(async () => {
        const found = await parkedOf(tenant);
        if (found.length < 2) throw new Error(`${found.length} events are parked.`);
        return found;
      }, PARKED_WITHIN_MS);
      expect(parked.map(({ event, reason }) => [event.id, reason.code])).toEqual([
        ['bomb', 'crashed'],
        ['bomb', 'crashed'],
      ]);
      await tenant.settled(30);
      expect(await cell.deadLetters()).toBe(0);
    });

    test('documents that were deleted and events that were dropped: a rebuild derives them from the log again', async () => {
      const tenant = new CellClient(cell, 'rebuilt');
      await cell.release('faulty');
      const readings = manyReadings(60, 4);
      const poison = reading({ id: 'bad', device: 'device-0', metric: 'poison', value: 3 });
      await tenant.postUntilTaken([...readings, poison]);
      const parked = await eventually(async () => {
        const found = await parkedOf(tenant);
        if (found.length < 2) throw new Error(`${found.length} events are parked.`);
        return found;
      });
      await tenant.settled(60);
      await cell.release('healthy');
      for (const { id } of parked)
        expect((await tenant.request(`/v1/parked/${id}`, { method: 'DELETE' })).status).toBe(204);
      const shown = async () =>
        Object.fromEntries(
          await Promise.all(
            [0, 1, 2, 3].map(async (index) => {
              const id = `device-${index}`;
              const rollups = await tenant.all<Rollup>(`/v1/devices/${id}/rollups?window=1m`);
              const device = await tenant.request(`/v1/devices/${id}`);
              return [id, [await device.json(), rollups]] as const;
            }),
          ),
        );
      const before = await shown();
      // All documents of one, the first and then the other half of two others.
      for (const [index, partition] of ['device', 'rollups'].flatMap((prefix) =>
        [0, 1, 2].map((device) => [device, `${prefix}|rebuilt|device-${device}`] as const),
      ))
        for (const [place, { id }] of (await cell.state.query(partition, { limit: 1000 })).items.entries())
          if (index === 0 || place % 2 === index - 1) await cell.state.delete({ partition, id }, 'any');
      expect(await shown()).not.toEqual(before);

      for (const consumer of ['device-state', 'rollups'])
        await eventually(async () => {
          const body = JSON.stringify({ consumer });
          const answer = await tenant.request('/v1/rebuild', { method: 'POST', body });
          expect(answer.status).toBe(200);
          const progress = (await answer.json()) as { done: boolean };
          if (!progress.done) throw new Error(JSON.stringify(progress));
          expect(progress).toEqual({ subjects: 4, events: 61, done: true });
        });
      const after = await shown();
      for (const id of ['device-1', 'device-2', 'device-3']) expect([id, after[id]]).toEqual([id, before[id]]);
      // What was dropped is there, too, once.
      expect((await tenant.get<Device>('/v1/devices/device-0')).readings).toBe(16);
      expect(await tenant.all<Rollup>('/v1/devices/device-0/rollups?window=1d&metric=poison')).toMatchObject([
        { count: 1, sum: 3 },
      ]);
      expect((await tenant.all<Rollup>('/v1/devices/device-0/rollups?window=1d&metric=temperature'))[0]?.count).toBe(
        15,
      );
      const held = await tenant.request('/v1/holdings?tenant=rebuilt', {}, { scopes: ['control'] });
      expect(await held.json()).toEqual({ items: [{ tenant: 'rebuilt' }], next: null, complete: true });
    });

    test('an event that never lets its worker finish: the platform ends the worker, and the event alone is parked', async () => {
      const tenant = new CellClient(cell, 'hanging');
      await cell.release('faulty');
      await tenant.postUntilTaken([...manyReadings(30, 3), reading({ id: 'tar', device: 'device-9', metric: 'hang' })]);
      await eventually(async () => {
        const found = await parkedOf(tenant);
        if (found.length < 2) throw new Error(`${found.length} events are parked.`);
      }, PARKED_WITHIN_MS);
      await tenant.settled(30);
      expect(await cell.deadLetters()).toBe(0);
    });
  });
}
