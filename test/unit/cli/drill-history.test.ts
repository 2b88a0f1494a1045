// What a drill hands to the edge, that its outcome does not depend on it, and how drills are shown on the terminal.
import { RefusedError, UnknownOutcomeError, UsageError, UserError } from '../../../cli/command.ts';
import { HAND_OVER_LIMITS, handOver, inconclusive, resultOf } from '../../../cli/drill/hand-over.ts';
import { drillsOf, HISTORY_COLUMNS, lastDrill, lastDrillLine } from '../../../cli/drill/history.ts';
import type { DrillReport } from '../../../cli/drill/report.ts';
import type { Control } from '../../../cli/edge/edge-client.ts';
import { Table } from '../../../cli/table.ts';
import { DRILL_LIMITS, type DrillRecord } from '../../../core/edge/ports/drills.ts';

const ID = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
const STARTED = '2026-11-21T07:40:00.000Z';
const ENDED = '2026-11-21T07:41:00.000Z';

const target = (name: string, met: boolean) => ({ name, wanted: '0', actual: '3', met });

const reportOf = (more: object): DrillReport =>
  ({
    drill: 'cell-loss',
    cell: 'aws-alpha',
    startedAt: STARTED,
    outcome: 'passed',
    targets: [],
    measured: { kind: 'cell-loss' },
    ...more,
  }) as unknown as DrillReport;

const recovery = (...times: readonly (number | null)[]) => ({
  measured: { kind: 'cell-loss', recovery: times.map((rtoMs, index) => ({ tenant: `t-${index}`, rtoMs })) },
});

test('a record has the worst RTO, if all tenants were served again, and the targets that were missed', () => {
  expect(resultOf(reportOf(recovery(1200, 3400.6, 900)), ID, ENDED)).toEqual({
    ...{ id: ID, kind: 'cell-loss', cell: 'aws-alpha', startedAt: STARTED, endedAt: ENDED, outcome: 'passed' },
    ...{ rtoMs: 3401, missed: [] },
  });
  expect(resultOf(reportOf(recovery(1200, null)), ID, ENDED).rtoMs).toBeNull();
  expect(resultOf(reportOf({}), ID, ENDED).rtoMs).toBeNull();
  const targets = [target('double effects', false), target('missing effects', true)];
  expect(resultOf(reportOf({ outcome: 'failed', targets }), ID, ENDED).missed).toEqual([
    'double effects: 3 (wanted 0)',
  ]);
  const many = Array.from({ length: DRILL_LIMITS.missed + 1 }, () => target(`\u001b${'ü'.repeat(200)}`, false));
  const { missed } = resultOf(reportOf({ outcome: 'failed', targets: many }), ID, ENDED);
  expect(missed).toHaveLength(DRILL_LIMITS.missed);
  expect(missed[0]).toBe('ü'.repeat(99));
});

/** An edge that answers so, one after the other. */
function edge(...answers: readonly (Error | object)[]) {
  const asked: unknown[] = [];
  const paused: number[] = [];
  const said: string[] = [];
  const control = (async (method: string, what: string, body?: object) => {
    asked.push([method, what, body]);
    const answer = answers[asked.length - 1] ?? answers.at(-1);
    if (answer instanceof Error) throw answer;
    return answer;
  }) as Control;
  const unproven = { kind: 'map-loss', cell: null, startedAt: STARTED };
  const hand = () =>
    handOver(
      async () => control,
      inconclusive(unproven, ID, ENDED),
      (line) => said.push(line),
      async (milliseconds) => void paused.push(milliseconds),
    );
  return { control, hand, asked, paused, said };
}

