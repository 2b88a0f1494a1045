// Drills at the edge: who may hand one over, what is refused, and that the same one is kept once.
import { resultOf } from '../../../../cli/drill/hand-over.ts';
import type { DrillReport } from '../../../../cli/drill/report.ts';
import { DRILL_LIMITS } from '../../../../core/edge/ports/drills.ts';
import { PortError } from '../../../../core/ports/errors.ts';
import { NO_DRILLS, openApi } from '../../../support/control-api.ts';
import { START } from '../../../support/fake-clock.ts';

const at = (milliseconds: number): string => new Date(START + milliseconds).toISOString();

const PASSED = {
  id: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
  kind: 'cell-loss',
  cell: 'aws-alpha',
  startedAt: at(-90_000),
  endedAt: at(-1000),
  outcome: 'passed',
  rtoMs: 3400,
  missed: [],
};

const FAILED = {
  ...PASSED,
  id: '7f9619ff-8b86-4d01-b42d-00cf4fc964ff',
  outcome: 'failed',
  rtoMs: null,
  missed: ['time to recovery of every tenant (3): never (wanted < 5.0 s)'],
};

const READER = { subject: 'reader', scopes: ['control.read'] };
const WRITER = { subject: 'ann', scopes: ['control.write'] };

test('what a drill hands over is taken as it is, also of a fault of several cells', async () => {
  const { call } = openApi();
  const cells = [
    'aws-alpha, azure-beta',
    'aws-alpha and azure-beta',
    Array.from({ length: 90 }, () => 'cell').join(', '),
  ];
  for (const [number, cell] of cells.entries()) {
    const report = { drill: 'region-loss', cell, startedAt: at(-90_000), outcome: 'failed', targets: [], measured: {} };
    const record = resultOf(report as unknown as DrillReport, `drill-of-cells-${number}`, at(-1000));
    expect(await call('POST', 'drills', record, { operator: WRITER })).toMatchObject({ status: 200, body: record });
  }
  expect((await call('GET', 'drills')).body.items).toHaveLength(cells.length);
});

test('a drill is kept with who has handed it over and when, the latest first', async () => {
  const { call, clock, log } = openApi();
  expect((await call('GET', 'drills')).body).toEqual({ items: [], next: null });
  const first = await call('POST', 'drills', PASSED, { operator: WRITER });
  expect(first).toMatchObject({ status: 200, body: { ...PASSED, actor: 'ann', notedAt: at(0) } });
  clock.jump(1000);
  await call('POST', 'drills', FAILED, { operator: WRITER });
  const { body } = await call('GET', 'drills', undefined, { operator: READER });
  expect(body.items.map(({ id }: { id: string }) => id)).toEqual([FAILED.id, PASSED.id]);
  expect((await call('GET', 'drills?limit=1')).body.items).toEqual([{ ...FAILED, actor: 'ann', notedAt: at(1000) }]);
  expect(log.lines.map(({ message, fields }) => [message, fields])).toEqual([
    ['a drill is kept', { drill: PASSED.id, kind: 'cell-loss', outcome: 'passed', actor: 'ann' }],
    ['a drill is kept', { drill: FAILED.id, kind: 'cell-loss', outcome: 'failed', actor: 'ann' }],
  ]);
});

test('the same drill again is the one that is kept; another one with its id is refused', async () => {
  const { call, refused, clock } = openApi();
  const first = await call('POST', 'drills', PASSED);
  clock.jump(5000);
  expect((await call('POST', 'drills', PASSED)).body).toEqual(first.body);
  expect(await refused('POST', 'drills', { ...PASSED, rtoMs: 3500 })).toBe('409 drill_exists');
  expect((await call('GET', 'drills')).body.items).toEqual([first.body]);
});

