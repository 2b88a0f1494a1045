// `polycell drill`: breaks something on purpose, under load, and measures whether the promises hold.
import { randomUUID } from 'node:crypto';
import { access, constants, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runningStacks } from '../../local/registry.ts';
import { suggestion } from '../closest.ts';
import { type Command, type CommandContext, refuseDeployed, UsageError, UserError, wholeNumber } from '../command.ts';
import { DATA_RESERVE_SECONDS, runDataDrill } from '../drill/data-run.ts';
import { handOver, inconclusive, resultOf } from '../drill/hand-over.ts';
import { drillsOf, HISTORY_COLUMNS } from '../drill/history.ts';
import { LEDGER_EVENTS } from '../drill/ledger.ts';
import { DRILL_NAMES, DRILL_TEXTS, type DrillName, isDataDrill } from '../drill/names.ts';
import { startOwnStack } from '../drill/own-stack.ts';
import { toPage } from '../drill/page.ts';
import { type DrillReport, SHOWN, toMarkdown, whyInconclusive } from '../drill/report.ts';
import { InconclusiveError, runDrill } from '../drill/run.ts';
import type { Outcome } from '../drill/verdict.ts';
import { connect } from '../edge/connection.ts';
import { StackClient } from '../stack-client.ts';
import { type Column, Table } from '../table.ts';

/** The limits of a drill; the number of events is bounded by the ledger. */
const LIMITS = { rate: 2000, batch: 500, seconds: 1800, tenants: 100, delayMs: 10_000 } as const;

/** Time for load before and after the fault, in seconds, with a reserve. */
const RESERVE_SECONDS = 180;

/** Exit code after Ctrl-C, as in shells. */
const INTERRUPTED = 130;

/** 2 is for invalid arguments. */
const EXIT_CODES: Readonly<Record<Outcome, number>> = { passed: 0, failed: 1, inconclusive: 4 };

/** The names, for the list. */
const NAME_COLUMNS: readonly Column<DrillName>[] = [
  { title: 'drill', of: (name) => name },
  { title: 'what is broken', of: (name) => DRILL_TEXTS[name].broken },
  { title: 'what must hold', of: (name) => DRILL_TEXTS[name].holds },
];

/** Steps of a move that a drill may wait for. */
const UNTIL = ['fenced', 'verified'] as const;

/** Drills that send load. */
const LOADED = DRILL_NAMES.filter((name) => name !== 'hostile-administrator');

