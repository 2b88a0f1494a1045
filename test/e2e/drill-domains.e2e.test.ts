// Drills that lose a region or a whole cloud, or move data between clouds, against a stack of three cells and the edge.
import { type Drills, EXIT_CODES, missedDataOnAnyMachine, missedOnAnyMachine, openDrills } from '../support/drills.ts';
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

test('move-under-load: a tenant goes from AWS to Azure, whose cell is killed meanwhile, and back; clients see every event, once', async () => {
  const how = ['--until', 'fenced', '--reverse', '--kill'];
  const { code, report } = await drills.runData('move-under-load', '--cell', 'aws-alpha', ...how);
  expect(missedDataOnAnyMachine(report)).toEqual([]);
  expect(code).toBe(EXIT_CODES[report.outcome]);
  expect(report.measured.moves).toEqual({ step: 'fenced', ordered: 1, arrived: 1 });
  expect(report.timeline.map(({ what }) => what)).toContain('a move has found it away, and waits');
  expect(report.measured.differing).toEqual({ events: 0, documents: 0, compared: 2 });
});

test('long-outage: a standby in Azure is away for longer than its home is patient, and a comparison brings what was left', async () => {
  const { code, report } = await drills.runData('long-outage', '--cell', 'azure-beta', '--duration', '3');
  expect(missedDataOnAnyMachine(report)).toEqual([]);
  expect(code).toBe(EXIT_CODES[report.outcome]);
  expect(report.timeline.map(({ what }) => what)).toEqual(
    expect.arrayContaining([
      'aws-alpha leaves events unsent, for every tenant: no queue fills up',
      'the comparison that the monitor ordered has brought what was left',
      'azure-beta has all events of every tenant',
    ]),
  );
});

test('hostile-administrator: with the credentials of either cell nothing of the other one is deleted or rewritten', async () => {
  const { code, report } = await drills.runData('hostile-administrator', '--cell', 'aws-alpha');
  expect(missedDataOnAnyMachine(report)).toEqual([]);
  expect(code).toBe(EXIT_CODES[report.outcome]);
  const { attempts = [], victims } = report.measured;
  const count = (outcome: string) => attempts.filter((each) => each.outcome === outcome).length;
  // Each of two cells against each of two tenants; a log can be added to.
  expect([count('held'), count('limit'), count('BROKEN')]).toEqual([80, 4, 0]);
  expect(victims).toMatchObject({ deleted: 0, rewritten: 0 });
});
