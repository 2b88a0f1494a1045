// Drills about copies of data, in their pure parts: what clients saw, the verdict, which cells they take, and their report.

import { RefusedError } from '../../../cli/command.ts';
import { COPY_LIMITS, differingEvents, pushAll, untilEqual } from '../../../cli/drill/copies.ts';
import { chosenCells } from '../../../cli/drill/data-run.ts';
import { type DataMeasured, judgeData } from '../../../cli/drill/data-verdict.ts';
import { Ledger } from '../../../cli/drill/ledger.ts';
import { DRILL_NAMES, DRILL_TEXTS, isDataDrill } from '../../../cli/drill/names.ts';
import { type DataReport, toMarkdown } from '../../../cli/drill/report.ts';
import type { Cell } from '../../../core/edge/ports/directory-model.ts';
import type { PushProgress } from '../../../core/replication/push.ts';
import { definition } from '../../support/cloud.ts';
import { publicPart, SECOND_KEY } from '../../support/route-tokens.ts';

const { signal } = new AbortController();

test('what was acknowledged until a moment is missing until a reading finds it, and each reading begins anew', () => {
  const ledger = new Ledger(20);
  for (const number of [0, 3, 9]) ledger.acknowledge(number, 'a');
  const promised = ledger.promised();
  ledger.acknowledge(4, 'a');
  expect([promised.acknowledged, promised.missing, promised.twice]).toEqual([3, 3, 0]);
  for (const number of [0, 3, 4, 3, 25, -1, Number.NaN]) promised.find(number);
  expect([promised.missing, promised.twice]).toEqual([1, 1]);
  promised.begin();
  // What was acknowledged later is no part of the promise, but must not be there twice either.
  for (const number of [0, 3, 9, 4, 4]) promised.find(number);
  expect([promised.missing, promised.twice]).toEqual([0, 1]);
});

const ledger = {
  ...{ acknowledged: 10, acknowledgedBy: { a: 10 }, lost: 0, misplaced: 0, doubled: 0 },
  ...{ inSeveralLogs: 10, unacknowledged: 0, examples: [] },
};
const phase = { requests: 100, succeeded: 100, byStatus: { '202': 100 }, p50Ms: 4, p99Ms: 20 };
const stage = { name: 'at b', acknowledged: 10, missing: 0, twice: 0, servedBy: ['b'], afterMs: 5 };
const attempt = { from: 'a, the home', at: 'b', what: 'delete it', answer: '405', outcome: 'held' } as const;
const kept: DataMeasured = {
  kind: 'move-under-load',
  baseline: { requests: 9, failed: 0, unsent: 0, missedProbes: [] },
  ledger,
  effects: { doubled: 0, missing: 0 },
  wrongCell: 0,
  unsent: 0,
  requests: { sent: 200, failed: 0, byStatus: { 202: 200 } },
  neighbours: { before: phase, during: phase },
  stages: [stage],
  differing: { events: 0, documents: 0, compared: 4 },
  moves: { step: 'verified', ordered: 2, arrived: 2 },
  failback: 'back',
  caughtUpMs: 179_999,
  attempts: [attempt],
  victims: { events: 20, deleted: 0, rewritten: 0 },
  facts: [],
};
const missed = (changes: Partial<DataMeasured>) =>
  judgeData({ ...kept, ...changes }).flatMap(({ name, met }) => (met ? [] : [name]));

test('a drill in which everything held has no missed target', () => {
  expect(missed({})).toEqual([]);
  expect(judgeData(kept)).toHaveLength(18);
});

