// `polycell drill`: breaks something on purpose, under load, and measures whether the promises hold.
import { access, constants, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runningStacks } from '../../local/registry.ts';
import { suggestion } from '../closest.ts';
import { type Command, UsageError, UserError, wholeNumber } from '../command.ts';
import { LEDGER_EVENTS } from '../drill/ledger.ts';
import { startOwnStack } from '../drill/own-stack.ts';
import { type DrillReport, SHOWN, toMarkdown, whyInconclusive } from '../drill/report.ts';
import { InconclusiveError, runDrill } from '../drill/run.ts';
import { DRILLS, type DrillKind, type Outcome } from '../drill/verdict.ts';
import { StackClient } from '../stack-client.ts';

/** The limits of a drill; the number of events is bounded by the ledger. */
const LIMITS = { rate: 2000, batch: 500, seconds: 600, tenants: 100, delayMs: 10_000 } as const;

/** Time for load before and after the fault, in seconds, with a reserve. */
const RESERVE_SECONDS = 180;

/** Exit code after Ctrl-C, as in shells. */
const INTERRUPTED = 130;

/** 2 is for invalid arguments. */
const EXIT_CODES: Readonly<Record<Outcome, number>> = { passed: 0, failed: 1, inconclusive: 4 };

/** The kinds of drills, for the usage. */
const KINDS = DRILLS.join('|');

export const drill: Command = {
  summary: 'break something on purpose, and measure whether the promises hold',
  usage: `${KINDS} [--cell C] [--load R] [--batch B] [--duration S] [--tenants N] [--report DIR]`,
  example: 'npx polycell drill cell-loss --cell aws-alpha --load 200',
  positionals: 1,
  asks: 'stack',
  options: {
    cell: { type: 'string' },
    load: { type: 'string' },
    batch: { type: 'string' },
    duration: { type: 'string' },
    tenants: { type: 'string' },
    delay: { type: 'string' },
    report: { type: 'string' },
  },
  describe: {
    '--cell C':
      'the cell that is lost, slow or cut off, or one of the region or cloud that is; the first one if not given',
    '--load R': 'events a second, kept up whatever happens; 200 if not given',
    '--batch B': 'events in a request; 5 if not given',
    '--duration S': 'seconds that the fault lasts; 15 if not given',
    '--tenants N': 'tenants of the cell, or of each cell for map-loss, removed afterwards; 10 if not given',
    '--delay MS': 'slow-cell: what each request takes longer; 400 if not given',
    '--report DIR': 'the folder for the report, created if missing; ./reports if not given',
    '--stack URL': 'the stack to use, if not the one started last; without any, the drill starts one',
  },
  async run({ positionals, options, json, out, err }) {
    const kind = positionals[0] as DrillKind | undefined;
    if (kind === undefined || !DRILLS.includes(kind))
      throw new UsageError(`Name a drill: ${DRILLS.join(', ')}.${suggestion(kind ?? '', DRILLS)}`);
    if (options.delay !== undefined && kind !== 'slow-cell') throw new UsageError('--delay is for slow-cell.');
    if (options.cell !== undefined && kind === 'map-loss')
      throw new UsageError('--cell is for the other drills: map-loss strikes all cells.');
    const number = (name: string, fallback: number, maximum: number) =>
      wholeNumber(options, name, fallback, 1, maximum);
    const rate = number('load', 200, LIMITS.rate);
    const seconds = number('duration', 15, LIMITS.seconds);
    const batch = number('batch', 5, LIMITS.batch);
    const tenants = number('tenants', 10, LIMITS.tenants);
    const delayMs = number('delay', 400, LIMITS.delayMs);
    if (rate * (seconds + RESERVE_SECONDS) > LEDGER_EVENTS)
      throw new UsageError(`A drill remembers ${LEDGER_EVENTS} events: give a lower --load or a shorter --duration.`);
    if (options.report === '') throw new UsageError('Give --report a folder, such as ./reports.');
    const folder = (options.report as string | undefined) ?? 'reports';
    const say = (what: string) => err(what);
    // Before the drill, which takes minutes: it would be in vain without a place for its report.
    const made = await makeFolder(folder);

    // The first signal ends the drill in order, the second one immediately.
    const interrupted = new AbortController();
    const interrupt = () => interrupted.abort();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);

    const isAlone = options.stack === undefined && (await runningStacks()).length === 0;
    if (isAlone) say('No stack is running here; the drill starts one of its own.');
    const own = isAlone ? await startOwnStack() : undefined;
    try {
      const stack = await StackClient.find(own?.url ?? (options.stack as string | undefined));
      const cell = options.cell as string | undefined;
      const began = performance.now();
      const report = await runDrill(stack, {
        kind,
        cell,
        rate,
        batch,
        seconds,
        tenants,
        delayMs,
        say: (what) => say(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${what}`),
        signal: interrupted.signal,
      });
      const files = await write(folder, report);
      if (made !== undefined) say(`Created the folder ${folder} for the report.`);
      out(json ? JSON.stringify({ ...report, files }) : summary(report, files));
      return EXIT_CODES[report.outcome];
    } catch (error) {
      if (!interrupted.signal.aborted) {
        if (!(error instanceof InconclusiveError)) throw error;
        err(error.message);
        return EXIT_CODES.inconclusive;
      }
      err('The drill was interrupted; its fault has been removed.');
      return INTERRUPTED;
    } finally {
      await own?.stop();
    }
  },
};

/** Makes sure that the report can be written; returns the first folder that had to be made. */
async function makeFolder(folder: string): Promise<string | undefined> {
  try {
    const made = await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return made;
  } catch (error) {
    throw unwritable(folder, error);
  }
}

const unwritable = (folder: string, error: unknown): UserError =>
  new UserError(
    `The report cannot be written to ${folder}: ${(error as Error).message}. Give another folder with --report.`,
  );

async function write(folder: string, report: DrillReport): Promise<readonly string[]> {
  const name = `${report.drill}-${report.startedAt.replace(/[:.]/g, '-')}`;
  const files = [`${name}.md`, `${name}.json`].map((file) => path.join(folder, file));
  try {
    await writeFile(files[0] ?? '', toMarkdown(report));
    await writeFile(files[1] ?? '', `${JSON.stringify(report, null, 2)}\n`);
  } catch (error) {
    throw unwritable(folder, error);
  }
  return files;
}

function summary(report: DrillReport, files: readonly string[]): string {
  const { targets, outcome, drill: kind } = report;
  const width = Math.max(...targets.map(({ name }) => name.length));
  return [
    '',
    ...targets.map(
      ({ name, wanted, actual, met }) =>
        `  ${met ? 'met   ' : 'MISSED'}  ${name.padEnd(width)}  ${actual}  (${wanted})`,
    ),
    '',
    ...(outcome === 'inconclusive' ? [whyInconclusive(report)] : []),
    `The drill ${kind} ${outcome === 'inconclusive' ? 'is ' : ''}${SHOWN[outcome]}. Report: ${files.join(', ')}`,
  ].join('\n');
}
