// Drills that lose a region or a whole cloud, against a stack of three cells and the edge.
import { type Drills, EXIT_CODES, missedOnAnyMachine, openDrills } from '../support/drills.ts';
import { LONG_TEST_MS } from '../support/patience.ts';

jest.setTimeout(LONG_TEST_MS);

let drills: Drills;
beforeAll(async () => {
  drills = await openDrills();
});
afterAll(() => drills.close());

test.each([
  ['region-loss', 'aws-alpha', 3],
  ['region-loss', 'azure-gamma', 3],
  ['cloud-loss', 'aws-alpha', 3],
  ['cloud-loss', 'azure-beta', 6],
])('%s with %s: every tenant with a standby outside is served again in seconds', async (kind, cell, tenants) => {
  const { code, report } = await drills.run(kind, '--cell', cell, '--duration', '5');
  expect(missedOnAnyMachine(report)).toEqual([]);
  expect(code).toBe(EXIT_CODES[report.outcome]);
  expect(report.measured.recovery).toHaveLength(tenants);
  expect((await drills.control.cells()).map(({ failover }) => failover)).toEqual(['approve', 'approve', 'approve']);
});