test.each<[string, Partial<DataMeasured>, string]>([
  [
    'one request failed',
    { requests: { sent: 200, failed: 1, byStatus: { 202: 199, timeout: 1 } } },
    'requests that failed (200)',
  ],
  ['one was not sent', { unsent: 1 }, 'requests that could not be sent'],
  ['one move stands still', { moves: { step: 'verified', ordered: 2, arrived: 1 } }, 'moves that are verified'],
  ['no move was ordered', { moves: { step: 'verified', ordered: 0, arrived: 0 } }, 'moves that are verified'],
  ['a failback by force', { failback: 'forced' }, 'failed back once nothing was missing'],
  ['no failback', { failback: 'was home' }, 'failed back once nothing was missing'],
  [
    'clients did not see one',
    { stages: [stage, { ...stage, missing: 1 }] },
    'acknowledged events that clients did not see',
  ],
  ['clients saw one twice', { stages: [{ ...stage, twice: 1 }] }, 'events that clients saw twice'],
  ['one is lost', { ledger: { ...ledger, lost: 1 } }, 'acknowledged events lost'],
  ['an effect is double', { effects: { doubled: 1, missing: 0 } }, 'double effects'],
  ['nothing was acknowledged', { ledger: { ...ledger, acknowledged: 0 } }, 'acknowledged events'],
  [
    'an event differs',
    { differing: { events: 1, documents: 0, compared: 4 } },
    'events that differ between the two cells',
  ],
  [
    'a document differs',
    { differing: { events: 0, documents: 1, compared: 4 } },
    'documents that differ between the two cells (4)',
  ],
  ['it is late', { caughtUpMs: 180_000 }, 'nothing missing after the cell’s return'],
  ['it never has all', { caughtUpMs: null }, 'nothing missing after the cell’s return'],
  [
    'neighbours wait',
    { neighbours: { before: phase, during: { ...phase, p99Ms: 70 } } },
    'latency of neighbours while tenants are moved (p99)',
  ],
  [
    'an attempt did it',
    { attempts: [{ ...attempt, outcome: 'BROKEN' }] },
    'attempts that did what they were to do (1)',
  ],
  [
    'an event is gone',
    { victims: { events: 20, deleted: 1, rewritten: 0 } },
    'events of the other cell that are gone (20)',
  ],
  [
    'an event is rewritten',
    { victims: { events: 20, deleted: 0, rewritten: 1 } },
    'events of the other cell that say something else',
  ],
  ['nothing was tried', { attempts: [] }, 'attempts'],
])('%s: a missed target', (_, changes, name) => {
  expect(missed(changes)).toEqual([name]);
});

test('neighbours may wait a tenth longer, or 50 ms', () => {
  const during = (before: number, then: number) =>
    missed({ neighbours: { before: { ...phase, p99Ms: before }, during: { ...phase, p99Ms: then } } }).length;
  expect([during(20, 69), during(20, 70), during(1000, 1099), during(1000, 1100)]).toEqual([0, 1, 0, 1]);
});

