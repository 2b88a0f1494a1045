// What containers show beyond what every cell shows: replicas come, go and are killed under load, and nothing is skipped or lost.
import { CellClient } from '../support/cell-client.ts';
import { BACKGROUND, type ContainerCell, openContainerCell } from '../support/container-cell.ts';
import { manyReadings } from '../support/readings.ts';
import { cellSuite } from './cell.suite.ts';

const READINGS = 1200;
const DEVICES = 60;
const BATCH = 40;

const CONTENDED = /being changed by too many others/;

/** Declares the suite for one cloud; `canSplit`: its emulator splits ranges of the feed. */
export function containerSuite(cloud: 'aws' | 'azure', canSplit: boolean): void {
  cellSuite(`${cloud}, served by containers`, (notices) => openContainerCell(cloud, notices), {
    more: (cell, notices) => {
      const what = canSplit ? 'while ranges of its feed split' : 'under load';
      test(`scaled from one replica to three and back, one of them killed, ${what}: every event is applied once`, async () => {
        const tenant = new CellClient(cell(), 'scaled');
        const before = notices.length;
        const readings = manyReadings(READINGS, DEVICES);
        const batches = Array.from({ length: READINGS / BATCH }, (_, index) =>
          readings.slice(index * BATCH, (index + 1) * BATCH),
        );
        const post = async (share: readonly (typeof readings)[]) => {
          for (const batch of share) expect(await tenant.postNew(batch)).toBe(BATCH);
        };
        const third = Math.floor(batches.length / 3);
        const [second, killed] = await Promise.all([
          cell().start(BACKGROUND),
          cell().start(BACKGROUND),
          post(batches.slice(0, third)),
        ]);
        if (canSplit) cell().split();
        const posted = post(batches.slice(third, 2 * third));
        await killed.kill();
        await posted;
        if (canSplit) cell().split();
        await Promise.all([post(batches.slice(2 * third)), second.end().then((code) => expect(code).toBe(0))]);
        const devices = await tenant.settled(READINGS);
        expect(devices.map(({ readings: count }) => count)).toEqual(
          Array.from({ length: DEVICES }, () => READINGS / DEVICES),
        );
        for (const consumer of ['relay', ...BACKGROUND.slice(1)])
          expect(await tenant.get(`/v1/parked?consumer=${consumer}`)).toEqual({ items: [], next: null });
        // Replicas that work on the same devices at once may wait for each other: that is a warning, and no failure.
        const kept = notices.splice(before).filter(({ fields }) => !CONTENDED.test(String(fields?.reason)));
        notices.push(...kept);
      });

      test('a replica says how it is, and ends in order when it is asked to', async () => {
        const replica = await (cell() as ContainerCell).start(['relay']);
        expect((await fetch(`${replica.healthUrl}/healthz`)).status).toBe(200);
        expect(await (await fetch(`${replica.healthUrl}/readyz`)).json()).toEqual({ status: 'ready' });
        expect((await fetch(`${replica.healthUrl}/v1/devices`)).status).toBe(404);
        expect(await replica.end()).toBe(0);
      });
    },
  });
}
