// The pure parts of drills: what was acknowledged and found, how tenants were served, the verdict, and the report.
import { UserError } from '../../../cli/command.ts';
import { LEDGER_CELLS, LEDGER_EVENTS, Ledger } from '../../../cli/drill/ledger.ts';
import { type FaultReport, toMarkdown } from '../../../cli/drill/report.ts';
import { beforeTheFault, InconclusiveError } from '../../../cli/drill/run.ts';
import { type Served, ServiceRecord } from '../../../cli/drill/service.ts';
import { judge, type Measured, outcomeOf } from '../../../cli/drill/verdict.ts';

describe('ledger', () => {
  test('what was acknowledged and is in the log of its cell is well', () => {
    const ledger = new Ledger(10);
    for (const number of [0, 1, 9]) ledger.acknowledge(number, 'a');
    ledger.beginLog();
    for (const number of [9, 1, 0]) ledger.find(number, 'a');
    expect(ledger.summary()).toEqual({
      acknowledged: 3,
      acknowledgedBy: { a: 3 },
      lost: 0,
      misplaced: 0,
      doubled: 0,
      inSeveralLogs: 0,
      unacknowledged: 0,
      examples: [],
    });
  });

  test('each kind of failure is distinguished', () => {
    const ledger = new Ledger(20);
    for (const number of [0, 1, 2, 3, 8]) ledger.acknowledge(number, number === 8 ? 'b' : 'a');
    ledger.beginLog();
    // 0 is well, 1 is twice, 4 was never acknowledged, 3 is lost.
    for (const number of [0, 1, 1, 4]) ledger.find(number, 'a');
    ledger.beginLog();
    // 0 is here as well, 2 is not where it was acknowledged, 8 is well.
    for (const number of [0, 2, 8]) ledger.find(number, 'b');
    expect(ledger.summary()).toEqual({
      acknowledged: 5,
      acknowledgedBy: { a: 4, b: 1 },
      lost: 1,
      misplaced: 1,
      doubled: 1,
      inSeveralLogs: 1,
      unacknowledged: 1,
      examples: [3],
    });
  });

  test('unknown numbers are ignored, and its bounds are held', () => {
    const ledger = new Ledger(1);
    ledger.beginLog();
    for (const number of [-1, 1, Number.NaN]) ledger.find(number, 'a');
    expect(ledger.summary().unacknowledged).toBe(0);
    expect(() => new Ledger(LEDGER_EVENTS + 1)).toThrow(RangeError);
    expect(() => new Ledger(0)).toThrow(RangeError);
    const many = new Ledger(LEDGER_CELLS + 1);
    for (let index = 0; index < LEDGER_CELLS; index += 1) many.acknowledge(index, `cell-${index}`);
    expect(() => many.acknowledge(LEDGER_CELLS, 'one-more')).toThrow(RangeError);
  });
});

const served = (tenant: string, sentAt: number, tookMs: number, more: Partial<Served> = {}): Served => ({
  tenant,
  phase: 'fault',
  sentAt,
  endedAt: sentAt + tookMs,
  status: 202,
  cell: 'a',
  ...more,
});

describe('service', () => {
  const record = () =>
    new ServiceRecord(
      new Map([
        ['acme', 'a'],
        ['globex', 'a'],
        ['other', 'b'],
      ]),
    );

  test('recovery counts from the fault to the first success of a request that was sent when the fault was complete', () => {
    const service = record();
    service.faulted(1000, 1200);
    // Sent while the cell was still dying: its success says nothing.
    service.add(served('acme', 1100, 5));
    service.add(served('acme', 1300, 10, { status: '503 cell_unavailable', cell: 'edge' }));
    service.add(served('acme', 4400, 100, { cell: 'b' }));
    service.add(served('acme', 4000, 20, { cell: 'b' }));
    service.add(served('globex', 1300, 10, { status: 'timeout', cell: null }));
    expect(service.recovery('a')).toEqual([
      { tenant: 'acme', rtoMs: 3020, lastFailureMs: 310 },
      { tenant: 'globex', rtoMs: null, lastFailureMs: 310 },
    ]);
  });

  test('phases and homes are counted separately, and unknown tenants not at all', () => {
    const service = record();
    for (let index = 0; index < 99; index += 1) service.add(served('acme', 0, 10, { phase: 'before' }));
    service.add(served('acme', 0, 1000, { phase: 'before', status: 'timeout', cell: null }));
    service.add(served('other', 0, 10, { phase: 'before', cell: 'b' }));
    service.add(served('stranger', 0, 10, { phase: 'before' }));
    const phase = service.phase('before', (home) => home === 'a');
    expect(phase).toMatchObject({ requests: 100, succeeded: 99, byStatus: { '202': 99, timeout: 1 } });
    // Buckets are a twentieth wide.
    expect(phase.p50Ms).toBeGreaterThanOrEqual(10);
    expect(phase.p50Ms).toBeLessThan(10.6);
    expect(phase.p99Ms).toBeLessThan(10.6);
    expect(service.phase('fault', () => true)).toEqual({ requests: 0, succeeded: 0, byStatus: {}, p50Ms: 0, p99Ms: 0 });
  });

  test('an answer of a cell that should not have given it is counted, and so is one at home again', () => {
    const service = record();
    service.add(served('acme', 0, 10, { cell: 'c' }), (_, cell) => cell === 'a');
    service.add(served('acme', 0, 10, { phase: 'after' }), (_, cell) => cell === 'a');
    expect(service.wrong).toBe(1);
    expect([service.atHome('a'), service.atHome('b')]).toEqual([1, 0]);
  });
});