test('a drill is handed over, again if there is no answer, under the same id', async () => {
  const once = edge({});
  await once.hand();
  const record = { id: ID, kind: 'map-loss', cell: null, startedAt: STARTED, endedAt: ENDED, outcome: 'inconclusive' };
  expect(once.asked).toEqual([['POST', 'drills', { ...record, rtoMs: null, missed: [] }]]);
  const late = edge(new UnknownOutcomeError('No answer.'), new UserError('Not now.'), {});
  await late.hand();
  expect([late.asked.length, late.paused, late.said]).toEqual([3, [2000, 2000], []]);
  expect(new Set(late.asked.map((each) => JSON.stringify(each))).size).toBe(1);
});

test('an edge that does not take it is named on stderr, and the drill goes on', async () => {
  const away = edge(new UserError('It does not answer.'));
  await away.hand();
  expect(away.asked).toHaveLength(HAND_OVER_LIMITS.tries);
  expect(away.said).toEqual([
    'The edge does not know of this drill, which its report and its exit code do not depend on: It does not answer.',
  ]);
  const earlier = edge(new RefusedError('Unknown path.', 'not_found'));
  await earlier.hand();
  expect([earlier.asked.length, earlier.said[0]]).toEqual([1, expect.stringContaining('earlier release')]);
  const refused = edge(new UsageError('Invalid field: /cell.'));
  await refused.hand();
  expect([refused.asked.length, refused.said[0]]).toEqual([1, expect.stringContaining('/cell')]);
  const broken = edge(new TypeError('A fault of the program.'));
  await expect(broken.hand()).rejects.toThrow('A fault of the program.');
});

const record = (more: Partial<DrillRecord> = {}): DrillRecord => ({
  ...inconclusive({ kind: 'cell-loss', cell: 'aws-alpha', startedAt: STARTED }, ID, ENDED),
  ...{ outcome: 'passed', rtoMs: 3400, actor: 'ann', notedAt: ENDED },
  ...more,
});

const at = Date.parse(ENDED);

test.each([
  [{}, 119_000, 'Last drill: cell-loss of aws-alpha passed 119 s ago'],
  [{}, 7_199_999, 'Last drill: cell-loss of aws-alpha passed 119 min ago'],
  [{}, 7_200_000, 'Last drill: cell-loss of aws-alpha passed 2 h ago'],
  [{ outcome: 'failed' }, 200_000_000, 'Last drill: cell-loss of aws-alpha FAILED 2 days ago'],
  [{ kind: 'map-loss', cell: null, outcome: 'inconclusive' }, -5000, 'Last drill: map-loss was inconclusive 0 s ago'],
] as const)('the last drill in a line: %j after %d ms', (more, after, line) => {
  expect(lastDrillLine({ drill: record(more) }, at + after)).toBe(line);
});

test('that no drill is known is another line than that it cannot be said', async () => {
  const { control } = edge({ items: [], next: null });
  expect(lastDrillLine(await lastDrill(control), at)).toBe('Last drill: no drill is known');
  const earlier = edge(new RefusedError('Unknown path.', 'not_found')).control;
  expect(lastDrillLine(await lastDrill(earlier), at)).toBe(
    'Last drill: not known, as the edge is of an earlier release.',
  );
  await expect(drillsOf(earlier)).rejects.toThrow(
    'This edge is of an earlier release, which keeps no drills: deploy it.',
  );
  const known = edge({ items: [record()], next: null });
  expect(await lastDrill(known.control)).toEqual({ drill: record() });
  expect(known.asked).toEqual([['GET', 'drills?limit=1', undefined]]);
});

test('the history as a table', () => {
  const lines: string[] = [];
  const failed = record({ outcome: 'failed', rtoMs: null, cell: null, missed: ['a: 3 (wanted 0)', 'b: 1 (wanted 0)'] });
  new Table(HISTORY_COLUMNS, (line) => lines.push(line)).add([record(), failed]);
  expect(lines.map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
    'ended | drill | cell | outcome | RTO | by | missed',
    `${ENDED} | cell-loss | aws-alpha | passed | 3.40 s | ann`,
    `${ENDED} | cell-loss | - | FAILED | - | ann | a: 3 (wanted 0); b: 1 (wanted 0)`,
  ]);
});
