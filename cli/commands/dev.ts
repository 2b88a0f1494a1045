// `polycell dev` (= `npm start`): the whole stack in the foreground, until Ctrl-C.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  applicationFile,
  buildBundles,
  importTypeScript,
  OWN_APPLICATION,
  stackBundles,
} from '../../build/bundles.mjs';
import { explainFault } from '../../build/preflight.mjs';
import { application } from '../../core/application.ts';
import { topologyOf } from '../../core/domain/application.ts';
import { CROSS_ORIGIN_LIMITS, isOrigin } from '../../core/edge/router/cross-origin.ts';
import { type CellDeclaration, declaredCells, pickCells } from '../../local/cells.ts';
import { inspectionPorts } from '../../local/inspection.ts';
import { sourceFile } from '../../local/source-file.ts';
import type { StackInfo } from '../../local/stack.ts';
import { declaredTenants } from '../../local/tenants.ts';
import { type Command, UsageError, UserError, wholeNumber } from '../command.ts';
import { InnerLoop } from '../inner-loop.ts';
import { noticePrinter, unless } from '../notices.ts';

/** An orderly stop that takes longer than this is ended by force, in milliseconds: less than Docker's grace period of ten seconds. */
const STOP_TIMEOUT_MS = 9000;

export const dev: Command = {
  summary: 'run the whole stack on this machine',
  usage:
    '[--cells IDS] [--port N] [--port-base N] [--data DIR] [--failover MODE] [--origins URLS] [--no-watch] [--inspect FUNCTIONS]',
  example: 'npx polycell dev --cells aws-alpha --data ./state',
  options: {
    cells: { type: 'string' },
    port: { type: 'string' },
    'port-base': { type: 'string' },
    data: { type: 'string' },
    watch: { type: 'boolean' },
    'no-watch': { type: 'boolean' },
    inspect: { type: 'string' },
    failover: { type: 'string' },
    origins: { type: 'string' },
  },
  describe: {
    '--cells IDS': 'which cells of infra/cells.json, separated by commas; all of them if not given',
    '--port N': 'the port of the edge; a free one if not given',
    '--port-base N': 'the first cell’s port, the others’ follow; free ports if not given',
    '--data DIR': 'keep the state in this folder over restarts; in memory if not given',
    '--watch, --no-watch': 'whether a saved source file restarts the functions concerned; it does, but with --json',
    '--inspect FUNCTIONS':
      'open the debugger’s port of functions such as aws-alpha/worker:device-state, separated by commas',
    '--failover MODE':
      'automatic: the monitor fails cells over as in production; propose (if not given): it says what it would do, as a busy machine is no lost cell',
    '--origins URLS':
      'pages that may call the API from a browser: origins such as http://localhost:3000, separated by commas, or "*"',
  },
  async run({ options, json, out, err }) {
    const began = performance.now();
    const say = json ? err : out;
    const ending = new Ending();
    if (options.data === '') throw new UsageError('Give --data a folder, such as ./state.');
    const port = wholeNumber(options, 'port', 0, 1, 65_535);
    const portBase = wholeNumber(options, 'port-base', 0, 1, 65_535);
    const [declared, tenants] = await Promise.all([declaredCells(), declaredTenants()]).catch((error: Error) => {
      throw new UserError(error.message);
    });
    const failover = options.failover ?? 'propose';
    if (failover !== 'automatic' && failover !== 'propose')
      throw new UsageError(`--failover is automatic or propose, not ${JSON.stringify(failover)}.`);
    const browsers = originsOf(options.origins as string | undefined);
    const chosen = picked(declared, options.cells as string | undefined);
    const cells = failover === 'automatic' ? chosen : chosen.map(proposing);
    const inspect = await inspected(options.inspect as string | undefined, cells);
    await buildBundles({
      only: stackBundles.map(({ name }) => name),
      onBuilt: (name, milliseconds) => say(`  built ${name} in ${milliseconds} ms`),
    }).catch((error: Error) => {
      throw new UserError(explainFault(error) ?? `The bundles cannot be built: ${error.message}`);
    });

    if (ending.code !== undefined) {
      say('Stopped.');
      return ending.code;
    }

    const { version } = JSON.parse(await readFile(sourceFile('package.json'), 'utf8')) as { version: string };
    let dead: string | undefined;
    // Compiled separately: the other commands do not need both clouds' SDKs, which take ten times as long to load as they do.
    const { Stack } = (await importTypeScript('local/stack.ts')) as typeof import('../../local/stack.ts');
    const stack = await Stack.create({
      cells,
      version,
      tenants,
      ...(port > 0 && { port }),
      ...(portBase > 0 && { portBase }),
      inspect,
      ...(browsers.length > 0 && { edgeVariables: { APP_CROSS_ORIGIN: JSON.stringify({ browsers }) } }),
      ...(typeof options.data === 'string' && { dataDir: path.resolve(options.data) }),
      progress: (what) => say(`  ${what}`),
      // Notices during a stop report the stop itself, such as cells that no longer answer.
      notice: unless(() => ending.code === 0, noticePrinter(say, Date.now)),
      onDeath: (reason) => {
        dead ??= reason;
        ending.set(1);
      },
    }).catch((error: Error) => {
      throw new UserError(error.message);
    });
    const first = await Promise.race([
      stack.start().catch((error: Error) => {
        throw new UserError(explainFault(error) ?? error.message);
      }),
      ending.reached,
    ]);
    const watches = options['no-watch'] !== true && (!json || options.watch === true);
    let loop: InnerLoop | undefined;
    if (typeof first !== 'number') {
      if (watches) {
        loop = new InnerLoop(stack, new Set(['edge', ...cells.map(({ cloud }) => cloud)]), say);
        await loop.start();
      }
      const tookMs = Math.round(performance.now() - began);
      if (json) out(JSON.stringify({ ready: true, tookMs, ...first }));
      else out(welcome(first, tookMs, options.data as string | undefined));
      for (const line of attachments(inspect)) say(line);
    }
    const code = await ending.reached;
    if (dead !== undefined && code !== 0) err(`The stack stops: ${dead}.`);
    // A second Ctrl-C is not waited for.
    process.once('SIGINT', () => process.exit(130));
    let stopped = false;
    // Not cleared: nothing may keep the process alive for longer than this once everything is stopped.
    setTimeout(() => {
      // Nothing remains either way: its processes and temporary files do not outlive this one.
      if (!stopped) err('The stack did not stop in time and was ended by force.');
      process.exit(code);
    }, STOP_TIMEOUT_MS).unref();
    await loop?.stop();
    await stack.stop().catch((error: Error) => {
      throw new UserError(`The stack has stopped, though not in order: ${error.message}.`);
    });
    stopped = true;
    if (code === 0) say('Stopped.');
    return code;
  },
};