export const drill: Command = {
  summary: 'break something on purpose, and measure whether the promises hold',
  usage: 'list|history|NAME [--cell C] [--to C] [--load R] [--batch B] [--duration S] [--tenants N] [--report DIR]',
  example: 'npx polycell drill cell-loss --cell aws-alpha --load 200',
  positionals: 1,
  // Drills themselves work with a local stack only; what they have shown is at every edge.
  asks: 'edge',
  options: {
    cell: { type: 'string' },
    load: { type: 'string' },
    batch: { type: 'string' },
    duration: { type: 'string' },
    tenants: { type: 'string' },
    delay: { type: 'string' },
    report: { type: 'string' },
    to: { type: 'string' },
    until: { type: 'string' },
    reverse: { type: 'boolean' },
    kill: { type: 'boolean' },
  },
  takenBy: {
    cell: DRILL_NAMES.filter((name) => name !== 'map-loss'),
    delay: ['slow-cell'],
    load: LOADED,
    batch: LOADED,
    tenants: LOADED,
    duration: LOADED.filter((name) => name !== 'move-under-load'),
    report: DRILL_NAMES,
    to: DRILL_NAMES.filter(isDataDrill),
    until: ['move-under-load'],
    reverse: ['move-under-load'],
    kill: ['move-under-load'],
  },
  describe: {
    list: 'all drills, with what each breaks and what must hold',
    history: 'what the latest drills have shown, as the edge keeps it',
    ...Object.fromEntries(DRILL_NAMES.map((name) => [name, DRILL_TEXTS[name].holds])),
    '--cell C':
      'the cell that is lost, slow, cut off, moved from or failed over, or one of the region or cloud that is; the first one if not given',
    '--to C':
      'drills about copies of data: the other cell of the tenants; the first one outside the region if not given',
    '--load R': 'events a second, kept up whatever happens; 200 if not given',
    '--batch B': 'events in a request; 5 if not given',
    '--duration S': 'seconds that the fault lasts; 15 if not given',
    '--tenants N': 'tenants of the cell, or of each cell for map-loss, removed afterwards; 10 if not given',
    '--until STEP': 'move-under-load: fenced or verified, two minutes later; verified if not given',
    '--reverse': 'move-under-load: move the tenants back then',
    '--kill': 'move-under-load: kill the target in the middle of the moves, and bring it back',
    '--delay MS': 'slow-cell: what each request takes longer; 400 if not given',
    '--report DIR': 'the folder for the report, created if missing; ./reports if not given',
    '--stack URL': 'the stack to use, if not the one started last; without any, the drill starts one',
  },
  async run(context) {
    const { positionals, options, json, out, err } = context;
    const kind = positionals[0] as DrillName | 'list' | 'history' | undefined;
    if (kind === 'history') return history(context);
    refuseDeployed('drill', options);
    if (kind === 'list') {
      if (json) for (const name of DRILL_NAMES) out(JSON.stringify({ name, ...DRILL_TEXTS[name] }));
      else new Table(NAME_COLUMNS, out).add(DRILL_NAMES);
      return 0;
    }
    if (kind === undefined || !DRILL_NAMES.includes(kind))
      throw new UsageError(`Name a drill: ${DRILL_NAMES.join(', ')}.${suggestion(kind ?? '', DRILL_NAMES)}`);
    const number = (name: string, fallback: number, maximum: number) =>
      wholeNumber(options, name, fallback, 1, maximum);
    const rate = number('load', 200, LIMITS.rate);
    const seconds = number('duration', 15, LIMITS.seconds);
    const batch = number('batch', 5, LIMITS.batch);
    const tenants = number('tenants', 10, LIMITS.tenants);
    const delayMs = number('delay', 400, LIMITS.delayMs);
    const step = UNTIL.find((each) => each === (options.until ?? 'verified'));
    if (step === undefined) throw new UsageError(`--until takes ${UNTIL.join(' or ')}.`);
    if (rate * (seconds + (isDataDrill(kind) ? DATA_RESERVE_SECONDS : RESERVE_SECONDS)) > LEDGER_EVENTS)
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
    const id = randomUUID();
    const startedAt = new Date().toISOString();
    const now = () => new Date().toISOString();
    let stack: StackClient | undefined;
    try {
      stack = await StackClient.find(own?.url ?? (options.stack as string | undefined));
      const cell = options.cell as string | undefined;
      const began = performance.now();
      const given = {
        ...{ cell, rate, batch, seconds, tenants },
        say: (what: string) => say(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${what}`),
        signal: interrupted.signal,
      };
      const report = isDataDrill(kind)
        ? await runDataDrill(stack, {
            ...{ ...given, kind, other: options.to as string | undefined, until: step },
            ...{ reverse: options.reverse === true, kill: options.kill === true },
          })
        : await runDrill(stack, { ...given, kind, delayMs });
      const files = await write(folder, report);
      if (made !== undefined) say(`Created the folder ${folder} for the report.`);
      out(json ? JSON.stringify({ ...report, files }) : summary(report, files));
      await handOver(controlOf(stack), resultOf(report, id, now()), err);
      return EXIT_CODES[report.outcome];
    } catch (error) {
      if (!interrupted.signal.aborted) {
        if (!(error instanceof InconclusiveError)) throw error;
        err(error.message);
        const unproven = { kind, cell: (options.cell as string | undefined) ?? null, startedAt };
        if (stack !== undefined) await handOver(controlOf(stack), inconclusive(unproven, id, now()), err);
        return EXIT_CODES.inconclusive;
      }
      err('The drill was interrupted; its fault has been removed.');
      return INTERRUPTED;
    } finally {
      await own?.stop();
    }
  },
};

const controlOf = (stack: StackClient) => () => stack.control();

async function history({ options, json, out }: CommandContext): Promise<number> {
  const connection = await connect(options);
  const items = await drillsOf(await connection.control());
  if (json) for (const each of items) out(JSON.stringify(each));
  else if (items.length === 0) out('No drill is known.');
  else new Table(HISTORY_COLUMNS, out).add(items);
  return 0;
}

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
  const contents = {
    [`${name}.md`]: toMarkdown(report),
    [`${name}.json`]: `${JSON.stringify(report, null, 2)}\n`,
    [`${name}.html`]: toPage(report),
  };
  const files = Object.keys(contents).map((file) => path.join(folder, file));
  try {
    for (const [file, content] of Object.entries(contents)) await writeFile(path.join(folder, file), content);
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
