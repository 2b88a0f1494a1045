// `polycell status`: edge, cells, tenants, failovers and fencing on one screen, once or until Ctrl-C; at a local stack each consumer, too.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Overview, OverviewCell } from '../../core/edge/monitor/overview.ts';
import type { CellStatus } from '../../local/stack.ts';
import { type Command, type CommandContext, EXIT, RefusedError, UserError } from '../command.ts';
import { lastDrill, lastDrillLine } from '../drill/history.ts';
import { type Connection, connect } from '../edge/connection.ts';
import type { Control } from '../edge/edge-client.ts';
import { healthOfEdge } from '../edge/edge-health.ts';
import { backlogsOf, paceOf, parkedIn, printCells, printPace, printRest } from '../overview-lines.ts';
import type { StackClient } from '../stack-client.ts';

export const status: Command = {
  summary: 'show the edge, the cells, who is served where, failovers, and what is parked',
  usage: '[--watch] [--edge URL | --profile NAME | --stack URL]',
  example: 'npx polycell status --watch',
  asks: 'edge',
  options: { watch: { type: 'boolean' } },
  describe: { '--watch': 'show it anew every two seconds, until Ctrl-C; with --json, a line each' },
  async run(context) {
    const connection = await connect(context.options);
    const { stack } = connection;
    const show: Show = (out) =>
      stack === undefined ? ofEdge(connection, context.json, out) : ofStack(stack, context.json, out);
    return context.options.watch === true ? watch(show, context) : show(context.out);
  },
};

type Out = (line: string) => void;
/** Prints all of it; resolves with the exit code. */
type Show = (out: Out) => Promise<number>;

/** The pause between two views, in milliseconds: that of the console. */
const PAUSE_MS = 2000;

/** Puts the cursor at the top left and clears what is below. */
const CLEAR = '\u001b[H\u001b[J';

/** Shows it again and again. What cannot be asked is said in place of the view, with the time of the last one. */
async function watch(show: Show, { json, out, err }: CommandContext): Promise<number> {
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
  const isScreen = process.stdout.isTTY === true && !json;
  let last: { readonly lines: readonly string[]; readonly at: Date } | undefined;
  if (isScreen) out('\u001b[2J');
  while (!ended.signal.aborted) {
    const lines: string[] = [];
    const fault = await show((line) => lines.push(line)).then(
      () => undefined,
      (error: unknown) => {
        if (!(error instanceof UserError)) throw error;
        return error.message;
      },
    );
    if (ended.signal.aborted) break;
    if (fault === undefined) last = { lines, at: new Date() };
    if (isScreen) {
      const head =
        fault === undefined ? '' : `${fault} What follows is of ${last?.at.toLocaleTimeString() ?? 'no time'}.\n\n`;
      out(CLEAR + head + (last?.lines ?? []).join('\n'));
    } else if (fault !== undefined) err(fault);
    else if (json) lines.forEach(out);
    else out([`At ${new Date().toISOString()}:`, ...lines, ''].join('\n'));
    await sleep(PAUSE_MS, undefined, { signal: ended.signal }).catch(() => undefined);
  }
  return EXIT.done;
}

async function ofStack(stack: StackClient, json: boolean, out: Out): Promise<number> {
  const { edge, cells } = await stack.status();
  // The monitor of a stack that has just started may not have made a round yet.
  const overview = edge === null ? undefined : await overviewOf(await stack.control()).catch(unlessRefused);
  const last = overview && (await lastDrill(await stack.control()));
  const parts = overview && last && { ...partsOf(overview), lastDrill: last };
  if (json) out(JSON.stringify({ edge, cells: cells.map(withNumbers(overview)), ...parts }));
  else {
    const described = [
      ...(edge === null ? [] : [`edge  ${edge.health}  ${edge.url}  ${edge.tlsUrl}`]),
      ...cells.map(describe),
    ];
    out(described.join('\n\n'));
    if (overview !== undefined) {
      printPace(overview, out);
      printRest(overview, out);
    }
    if (last !== undefined) out(lastDrillLine(last, Date.now()));
  }
  return [...(edge === null ? [] : [edge]), ...cells].every(({ health }) => health === 'ok') ? EXIT.done : EXIT.failed;
}