/** A developer's data does not move because the machine is busy or a worker is at a breakpoint: the monitor only proposes. */
const proposing = (cell: CellDeclaration): CellDeclaration =>
  cell.failover === 'automatic' ? { ...cell, failover: 'approve' } : cell;

/** The origins of an option's value, which pages are served from as browsers say it. */
function originsOf(value: string | undefined): readonly string[] {
  const origins = value?.split(',').map((each) => each.trim()) ?? [];
  const wrong = origins.find((each) => each !== '*' && !isOrigin(each));
  if (wrong !== undefined)
    throw new UsageError(
      `--origins takes origins such as http://localhost:3000, without a path, or "*"; ${JSON.stringify(wrong)} is none.`,
    );
  if (origins.length > CROSS_ORIGIN_LIMITS.entries)
    throw new UsageError(`--origins takes at most ${CROSS_ORIGIN_LIMITS.entries} origins; give "*" to allow all.`);
  return origins;
}

function picked(declared: readonly CellDeclaration[], ids: string | undefined): readonly CellDeclaration[] {
  try {
    return pickCells(
      declared,
      ids?.split(',').map((id) => id.trim()),
    );
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function inspected(
  names: string | undefined,
  cells: readonly CellDeclaration[],
): Promise<ReadonlyMap<string, number>> {
  if (names === undefined) return new Map();
  const each = names.split(',').map((name) => name.trim());
  return inspectionPorts(each, cells, topologyOf(application)).catch((error: Error) => {
    throw new UsageError(error.message);
  });
}

/** Where to attach a debugger. */
function attachments(inspect: ReadonlyMap<string, number>): readonly string[] {
  if (inspect.size === 0) return [];
  return [
    ...[...inspect].map(([name, port]) => `Debugger of ${name}: node inspect 127.0.0.1:${port}`),
    '  or chrome://inspect with that address, or in VS Code "Debug: Attach to Node Process" with "port" in launch.json.',
  ];
}

/** How the stack ends: by a signal, which is handled from the start, or because a part died. The first one counts. */
class Ending {
  code: number | undefined;
  readonly reached: Promise<number>;
  #resolve: (code: number) => void = () => undefined;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    // Closing the terminal (SIGHUP) stops the stack, too.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => this.set(0));
  }

  set(code: number): void {
    this.code ??= code;
    this.#resolve(this.code);
  }
}

/** A path from which the application can be read. */
const firstRead = (): string =>
  application.flatMap(({ reads }) => reads).find(({ path }) => !path.includes('{'))?.path ?? '/v1/health';

/** How to send an event: made-up ones are those of the command's own application, so it must be the stack's. */
export const sendLine = (application: string): string =>
  `${application === OWN_APPLICATION ? '' : `POLYCELL_APPLICATION=${application} `}npx polycell send --tenant acme --count 1`;

function welcome({ edge, cells }: StackInfo, tookMs: number, data: string | undefined): string {
  const width = Math.max('edge'.length, ...cells.map(({ id }) => id.length));
  const first = cells[0];
  const read = firstRead();
  const curl =
    edge === null
      ? `curl ${first?.url}${read} -H "x-polycell-route: $(npx polycell token --tenant acme --cell ${first?.id})"`
      : `curl ${edge.url}${read} -H "authorization: Bearer $(npx polycell tenant-token --tenant acme)"`;
  return [
    '',
    `Ready in ${(tookMs / 1000).toFixed(1)} s.`,
    '',
    ...(edge === null ? [] : [`  ${'edge'.padEnd(width)}  ${edge.url}  (${edge.tlsUrl} for devices)`]),
    ...cells.map(({ id, url, cloud, region }) => `  ${id.padEnd(width)}  ${url}  (${cloud} ${region})`),
    '',
    'Send an event, and read it back:',
    `  ${sendLine(applicationFile)}`,
    `  npx polycell get ${read} --tenant acme --wait`,
    '',
    'Or talk to the API yourself:',
    `  ${curl}`,
    '',
    ...(edge === null ? [] : ['Watch it in the browser:', `  ${edge.url}/console/`, '']),
    ...(edge === null ? [] : ['See who is served where, and change it:', '  npx polycell tenants list', '']),
    data === undefined
      ? 'State is in memory and gone when the stack stops; --data DIR keeps it.'
      : `State is kept in ${data}.`,
    'Ctrl-C stops the stack.',
    '',
  ].join('\n');
}
