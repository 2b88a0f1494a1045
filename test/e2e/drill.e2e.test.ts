// Drills that lose a cell, a region, a cloud or the directory of a whole stack: they pass when the promises hold, and fail when one does not.
import { readdir, readFile } from 'node:fs/promises';
import { StackClient } from '../../cli/stack-client.ts';
import { type Drills, EXIT_CODES, missed, missedOnAnyMachine, openDrills } from '../support/drills.ts';
import { eventually } from '../support/eventually.ts';
import { LONG_TEST_MS } from '../support/patience.ts';

jest.setTimeout(LONG_TEST_MS);

let drills: Drills;
beforeAll(async () => {
  drills = await openDrills();
});
afterAll(() => drills.close());

/** A drill leaves no tenant in the directory, so that its cells can be retired. */
const expectNoTenants = async () =>
  expect((await drills.control.tenants()).filter((id) => id.startsWith('drill-'))).toEqual([]);

test('the loss of a cell: its tenants are served elsewhere in seconds, nothing is lost or doubled, and they come home', async () => {
  const { code, report } = await drills.run('cell-loss', '--cell', 'aws-alpha', '--duration', '5');
  expect(missedOnAnyMachine(report)).toEqual([]);
  expect(code).toBe(EXIT_CODES[report.outcome]);
  expect(report.measured.recovery).toHaveLength(3);
  expect(report.measured.ledger.acknowledgedBy).toEqual({
    'aws-alpha': expect.any(Number),
    'azure-beta': expect.any(Number),
    'azure-gamma': expect.any(Number),
  });
  expect(report.timeline.map(({ what }) => what)).toEqual(
    expect.arrayContaining([
      'fault: cell-loss of aws-alpha',
      'switched: the directory has aws-alpha failed over',
      'aws-alpha is revived',
      'aws-alpha is failed back',
      'every standby has heard of it',
    ]),
  );
  const [markdown = '', json = '', page = ''] = report.files;
  expect(await readFile(page, 'utf8')).toMatch(/<svg [\s\S]*>fault<[\s\S]*>failover<[\s\S]*>failback</);
  expect(await readFile(markdown, 'utf8')).toContain(
    `# Drill cell-loss of aws-alpha: ${report.outcome === 'failed' ? 'FAILED' : report.outcome}`,
  );
  expect(JSON.parse(await readFile(json, 'utf8'))).toMatchObject({ outcome: report.outcome });
  const control = await (await StackClient.find(drills.url)).control();
  const [known] = (await control('GET', 'drills')).items;
  expect(known).toMatchObject({ kind: 'cell-loss', cell: 'aws-alpha', outcome: report.outcome });
  expect(known?.rtoMs).toBe(Math.max(...(report.measured.recovery ?? []).map(({ rtoMs }) => Number(rtoMs))));
  await expectNoTenants();
});

test.each([
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

test('the loss of the directory: all tenants are served as before', async () => {
  const { code, report } = await drills.run('map-loss', '--duration', '4');
  expect(missedOnAnyMachine(report)).toEqual([]);
  expect(code).toBe(EXIT_CODES[report.outcome]);
});

test('a missed target fails the drill: the cell is not failed over', async () => {
  const [cell] = (await drills.control.cells()).filter(({ id }) => id === 'aws-alpha');
  if (cell === undefined) throw new Error('There is no aws-alpha.');
  await drills.control.setPolicy(cell, 'never');
  const { code, report } = await drills.run('cell-loss', '--cell', 'aws-alpha', '--duration', '6');
  // They are served again when the fault ends, and that is too late.
  expect(missed(report)).toContainEqual(expect.stringMatching(/^time to recovery of every tenant \(3\): /));
  expect(report.passed).toBe(false);
  expect(code).toBe(EXIT_CODES[report.outcome]);
  expect(report.timeline.map(({ what }) => what)).toContain('it stays where it is: left-to-operators');
  await drills.control.setPolicy(cell, 'approve');
});

test('a cell that is failed over before the fault: no figures, and the cell is active again', async () => {
  const drill = drills.start('cell-loss', '--cell', 'aws-alpha');
  await drill.said(/load: 9 events a second/);
  const ask = await (await StackClient.find(drills.url)).control();
  await ask('POST', 'failovers', { cell: 'aws-alpha', reason: 'it is too slow' });
  const { code, out, err } = await drill.ended;
  expect(err).toMatch(/aws-alpha was failed over before the fault, so nothing can be measured: give a lower --load/);
  expect({ code, out }).toEqual({ code: 4, out: '' });
  expect((await drills.control.cells()).find(({ id }) => id === 'aws-alpha')?.state).toBe('active');
});

test('Ctrl-C ends a drill: the cell is there again', async () => {
  const drill = drills.start('cell-loss', '--cell', 'aws-alpha', '--duration', '60');
  await drill.said(/fault: cell-loss of aws-alpha/);
  const reports = await readdir(drills.folder);
  drill.child.kill('SIGINT');
  const { code, err } = await drill.ended;
  expect(code).toBe(130);
  expect(err).toContain('The drill was interrupted; its fault has been removed.');
  expect(await readdir(drills.folder)).toEqual(reports);
  await eventually(async () => {
    const { cells } = await drills.control.monitor();
    expect(cells.map(({ id, verdict }) => [id, verdict])).toEqual([
      ['aws-alpha', 'up'],
      ['azure-beta', 'up'],
      ['azure-gamma', 'up'],
    ]);
  });
});
