// Drills that move data between clouds, or let a standby fall behind: nothing is missing or there twice, in any cell, in the end.
import { type Drills, EXIT_CODES, missedDataOnAnyMachine, openDrills } from '../support/drills.ts';
import { LONG_TEST_MS } from '../support/patience.ts';

jest.setTimeout(LONG_TEST_MS);

let drills: Drills;
beforeAll(async () => {
  drills = await openDrills();
});
afterAll(() => drills.close());

test.each([
  ['failback-union', 'aws-alpha', ['at the standby', 'home again']],
  ['standby-loss', 'aws-alpha', ['without the standby']],
])(
  '%s with %s: clients see every event at each stage, once, and both cells hold the same in the end',
  async (kind, cell, stages) => {
    const { code, report } = await drills.runData(kind, '--cell', cell, '--duration', '3');
    expect(missedDataOnAnyMachine(report)).toEqual([]);
    expect(code).toBe(EXIT_CODES[report.outcome]);
    const { measured } = report;
    expect(measured.stages?.map(({ name }) => name)).toEqual(expect.arrayContaining(stages));
    expect(measured.differing).toEqual({ events: 0, documents: 0, compared: 2 });
    expect(report.lines.map(({ name }) => name)).toEqual(['tenants of the drill', 'their neighbours']);
    // It leaves no tenant in the directory, so that its cells can be retired.
    expect((await drills.control.tenants()).filter((id) => id.startsWith('drill-'))).toEqual([]);
  },
);

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
