// `npm run infra:apply`: applies a declared cell to an emulator of AWS's API, and shows that it becomes what is declared and goes again.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './bundles.mjs';
import { OPTIONS, type Option } from './infra/apply/deployment.ts';
import { applyCell, type Step } from './infra/apply/run.ts';
import type { DeclaredCell } from './infra/declared.ts';

const HELP = `Usage: npm run infra:apply [-- --endpoint URL] [--cell NAME] [--with OPTION …] [--release] [--json]

Applies a cell of AWS to an emulator with terraform: its own root in a copy of infra/, with the packages of this checkout. Then holds what
the API reports against the declarations, plans again, switches the protection of the stores off, and destroys all. It takes two to five
minutes, and needs terraform, the provider aws and an emulator; without one of them it says what was not run.

  --endpoint URL  an emulator that runs, such as http://127.0.0.1:5000; without it, moto is started on a free port and ended again
  --cell NAME     the first cell of AWS in infra/cells.json if not given
  --with OPTION   what a cell may have besides, as often as needed: ${OPTIONS.join(', ')}, or all
  --release       fail if something was not run, or is listed in infra/emulator and does not occur
  --json          one step a line on standard output
`;

const PARSED = {
  endpoint: { type: 'string' },
  cell: { type: 'string' },
  with: { type: 'string', multiple: true },
  release: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const MARKS: Readonly<Record<Step['status'], string>> = {
  ok: 'ok  ',
  failed: 'FAIL',
  'not run': 'not run:',
  stale: 'stale:',
};

/** npm passes Ctrl-C on which the terminal has passed on already: two within this time are one, in milliseconds. */
const SAME_MS = 1000;

interface Wanted {
  readonly cell: DeclaredCell;
  readonly endpoint: string | undefined;
  readonly options: ReadonlySet<Option>;
  readonly release: boolean;
  readonly json: boolean;
}

/** What the arguments ask for; a text for what is wrong with them, or for help. */
export function wanted(
  args: readonly string[],
  cells: readonly DeclaredCell[],
): Wanted | { readonly fault: string } | 'help' {
  let values: { endpoint?: string; cell?: string; with?: string[]; release?: boolean; json?: boolean; help?: boolean };
  try {
    ({ values } = parseArgs({ args: [...args], options: PARSED }));
  } catch (error) {
    return { fault: `${(error as Error).message.split('. ', 1)[0]}; --help lists the options.` };
  }
  if (values.help === true) return 'help';
  const { endpoint, release = false, json = false } = values;
  if (endpoint !== undefined && !/^https?:\/\/[^/]+\/?$/.test(endpoint))
    return { fault: `--endpoint must be an address such as http://127.0.0.1:5000, not ${JSON.stringify(endpoint)}.` };
  const own = cells.filter(({ cloud }) => cloud === 'aws');
  const cell = values.cell === undefined ? own[0] : own.find(({ id }) => id === values.cell);
  if (cell === undefined)
    return { fault: `infra/cells.json has no cell ${values.cell ?? ''} of AWS.`.replace('  ', ' ') };
  if (cell.runtime === 'container')
    return { fault: `${cell.id} runs in containers, which is not applied here; name a cell in functions by --cell.` };
  const options = new Set((values.with ?? []).flatMap((each) => (each === 'all' ? OPTIONS : [each])));
  const strange = [...options].find((each) => !(OPTIONS as readonly string[]).includes(each));
  if (strange !== undefined)
    return { fault: `--with takes ${OPTIONS.join(', ')} or all, not ${JSON.stringify(strange)}.` };
  return { cell, endpoint: endpoint?.replace(/\/$/, ''), options: options as ReadonlySet<Option>, release, json };
}

const asText = ({ what, status, detail }: Step): string =>
  status === 'not run' || status === 'stale'
    ? `${MARKS[status]} ${what}: ${detail}\n`
    : `${MARKS[status]} ${what}\n${detail.replace(/^(?=.)/gm, '       ')}\n`;

/** Returns the exit code: 0 if every step that ran passed, 1 if not, 2 for wrong usage, 130 if it was interrupted. */
export async function main(args: readonly string[]): Promise<number> {
  const cells = JSON.parse(readFileSync(path.join(root, 'infra/cells.json'), 'utf8')) as readonly DeclaredCell[];
  const request = wanted(args, cells);
  if (request === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if ('fault' in request) {
    process.stderr.write(`${request.fault}\n`);
    return 2;
  }
  const { release, json, ...what } = request;
  const stop = new AbortController();
  const giveUp = new AbortController();
  let asked = 0;
  const interrupt = (): void => {
    if (stop.signal.aborted && performance.now() - asked > SAME_MS) giveUp.abort();
    if (stop.signal.aborted) return;
    asked = performance.now();
    process.stderr.write('Ending; what was made is destroyed. Again: end at once.\n');
    stop.abort();
  };
  const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of SIGNALS) process.on(signal, interrupt);
  const steps: Step[] = [];
  try {
    await applyCell({
      ...what,
      project: root,
      stop: stop.signal,
      giveUp: giveUp.signal,
      report: (step) => {
        steps.push(step);
        process.stdout.write(json ? `${JSON.stringify(step)}\n` : asText(step));
      },
      progress: (text) => void process.stderr.write(`${text}\n`),
    });
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
  if (stop.signal.aborted) return 130;
  const counted = release ? ['failed', 'not run', 'stale'] : ['failed'];
  return steps.some(({ status }) => counted.includes(status)) ? 1 : 0;
}