test('what an administrator may do by decision misses no target, and is shown', () => {
  const added = { ...attempt, what: 'add | one', answer: 'stored', outcome: 'limit' } as const;
  expect(missed({ attempts: [attempt, added] })).toEqual([]);
  const report: DataReport = {
    ...{ drill: 'hostile-administrator', cell: 'a and b', startedAt: '2026-11-28T05:00:00.000Z', rate: 0, seconds: 9 },
    ...{ tenants: 2, outcome: 'passed', passed: true, targets: [], timeline: [], phases: {}, lines: [] },
    measured: {
      kind: 'hostile-administrator',
      baseline: kept.baseline,
      attempts: [added],
      facts: [{ what: 'events that differ', value: '0' }],
    },
  };
  const text = toMarkdown(report);
  expect(text).toMatch(
    /^# Drill hostile-administrator of a and b: passed\n\nBegun 2026-11-28T05:00:00.000Z; without load\.\n/,
  );
  expect(text).toContain('| a, the home | b | add \\| one | stored | limit |');
  expect(text).toContain('| events that differ | 0 |');
  expect(text).not.toMatch(/## (Requests|Events)/);
});

const cell = (id: string, changes: Partial<Cell> = {}): Cell => ({
  ...definition(id),
  ...{ state: 'active', switches: 0, revision: 1, keys: [publicPart(SECOND_KEY)], region: id },
  ...changes,
});
const known = [cell('a'), cell('near', { region: 'a' }), cell('b'), cell('down', { state: 'down' }), cell('c')];
const chosen = (named?: string, other?: string) => {
  const { cell: of, other: to, third } = chosenCells(known, { kind: 'move-under-load', cell: named, other });
  return [of.id, to.id, ...third.map(({ id }) => id)];
};

test('a drill takes two active cells in different regions, the named ones or the first that fit', () => {
  expect(chosen()).toEqual(['a', 'b', 'near', 'c']);
  expect(chosen('b', 'c')).toEqual(['b', 'c', 'a', 'near']);
});

test.each<[string | undefined, string | undefined, string]>([
  ['none', undefined, 'The directory knows no cell none; there are a, near, b, down, c.'],
  ['down', undefined, 'down is down; a drill begins with cells that are active.'],
  ['a', 'near', 'near lies in the region of a: the two cells of a tenant lie in different regions or clouds.'],
  ['a', 'a', 'a lies in the region of a: the two cells of a tenant lie in different regions or clouds.'],
])('cell %s with %s is refused', (named, other, message) => {
  expect(() => chosen(named, other)).toThrow(message);
});

test('without a second region, or without keys, there is nothing to drill', () => {
  const options = { kind: 'standby-loss', cell: undefined, other: undefined } as const;
  expect(() => chosenCells(known.slice(0, 2), options)).toThrow(
    'There is no other active cell outside of the region of a: standby-loss takes two, in two regions or clouds.',
  );
  const { keys: _, ...bare } = cell('a');
  expect(() => chosenCells([bare], options)).toThrow('There is no active cell that has keys.');
  expect(() => chosenCells([bare], { ...options, cell: 'a' })).toThrow('a is declared without keys');
});

test('every drill says what it breaks and what must hold, each once', () => {
  expect(Object.keys(DRILL_TEXTS)).toEqual(DRILL_NAMES);
  expect(new Set(Object.values(DRILL_TEXTS).map(({ broken }) => broken)).size).toBeGreaterThan(8);
  expect(DRILL_NAMES.filter(isDataDrill)).toHaveLength(5);
});

/** A control plane that answers pushes with what is scripted. */
function scripted(answers: readonly (Partial<PushProgress> | Error)[]) {
  const asked: string[] = [];
  const left = [...answers];
  return {
    asked,
    push: async (tenant: string, { from, restart, verify }: { from: string; restart: boolean; verify: boolean }) => {
      asked.push(`${tenant} ${from}${restart ? ' restart' : ''}${verify ? ' verify' : ''}`);
      const answer = left.shift() ?? { done: true };
      if (answer instanceof Error) throw answer;
      return { missing: 0, different: 0, extra: 0, done: false, ...answer } as PushProgress;
    },
  };
}
const pair = { tenant: 'acme', home: 'a', standby: 'b' };

test('a comparison takes all its steps, and counts whatever differs', async () => {
  const control = scripted([{}, { done: true, missing: 2, different: 1, extra: 4 }]);
  expect(await differingEvents(control, pair, signal)).toBe(7);
  expect(control.asked).toEqual(['acme a restart verify', 'acme a verify']);
});

test('an edge that refuses or does not answer says nothing of what differs', async () => {
  const refusal = new RefusedError('The edge refuses this: 503.', 'cell_unavailable');
  expect(await differingEvents(scripted([refusal]), pair, signal)).toBeUndefined();
  expect(await pushAll(scripted([refusal]), pair, signal)).toBe(false);
  await expect(pushAll(scripted([new TypeError('a defect')]), pair, signal)).rejects.toThrow('a defect');
});

test('cells are compared again until nothing differs, only those that did; and what still does in the end is counted', async () => {
  const control = scripted([{ done: true }, { done: true, missing: 1 }, { done: true }]);
  const pairs = [pair, { ...pair, tenant: 'globex' }];
  expect(await untilEqual(control, pairs, COPY_LIMITS.equalWithinMs, signal)).toBe(0);
  expect(control.asked.map((each) => each.split(' ')[0])).toEqual(['acme', 'globex', 'globex']);
  expect(await untilEqual(scripted([{ done: true, missing: 3 }]), [pair], -1, signal)).toBe(3);
});
