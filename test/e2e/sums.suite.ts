// What a whole cell makes of many events: exact sums, which do not change when all of them are sent again.
import type { Notice } from '../../local/local-cell.ts';
import { CellClient, type Device, type Rollup } from '../support/cell-client.ts';
import type { ServedCell } from '../support/cell-harness.ts';
import { expectedRollups, manyReadings } from '../support/readings.ts';
import { faultsAmong } from '../support/slowness.ts';

/** Declares the suite for one kind of cell; `open` gets a list for the cell's notices. */
export function sumsSuite(name: string, open: (notices: Notice[]) => Promise<ServedCell>): void {
  describe(`a cell on ${name}`, () => {
    let cell: ServedCell;
    const notices: Notice[] = [];
    beforeAll(async () => {
      cell = await open(notices);
    });
    afterAll(async () => {
      await cell.close();
      expect(faultsAmong(notices)).toEqual([]);
    });

    test('counts and adds up a thousand readings exactly, and sending them again changes nothing', async () => {
      const tenant = new CellClient(cell, 'exact');
      const readings = manyReadings(1000, 10);
      for (let from = 0; from < readings.length; from += 100) {
        expect(await tenant.postNew(readings.slice(from, from + 100))).toBe(100);
      }
      const devices = await tenant.settled(1000);
      expect(devices.map(({ readings: count }) => count)).toEqual(Array.from({ length: 10 }, () => 100));
      const state = async () => {
        const windows = { '1m': 60_000, '1h': 3_600_000, '1d': 86_400_000 };
        for (const [window, width] of Object.entries(windows)) {
          const found = new Map<string, unknown>();
          for (const { id } of devices) {
            for (const { start, count, min, max, sum, last } of await tenant.all<Rollup>(
              `/v1/devices/${id}/rollups?metric=temperature&window=${window}`,
            )) {
              found.set(`${id} ${start}`, { count, min, max, sum, last });
            }
          }
          expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expectedRollups(readings, width)));
        }
        return tenant.all<Device>('/v1/devices');
      };
      const before = await state();

      for (let from = 0; from < readings.length; from += 500) {
        expect(await tenant.postUntilTaken(readings.slice(from, from + 500))).toMatchObject({
          accepted: 0,
          duplicates: 500,
          rejected: 0,
        });
      }
      expect(await state()).toEqual(before);
    });
  });
}
