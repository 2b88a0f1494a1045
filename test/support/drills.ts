// Drills of the command line against a whole stack: started, awaited, and their reports read.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EdgeControl } from '../../cli/drill/control.ts';
import { DATA_DRILLS } from '../../cli/drill/data-verdict.ts';
import type { DataReport, DrillReport, FaultReport } from '../../cli/drill/report.ts';
import type { PhaseSummary } from '../../cli/drill/service.ts';
import { StackClient } from '../../cli/stack-client.ts';
import { endAll, Run, dev as startDev } from '../integration/cli/run.ts';
import { LATE } from './slowness.ts';

/** Low enough for any machine: what is tried is that the promises hold, not how fast the machine is. */
const LOAD = ['--load', '9', '--batch', '3'];

const loadFor = (drill = ''): readonly string[] => {
  if (drill === 'hostile-administrator') return [];
  // Drills about copies look at everything of every tenant again and again.
  return [...LOAD, '--tenants', (DATA_DRILLS as readonly string[]).includes(drill) ? '1' : '3'];
};

/** A machine that does not carry even this load makes a drill inconclusive, which says nothing about what is tried. */
export const EXIT_CODES = { passed: 0, failed: 1, inconclusive: 4 };

export interface FinishedDrill<R extends DrillReport = FaultReport> {
  readonly code: number | null;
  readonly report: R & { readonly files: readonly string[] };
}

export interface Drills {
  readonly control: EdgeControl;
  /** Of the stack. */
  readonly url: string;
  /** Where the reports are written. */
  readonly folder: string;
  start(...args: string[]): Run;
  /** Resolves when the drill has ended and reported. */
  run(...args: string[]): Promise<FinishedDrill>;
  /** The same, of a drill about copies of data. */
  runData(...args: string[]): Promise<FinishedDrill<DataReport>>;
  close(): Promise<void>;
}

/** Starts a stack of an AWS cell and two Azure cells, whose monitor only proposes, as it does for developers: drills switch it on. */
export async function openDrills(): Promise<Drills> {
  const folder = await mkdtemp(path.join(tmpdir(), 'polycell-drill-test-'));
  const dev = await startDev(['--cells', 'aws-alpha,azure-beta,azure-gamma']);
  const url = await dev.url();
  const stack = await StackClient.find(url);
  const start = (...args: string[]) =>
    new Run(['drill', ...args, ...loadFor(args[0]), '--stack', url, '--report', folder, '--json']);
  const run = async <R extends DrillReport>(...args: string[]): Promise<FinishedDrill<R>> => {
    const { code, out, err } = await start(...args).ended;
    if (out === '') throw new Error(`The drill did not report: ${err}`);
    return { code, report: JSON.parse(out) as FinishedDrill<R>['report'] };
  };
  return {
    control: new EdgeControl(stack, (await stack.info()).edge?.url ?? ''),
    url,
    folder,
    start,
    run,
    runData: run,
    close: async () => {
      await endAll();
      await rm(folder, { recursive: true });
    },
  };
}

/**
 * The missed targets of a drill about copies that the product answers for on a machine of any speed: not latencies, and not requests that were
 * late and nothing else.
 */
export const missedDataOnAnyMachine = ({ outcome, targets, phases }: DataReport): string[] => {
  const later = Object.entries(phases).flatMap(([name, phase]) => (name.startsWith('before,') ? [] : [phase]));
  const isExcused = ({ name, actual }: DrillReport['targets'][number]): boolean =>
    name.startsWith('latency of neighbours') ||
    name === 'requests that could not be sent' ||
    (name.startsWith('requests that failed') && later.every(isOnlyLate)) ||
    (name.startsWith('nothing missing after') && actual !== 'never');
  return missed({
    targets: targets.filter(
      (target) => !isExcused(target) && (outcome !== 'inconclusive' || target.unconditional === true),
    ),
  });
};

/** The targets that a drill missed, each with what was wanted. */
export const missed = ({ targets }: Pick<DrillReport, 'targets'>): string[] =>
  targets.filter(({ met }) => !met).map(({ name, wanted, actual }) => `${name}: ${actual} (${wanted})`);

const isOnlyLate = ({ byStatus }: PhaseSummary): boolean =>
  Object.keys(byStatus).every((status) => status === '202' || LATE.has(status));

/**
 * The missed targets that the product answers for on a machine of any speed. The time to recovery is for drills to judge, and so are shares
 * of requests if those that failed were late and nothing else: with a region or a cloud lost, the other cells take its load, and what a
 * machine that also runs other tests serves of it in time is no promise. Where it did not carry the load before the fault, no share counts.
 */
export const missedOnAnyMachine = ({ outcome, targets, ...report }: FaultReport): string[] => {
  const { bystanders, home } = report.measured;
  const after = report.phases['after, tenants of the cell'];
  const isExcused = ({ name, actual }: DrillReport['targets'][number]): boolean => {
    if (name.startsWith('time to recovery')) return actual.endsWith(' at worst');
    if (name.startsWith('requests of other cells')) return bystanders !== undefined && isOnlyLate(bystanders.fault);
    // Every tenant that is served after the failback is served at home.
    if (name === 'served at home again')
      return after !== undefined && after.succeeded > 0 && after.succeeded === home?.atHome && isOnlyLate(after);
    return false;
  };
  return missed({
    targets: targets.filter(
      (target) => !isExcused(target) && (outcome !== 'inconclusive' || target.unconditional === true),
    ),
  });
};
