// Drills against a whole stack of two cells and the edge: they pass when the promises hold, and fail when one does not.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EdgeControl } from '../../cli/drill/control.ts';
import type { DrillReport } from '../../cli/drill/report.ts';
import { StackClient } from '../../cli/stack-client.ts';
import { endAll, Run, dev as startDev } from '../integration/cli/run.ts';
import { eventually } from '../support/eventually.ts';
import { LONG_TEST_MS } from '../support/patience.ts';

jest.setTimeout(LONG_TEST_MS);

/** Low enough for any machine: what is tried here is that the promises hold, not how fast the machine is. */
const LOAD = ['--load', '30', '--batch', '3', '--tenants', '3'];

let url: string;
let folder: string;
let control: EdgeControl;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'polycell-drill-test-'));
  // The monitor only proposes here, as it does for developers: drills switch it on.
  const dev = await startDev(['--cells', 'aws-alpha,azure-beta,azure-gamma']);
  url = await dev.url();
  control = new EdgeControl(await StackClient.find(url), (await (await StackClient.find(url)).info()).edge?.url ?? '');
});
afterAll(async () => {
  await endAll();
  await rm(folder, { recursive: true });
});

const start = (...args: string[]) => new Run(['drill', ...args, ...LOAD, '--stack', url, '--report', folder, '--json']);

const run = async (...args: string[]): Promise<{ code: number | null; report: DrillReport & { files: string[] } }> => {
  const { code, out, err } = await start(...args).ended;
  if (out === '') throw new Error(`The drill did not report: ${err}`);
  return { code, report: JSON.parse(out) as DrillReport & { files: string[] } };
};

/** A drill leaves no tenant in the directory, so that its cells can be retired. */
const expectNoTenants = async () =>
  expect((await control.tenants()).filter((id) => id.startsWith('drill-'))).toEqual([]);

const missed = ({ targets }: DrillReport) =>
  targets.filter(({ met }) => !met).map(({ name, wanted, actual }) => `${name}: ${actual} (${wanted})`);

/** The targets that are missed, but for the time to recovery: a drill judges that, and a test on a machine of any speed does not. */
const missedBesideTime = (report: DrillReport) =>
  missed(report).filter((target) => !/^time to recovery of every tenant \(\d+\): [\d.]+ s at worst /.test(target));

/** A machine that does not carry even this load makes a drill inconclusive, which says nothing about what is tried here. */
const EXIT_CODES = { passed: 0, failed: 1, inconclusive: 3 };

test('the loss of a cell: its tenants are served elsewhere in seconds, nothing is lost or doubled, and they come home', async () => {
  const { code, report } = await run('cell-loss', '--cell', 'aws-alpha', '--duration', '5');
  expect(missedBesideTime(report)).toEqual([]);
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
  const [markdown = '', json = ''] = report.files;
  expect(await readFile(markdown, 'utf8')).toContain(
    `# Drill cell-loss of aws-alpha: ${report.outcome === 'failed' ? 'FAILED' : report.outcome}`,
  );
  expect(JSON.parse(await readFile(json, 'utf8'))).toMatchObject({ outcome: report.outcome });
  await expectNoTenants();
});

test.each([
  ['region-loss', 'aws-alpha', 3],
  ['region-loss', 'azure-gamma', 3],
  ['cloud-loss', 'aws-alpha', 3],
  ['cloud-loss', 'azure-beta', 6],
])('%s with %s: every tenant with a standby outside is served again in seconds', async (kind, cell, tenants) => {
  const { code, report } = await run(kind, '--cell', cell, '--duration', '5');
  expect(missedBesideTime(report)).toEqual([]);
  expect(code).toBe(EXIT_CODES[report.outcome]);
  expect(report.measured.recovery).toHaveLength(tenants);
  expect((await control.cells()).map(({ failover }) => failover)).toEqual(['approve', 'approve', 'approve']);
});

test('the loss of the directory: all tenants are served as before', async () => {
  const { code, report } = await run('map-loss', '--duration', '4');
  expect(missed(report)).toEqual([]);
  expect(code).toBe(EXIT_CODES[report.outcome]);
});

test('a missed target fails the drill: the cell is not failed over', async () => {
  const [cell] = (await control.cells()).filter(({ id }) => id === 'aws-alpha');
  if (cell === undefined) throw new Error('There is no aws-alpha.');
  await control.setPolicy(cell, 'never');
  const { code, report } = await run('cell-loss', '--cell', 'aws-alpha', '--duration', '6');
  // They are served again when the fault ends, and that is too late.
  expect(missed(report)).toEqual([expect.stringMatching(/^time to recovery of every tenant \(3\): /)]);
  expect(report.passed).toBe(false);
  expect(code).toBe(EXIT_CODES[report.outcome]);
  expect(report.timeline.map(({ what }) => what)).toContain('it stays where it is: left-to-operators');
  await control.setPolicy(cell, 'approve');
});

test('a cell that is failed over before the fault: no figures, and the cell is active again', async () => {
  const drill = start('cell-loss', '--cell', 'aws-alpha');
  await drill.said(/load: 30 events a second/);
  const ask = await (await StackClient.find(url)).control();
  await ask('POST', 'failovers', { cell: 'aws-alpha', reason: 'it is too slow' });
  const { code, out, err } = await drill.ended;
  expect(err).toMatch(/aws-alpha was failed over before the fault, so nothing can be measured: give a lower --load/);
  expect({ code, out }).toEqual({ code: 3, out: '' });
  expect((await control.cells()).find(({ id }) => id === 'aws-alpha')?.state).toBe('active');
});

test('Ctrl-C ends a drill: the cell is there again', async () => {
  const drill = start('cell-loss', '--cell', 'aws-alpha', '--duration', '60');
  await drill.said(/fault: cell-loss of aws-alpha/);
  const reports = await readdir(folder);
  drill.child.kill('SIGINT');
  const { code, err } = await drill.ended;
  expect(code).toBe(130);
  expect(err).toContain('The drill was interrupted; its fault has been removed.');
  expect(await readdir(folder)).toEqual(reports);
  await eventually(async () => {
    const { cells } = await control.monitor();
    expect(cells.map(({ id, verdict }) => [id, verdict])).toEqual([
      ['aws-alpha', 'up'],
      ['azure-beta', 'up'],
      ['azure-gamma', 'up'],
    ]);
  });
});