const ledger = {
  acknowledged: 1000,
  acknowledgedBy: { a: 400, b: 600 },
  lost: 0,
  misplaced: 0,
  doubled: 0,
  inSeveralLogs: 2,
  unacknowledged: 1,
  examples: [],
};
const phase = { requests: 100, succeeded: 100, byStatus: { '202': 100 }, p50Ms: 4, p99Ms: 20 };
const loss: Measured = {
  kind: 'cell-loss',
  baseline: { requests: 40, failed: 0, unsent: 0, missedProbes: [] },
  ledger,
  effects: { doubled: 0, missing: 0 },
  wrongCell: 0,
  unsent: 0,
  recovery: [
    { tenant: 'acme', rtoMs: 4999 },
    { tenant: 'globex', rtoMs: 3100 },
  ],
  bystanders: { before: phase, fault: phase },
  home: { requests: 50, atHome: 50 },
};
const missed = (measured: Measured) => judge(measured).flatMap(({ name, met }) => (met ? [] : [name]));

describe('verdict', () => {
  test('the loss of a cell that kept every promise', () => {
    expect(judge(loss).map(({ name, actual, met }) => [name, actual, met])).toEqual([
      ['time to recovery of every tenant (2)', '5.00 s at worst', true],
      ['acknowledged events lost', '0', true],
      ['acknowledged events missing where they were acknowledged', '0', true],
      ['double effects', '0', true],
      ['missing effects', '0', true],
      ['answers by a wrong cell', '0', true],
      ['requests of other cells’ tenants served', '100 % of 100', true],
      ['served at home again', '100 % of 50', true],
      ['requests that could not be sent', '0', true],
    ]);
  });

  test.each<[string, Partial<Measured>, string]>([
    ['one tenant too late', { recovery: [{ tenant: 'acme', rtoMs: 5000 }] }, 'time to recovery of every tenant (1)'],
    ['one tenant never', { recovery: [{ tenant: 'acme', rtoMs: null }] }, 'time to recovery of every tenant (1)'],
    ['no tenant observed', { recovery: [] }, 'time to recovery of every tenant (0)'],
    ['one event lost', { ledger: { ...ledger, lost: 1 } }, 'acknowledged events lost'],
    [
      'one event elsewhere',
      { ledger: { ...ledger, misplaced: 1 } },
      'acknowledged events missing where they were acknowledged',
    ],
    ['one event twice', { ledger: { ...ledger, doubled: 1 } }, 'double effects'],
    ['one effect twice', { effects: { doubled: 1, missing: 0 } }, 'double effects'],
    ['an effect not there', { effects: { doubled: 0, missing: 1 } }, 'missing effects'],
    ['nothing acknowledged', { ledger: { ...ledger, acknowledged: 0 } }, 'acknowledged events'],
    ['a wrong cell', { wrongCell: 1 }, 'answers by a wrong cell'],
    [
      'one bystander failed',
      { bystanders: { before: phase, fault: { ...phase, succeeded: 99 } } },
      'requests of other cells’ tenants served',
    ],
    ['one not at home', { home: { requests: 50, atHome: 49 } }, 'served at home again'],
    ['none at home', { home: { requests: 0, atHome: 0 } }, 'served at home again'],
    ['not sent', { unsent: 1 }, 'requests that could not be sent'],
  ])('%s is a missed target', (_, more, name) => {
    expect(missed({ ...loss, ...more })).toEqual([name]);
  });

  test('the loss of the map: every request counts', () => {
    const measured: Measured = {
      ...loss,
      kind: 'map-loss',
      bystanders: { before: phase, fault: { ...phase, requests: 100_000, succeeded: 99_999 } },
    };
    const target = judge(measured).find(({ name }) => name === 'requests served during the loss');
    expect(target).toMatchObject({ wanted: '100 %', actual: '99.99 % of 100000', met: false });
  });

  test('a slow cell: others may take three times as long, or 50 ms more', () => {
    const slow = (before: number, fault: number): Measured => ({
      ...loss,
      kind: 'slow-cell',
      unsent: 7,
      bystanders: { before: { ...phase, p99Ms: before }, fault: { ...phase, p99Ms: fault } },
    });
    expect(missed(slow(4, 53))).toEqual([]);
    expect(missed(slow(4, 54))).toEqual(['latency of other cells’ tenants (p99)']);
    expect(missed(slow(100, 299))).toEqual([]);
    expect(missed(slow(100, 300))).toEqual(['latency of other cells’ tenants (p99)']);
  });

  test('a cell that was cut off is fenced in time, or the target is missed', () => {
    const { recovery: _, ...rest } = loss;
    expect(missed({ ...rest, kind: 'partition', fencedMs: 29_999 })).toEqual([]);
    expect(missed({ ...rest, kind: 'partition', fencedMs: 30_000 })).toEqual(['fenced after it could be reached']);
    expect(missed({ ...rest, kind: 'partition', fencedMs: null })).toEqual(['fenced after it could be reached']);
    expect(missed({ ...loss, kind: 'partition', recovery: [{ tenant: 'acme', rtoMs: 14_999 }] })).toEqual([]);
  });
});

