// A tenant that pads its events, on each cloud: it costs the cell much, and neither ends a worker nor holds up others.
import type { Notice } from '../../local/local-cell.ts';
import { openAwsCell } from '../support/aws-cell-harness.ts';
import { openAzureCell } from '../support/azure-cell-harness.ts';
import { CellClient, type Rollup } from '../support/cell-client.ts';
import { PATIENT } from '../support/impatient.ts';
import { LONG_TEST_MS } from '../support/patience.ts';
import { asEvent, reading } from '../support/readings.ts';
import { faultsAmong } from '../support/slowness.ts';

jest.setTimeout(LONG_TEST_MS);

/** Of five events with 195 KiB each. Twice as many take four times the work; `limited-memory.int.test.ts` has them, with little memory. */
const REQUESTS = 20;

test.each([
  ['AWS', openAwsCell],
  ['Azure', openAzureCell],
] as const)(
  '%s: 20 MB of padded events to one device and minute end no worker, and are counted like any other',
  async (_cloud, open) => {
    const notices: Notice[] = [];
    const cell = await open(notices, PATIENT);
    try {
      const hostile = new CellClient(cell, 'hostile');
      const neighbour = new CellClient(cell, 'neighbour');
      const note = 'x'.repeat(195 * 1024);
      for (let request = 0; request < REQUESTS; request += 1) {
        const events = Array.from({ length: 5 }, (_, index) => {
          const event = asEvent(reading({ id: `p-${request}-${index}`, device: 'padded', value: index }));
          return { ...event, data: { ...(event.data as object), note } };
        });
        const taken = await hostile.request('/v1/events', {
          method: 'POST',
          headers: { 'content-type': 'application/cloudevents-batch+json' },
          body: JSON.stringify(events),
        });
        expect([taken.status, await taken.json()]).toMatchObject([202, { accepted: 5 }]);
        await neighbour.postNew([reading({ id: `n-${request}`, device: 'quiet' })]);
      }
      await neighbour.settled(REQUESTS);
      await hostile.settled(5 * REQUESTS);
      const rollups = await hostile.all<Rollup>('/v1/devices/padded/rollups?window=1m');
      expect(rollups).toMatchObject([{ count: 5 * REQUESTS, min: 0, max: 4, sum: 10 * REQUESTS }]);
      const page = await hostile.get<{ items: readonly unknown[] }>('/v1/devices/padded/readings?limit=100');
      expect(page.items.length).toBeGreaterThan(0);
      expect(await hostile.all<unknown>('/v1/devices/padded/readings', 100)).toHaveLength(5 * REQUESTS);
      for (const consumer of ['device-state', 'rollups', 'relay'])
        expect(await hostile.get(`/v1/parked?consumer=${consumer}`)).toEqual({ items: [], next: null });
    } finally {
      await cell.close();
    }
    expect(faultsAmong(notices)).toEqual([]);
  },
);