test('what was not measured may be left out, and times are kept in UTC', async () => {
  const { call } = openApi();
  const { cell: _cell, rtoMs: _rtoMs, missed: _missed, ...least } = PASSED;
  const { body } = await call('POST', 'drills', { ...least, kind: 'map-loss', startedAt: '2026-11-21T08:40:03+01:00' });
  expect(body).toMatchObject({ cell: null, rtoMs: null, missed: [], startedAt: '2026-11-21T07:40:03.000Z' });
  const repeated = await call('POST', 'drills', { ...least, kind: 'map-loss', startedAt: '2026-11-21T07:40:03Z' });
  expect(repeated.body).toEqual(body);
});

test.each([
  ['an id that is too short', { id: 'short' }, '/id'],
  ['no id', { id: undefined }, '/id'],
  ['a kind with other characters', { kind: 'Cell Loss' }, '/kind'],
  ['cells with control characters', { cell: 'a\u009b2J' }, '/cell'],
  ['cells that are too long', { cell: 'x'.repeat(DRILL_LIMITS.cellBytes + 1) }, '/cell'],
  ['a time without an offset', { startedAt: '2026-11-21T07:40:03' }, '/startedAt'],
  ['an outcome of another name', { outcome: 'good' }, '/outcome'],
  ['a negative RTO', { rtoMs: -1 }, '/rtoMs'],
  ['an RTO in fractions', { rtoMs: 1.5 }, '/rtoMs'],
  ['an RTO of more than a day', { rtoMs: DRILL_LIMITS.lengthMs + 1 }, '/rtoMs'],
  ['too many targets', { outcome: 'failed', missed: Array(DRILL_LIMITS.missed + 1).fill('x') }, '/missed'],
  ['a target that is too long', { outcome: 'failed', missed: ['x'.repeat(DRILL_LIMITS.missedBytes + 1)] }, '/missed'],
  ['a target with control characters', { outcome: 'failed', missed: ['a\u001b[2J'] }, '/missed'],
  ['an empty target', { outcome: 'failed', missed: [' '] }, '/missed'],
  ['a missed target of a drill that has passed', { missed: ['x'] }, '/missed'],
  ['an end before the start', { endedAt: at(-90_001) }, '/endedAt'],
  ['more than a day', { startedAt: at(-1001 - DRILL_LIMITS.lengthMs) }, '/endedAt'],
  ['an end in the future', { endedAt: at(DRILL_LIMITS.aheadMs + 1) }, '/endedAt'],
  ['an actor: the token says who it was', { actor: 'ben' }, '/actor'],
])('%s is refused', async (_what, change, pointer) => {
  const { call } = openApi();
  const { status, body } = await call('POST', 'drills', { ...PASSED, ...change });
  expect([status, body.code, body.errors.map((each: { pointer: string }) => each.pointer)]).toEqual([
    400,
    'invalid_body',
    [pointer],
  ]);
});

test('the limits themselves are taken', async () => {
  const { call } = openApi();
  const missed = Array(DRILL_LIMITS.missed).fill('x'.repeat(DRILL_LIMITS.missedBytes));
  const most = { ...FAILED, missed, rtoMs: DRILL_LIMITS.lengthMs, endedAt: at(DRILL_LIMITS.aheadMs) };
  expect((await call('POST', 'drills', most)).status).toBe(200);
  const longest = { ...PASSED, startedAt: at(-1000 - DRILL_LIMITS.lengthMs) };
  expect((await call('POST', 'drills', longest)).status).toBe(200);
});

test('an operator who may only read hands none over, and a monitor that is away keeps none', async () => {
  const { refused } = openApi();
  expect(await refused('POST', 'drills', PASSED, { operator: READER })).toBe('403 missing_scope');
  expect(await refused('GET', 'drills', undefined, { operator: WRITER })).toBe('403 missing_scope');
  const away = openApi({}, undefined, undefined, undefined, undefined, undefined, undefined, {
    ...NO_DRILLS,
    drills: async () => {
      throw new PortError('unavailable', 'It is away.');
    },
  });
  expect(await away.refused('POST', 'drills', PASSED)).toBe('503 monitor_unavailable');
  expect(await away.refused('GET', 'drills')).toBe('503 monitor_unavailable');
});