const missedReport: FaultReport = {
  drill: 'cell-loss',
  cell: 'a',
  startedAt: '2026-11-21T07:41:03.000Z',
  rate: 200,
  seconds: 15,
  tenants: 2,
  outcome: 'failed',
  passed: false,
  targets: [{ name: 'a | b', wanted: '0', actual: '1', met: false }],
  timeline: [{ atMs: 5012, what: 'fault: cell-loss of a' }],
  phases: { before: phase },
  lines: [],
  measured: loss,
};

describe('outcome', () => {
  const outcome = (more: Partial<Measured>) => outcomeOf(judge({ ...loss, ...more }), { ...loss, ...more }.baseline);
  const late = { recovery: [{ tenant: 'acme', rtoMs: 5000 }] };
  const unsound = { baseline: { ...loss.baseline, failed: 1 } };

  test('a missed target fails the drill', () => {
    expect([outcome({}), outcome(late)]).toEqual(['passed', 'failed']);
  });

  test.each([
    ['a request failed', { failed: 1 }],
    ['a request could not be sent', { unsent: 1 }],
    ['a cell missed probes', { missedProbes: ['a'] }],
    ['no request was answered', { requests: 0 }],
  ])('before the fault %s: neither met nor missed times say anything', (_, fault) => {
    const baseline = { ...loss.baseline, ...fault };
    expect([outcome({ baseline }), outcome({ baseline, ...late })]).toEqual(['inconclusive', 'inconclusive']);
  });

  test('what may never happen fails the drill whatever was before the fault', () => {
    expect(outcome({ ...unsound, ledger: { ...ledger, lost: 1 } })).toBe('failed');
    expect(outcome({ ...unsound, wrongCell: 1 })).toBe('failed');
  });
});

test('an edge that does not answer before the fault makes the drill inconclusive, and other errors stay', () => {
  const late = beforeTheFault(new UserError('The edge does not answer: no answer in time.'));
  expect(late).toBeInstanceOf(InconclusiveError);
  expect((late as Error).message).toMatch(
    /^Inconclusive, .*: The edge does not answer: no answer in time\. Give a lower/,
  );
  const known = new InconclusiveError('Inconclusive: it was failed over.');
  expect([beforeTheFault(known), beforeTheFault('defect')]).toEqual([known, 'defect']);
});

test('the report of an inconclusive drill says why, and what to do', () => {
  const baseline = { requests: 40, failed: 3, unsent: 2, missedProbes: ['a'] };
  const text = toMarkdown({ ...missedReport, outcome: 'inconclusive', measured: { ...loss, baseline } });
  expect(text).toMatch(/^# Drill cell-loss of a: inconclusive\n/);
  expect(text).toContain(
    'Before the fault 3 of 40 requests failed, and 2 requests could not be sent, and a missed probes, so the result says nothing about the fault. Give a lower --load',
  );
});

test('the report as Markdown says what was measured, and a text cannot break its tables', () => {
  expect(toMarkdown(missedReport)).toBe(`# Drill cell-loss of a: FAILED

Begun 2026-11-21T07:41:03.000Z; 200 events a second for 15 s from 2 tenants.

## Targets

| target | wanted | measured |  |
| --- | --- | --- | --- |
| a \\| b | 0 | 1 | MISSED |

## Timeline

| at | what |
| --- | --- |
| 5.01 s | fault: cell-loss of a |

## Requests

| phase | requests | succeeded | p50 | p99 | by status |
| --- | --- | --- | --- | --- | --- |
| before | 100 | 100 | 4 ms | 20 ms | 202: 100 |

## Events

1000 acknowledged (a 400, b 600), 0 lost, 0 double and 0 missing effects.
2 are in the logs of several cells, 1 were stored without their acknowledgement having arrived.

## Recovery by tenant

| tenant | served again after |
| --- | --- |
| acme | 5.00 s |
| globex | 3.10 s |
`);
});