/** A cell of the stack with how fast events move in and from it, and its budgets, where the monitor has said so. */
const withNumbers =
  (overview: Overview | undefined) =>
  (cell: CellStatus): CellStatus & Partial<ReturnType<typeof numbersOf>> => {
    const known = overview?.cells.items.find(({ id }) => id === cell.id);
    return overview === undefined || known === undefined ? cell : { ...cell, ...numbersOf(overview, known) };
  };

/** What `--json` has of how a cell keeps its objectives; an edge of an earlier release says nothing of budgets. */
const numbersOf = (overview: Overview, cell: OverviewCell) => ({
  pace: paceOf(overview, cell),
  backlogs: backlogsOf(cell),
  budget: cell.budget ?? null,
});

const unlessRefused = (error: unknown): undefined => {
  if (error instanceof UserError) return undefined;
  throw error;
};

async function overviewOf(control: Control): Promise<Overview> {
  try {
    return await control('GET', 'overview');
  } catch (error) {
    if (!(error instanceof RefusedError) || error.code !== 'not_found') throw error;
    throw new UserError(
      'This edge is of an earlier release without an overview: use npx polycell cells list and npx polycell failover status, or deploy it.',
    );
  }
}

/** What `--json` has of the overview, besides the cells. */
const partsOf = ({ tenants, failovers, fencing, objectives }: Overview) => ({
  tenants,
  failovers,
  fencing,
  objectives,
});

/** What the monitor says of a cell that is well. */
const WELL = 'up';

async function ofEdge(connection: Connection, json: boolean, out: Out): Promise<number> {
  const url = connection.deployed?.edge ?? '';
  const health = await healthOfEdge(url);
  const control = await connection.control();
  const overview = await overviewOf(control);
  const last = await lastDrill(control);
  const { trouble } = overview.monitor;
  const cells = overview.cells.items.map((cell) => {
    const { id, cloud, region, endpoint, verdict, detail, state, homes, standbys } = cell;
    const directory = { state, homes, standbys };
    const numbers = { parked: parkedIn(cell), ...numbersOf(overview, cell) };
    return { id, cloud, region, url: endpoint, health: verdict, detail, directory, ...numbers };
  });
  if (json) {
    const edge = { url, health: health.status, version: health.version };
    out(JSON.stringify({ edge, cells, ...partsOf(overview), lastDrill: last }));
  } else {
    out(`edge  ${health.status}  version ${health.version}  ${url}`);
    if (trouble !== null) out(`The monitor is in trouble: ${trouble}`);
    printCells(overview, out);
    printRest(overview, out);
    out(lastDrillLine(last, Date.now()));
  }
  const isWell = health.status === 'ok' && trouble === null && cells.every((cell) => cell.health === WELL);
  return isWell ? EXIT.done : EXIT.failed;
}

function describe({ id, cloud, region, url, health, directory, consumers }: CellStatus): string {
  const rows = consumers.map(({ name, backlog, parked, more, deadLetters }) => [
    name,
    String(backlog),
    `${parked}${more ? '+' : ''}`,
    String(deadLetters),
  ]);
  const table = [['consumer', 'backlog', 'parked', 'dead letters'], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = table.map(
    (row) =>
      `  ${row.map((value, column) => (column === 0 ? value.padEnd(widths[column] ?? 0) : value.padStart(widths[column] ?? 0))).join('  ')}`,
  );
  const inDirectory =
    directory === null ? '' : `  ${directory.state}, home of ${directory.homes}, standby of ${directory.standbys}`;
  return [`${id}  ${health}${inDirectory}  ${cloud} ${region}  ${url}`, ...(rows.length === 0 ? [] : lines)].join('\n');
}
