// Which missed targets of a drill a test holds against the product, and which against the machine.
import { judge, type Measured, outcomeOf } from '../../../cli/drill/verdict.ts';
import { missedDataOnAnyMachine, missedOnAnyMachine } from '../../support/drills.ts';

const phase = (byStatus: Readonly<Record<string, number>>) => {
  const requests = Object.values(byStatus).reduce((sum, count) => sum + count, 0);
  return { requests, succeeded: byStatus['202'] ?? 0, byStatus, p50Ms: 10, p99Ms: 10 };
};

function missedBy(fault: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>, atHome: number) {
  const measured: Measured = {
    kind: 'region-loss',
    baseline: { requests: 9, failed: 0, unsent: 0, missedProbes: [] },
    ledger: {
      ...{ acknowledged: 9, acknowledgedBy: { a: 9 }, lost: 0, misplaced: 0, doubled: 0 },
      ...{ inSeveralLogs: 0, unacknowledged: 0, examples: [] },
    },
    effects: { doubled: 0, missing: 0 },
    wrongCell: 0,
    unsent: 0,
    recovery: [{ tenant: 't', rtoMs: 60_000 }],
    home: { requests: phase(after).requests, atHome },
    bystanders: { before: phase({ 202: 9 }), fault: phase(fault) },
  };
  const targets = judge(measured);
  const report = {
    ...{ drill: 'region-loss' as const, cell: 'a', startedAt: '', rate: 1, seconds: 1, tenants: 1, passed: false },
    ...{ outcome: outcomeOf(targets, measured.baseline), targets, timeline: [], lines: [], measured },
    phases: { 'after, tenants of the cell': phase(after) },
  };
  return missedOnAnyMachine(report).map((text) => text.split(':')[0]);
}

const BASELINE = { requests: 9, failed: 0, unsent: 0, missedProbes: [] };

const SHARES = ['requests of other cells’ tenants served', 'served at home again'];

test.each<[string, Readonly<Record<string, number>>, Readonly<Record<string, number>>, number, string[]]>([
  ['late answers', { 202: 9, timeout: 1, '503 cell_unavailable': 1 }, { 202: 8, timeout: 1 }, 8, []],
  ['an answer that has nothing to do with time', { 202: 9, '500': 1 }, { 202: 8, '404 unknown_tenant': 1 }, 8, SHARES],
  ['a tenant that is served elsewhere after the failback', { 202: 9 }, { 202: 9 }, 8, SHARES.slice(1)],
  ['no answer after the failback', { 202: 9 }, { timeout: 9 }, 0, SHARES.slice(1)],
])('%s', (_case, fault, after, atHome, expected) => {
  expect(missedBy(fault, after, atHome)).toEqual(expected);
});

const late = (name: string, actual = '1') => ({ name, wanted: '0', actual, met: false });

test.each<[string, Readonly<Record<string, number>>, ReturnType<typeof late>, string[]]>([
  ['late answers', { 202: 9, '503 cell_unavailable': 1 }, late('requests that failed (10)'), []],
  [
    'another refusal',
    { 202: 9, '404 unknown_tenant': 1 },
    late('requests that failed (10)'),
    ['requests that failed (10)'],
  ],
  ['slow neighbours', { 202: 9 }, late('latency of neighbours while tenants are moved (p99)'), []],
  ['a late return', { 202: 9 }, late('nothing missing after the cell’s return', '200.00 s'), []],
  [
    'no return',
    { 202: 9 },
    late('nothing missing after the cell’s return', 'never'),
    ['nothing missing after the cell’s return'],
  ],
  ['a lost event', { 202: 9 }, late('acknowledged events lost'), ['acknowledged events lost']],
])('of a drill about copies: %s', (_case, after, target, expected) => {
  const report = {
    ...{ drill: 'move-under-load' as const, cell: 'a', startedAt: '', rate: 1, seconds: 1, tenants: 1, passed: false },
    ...{ outcome: 'failed' as const, targets: [target], timeline: [], lines: [] },
    phases: { 'before, tenants of the drill': phase({ 202: 1, 500: 1 }), 'after, tenants of the drill': phase(after) },
    measured: { kind: 'move-under-load' as const, baseline: BASELINE, facts: [] },
  };
  expect(missedDataOnAnyMachine(report).map((text) => text.split(': ')[0])).toEqual(expected);
});
