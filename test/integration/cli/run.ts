// The command line as a person runs it: what it says, and of a real process also what it leaves behind.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../../build/bundles.mjs';
import { runCommand } from '../../../cli/command.ts';
import { commands } from '../../../cli/main.ts';
import { eventually } from '../../support/eventually.ts';
import { PATIENCE_MS } from '../../support/patience.ts';

const ps = promisify(execFile);

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Settings {
  readonly environment?: Readonly<Record<string, string>>;
  /** In a process group of its own, as a terminal's foreground job is. */
  readonly group?: boolean;
  /** Another checkout than this one. */
  readonly cwd?: string;
  /** What it gets on standard input. */
  readonly input?: string;
}

// The user's own profiles and tokens are none of a test's business.
delete process.env.POLYCELL_EDGE;
delete process.env.POLYCELL_TOKEN;
process.env.XDG_CONFIG_HOME = '/nowhere';

/** `npx polycell …` under way. */
export class Run {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  out = '';
  err = '';

  constructor(args: readonly string[], { environment = {}, group = false, cwd = root, input }: Settings = {}) {
    this.child = spawn(process.execPath, ['cli/polycell.mjs', ...args], {
      cwd,
      detached: group,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.child.stdin?.end(input);
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.out += chunk.toString('utf8');
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.err += chunk.toString('utf8');
    });
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => resolve({ code, out: this.out, err: this.err }));
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves when what it has said so far matches, or the part of it that is given. */
  said(pattern: RegExp, inText?: () => string, withinMs?: number): Promise<RegExpExecArray> {
    return eventually(async () => {
      const match = inText === undefined ? (pattern.exec(this.out) ?? pattern.exec(this.err)) : pattern.exec(inText());
      if (match === null) throw new Error(`It has not said ${pattern} but:\n${this.out}${this.err}`);
      return match;
    }, withinMs);
  }
}

/** Commands that ask, answer and end, and need nothing of a process: a start costs many times what they do. */
const WITHOUT_PROCESS: readonly string[] = [
  ...['audit', 'cells', 'export', 'failover', 'get', 'keys', 'parked', 'status', 'tenants'],
  ...['device-certificate', 'tenant-token', 'token'],
];

/** Runs a command to its end: in a process of its own only where that is what it is about. */
export async function polycell(...args: string[]): Promise<Ended> {
  const [name = '', ...rest] = args;
  const command = WITHOUT_PROCESS.includes(name) ? commands[name] : undefined;
  if (command === undefined) return new Run(args).ended;
  const lines: Record<'out' | 'err', string[]> = { out: [], err: [] };
  const code = await runCommand(name, command, rest, {
    out: (line) => void lines.out.push(`${line}\n`),
    err: (line) => void lines.err.push(`${line}\n`),
  });
  return { code, out: lines.out.join(''), err: lines.err.join('') };
}

/** Whatever a message is, it is one line, perhaps below the one that says where a change goes. */
export const oneLine = (pattern: RegExp) =>
  expect.stringMatching(new RegExp(`^(?:Going to [^\\n]*\\n)?[^\\n]*${pattern.source}[^\\n]*\\n$`));

/** A `polycell dev` of a test, with a folder of its own for temporary files. */
export interface Dev extends Run {
  /** Of the first cell; once it is ready. */
  url(): Promise<string>;
  /** Of the edge; once it is ready. */
  edgeUrl(): Promise<string>;
  /** Processes that it has started, and their children. */
  descendants(): Promise<{ pid: number; command: string }[]>;
  /** Rejects until nothing of it is left: no process of these, no temporary file, no entry among the running stacks. */
  isGone(processes: readonly { pid: number }[]): Promise<void>;
}

/** A stack that compiles all its bundles first is ready within this, in milliseconds. */
const STARTED_WITHIN_MS = 2 * PATIENCE_MS;

const opened: { run: Run; scratch: string }[] = [];

/** Ends what a test has left running. */
export async function endAll(): Promise<void> {
  for (const { run, scratch } of opened.splice(0)) {
    if (run.child.exitCode === null && run.child.signalCode === null) run.child.kill('SIGKILL');
    await run.ended;
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Starts `polycell dev --json …`. */
export async function dev(args: readonly string[] = [], { environment, ...settings }: Settings = {}): Promise<Dev> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'polycell-cli-test-'));
  // Recognised by its first cell alone: what every cell adds is the cells' own tests'.
  const cells = args.includes('--cells') ? [] : ['--cells', 'aws-alpha'];
  const run = new Run(['dev', '--json', ...cells, ...args], {
    ...settings,
    environment: { TMPDIR: scratch, ...environment },
  });
  opened.push({ run, scratch });
  const ready = async () => {
    const [line] = await run.said(/^\{"ready":true.*\}\n/, undefined, STARTED_WITHIN_MS);
    return JSON.parse(line) as { cells: { url: string }[]; edge: { url: string } };
  };
  return Object.assign(run, {
    url: async () => (await ready()).cells[0]?.url ?? '',
    edgeUrl: async () => (await ready()).edge.url,
    descendants: () => descendantsOf(run.pid),
    isGone: (processes: readonly { pid: number }[]) =>
      eventually(async () => {
        const alive = (await processTable()).filter(({ pid }) => processes.some((each) => each.pid === pid));
        expect(alive).toEqual([]);
        expect(await readdir(scratch)).toEqual([]);
        expect(await registered()).not.toContain(`stack-${run.pid}.json`);
      }),
  });
}

async function registered(): Promise<string[]> {
  return readdir(path.join(root, '.polycell')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

async function processTable(): Promise<{ pid: number; parent: number; command: string }[]> {
  const { stdout } = await ps('ps', ['-A', '-o', 'pid=,ppid=,stat=,args=']);
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, stat = '', command = ''] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    // What has ended and waits for its parent to hear of it is gone.
    return pid === undefined || stat.startsWith('Z') ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

async function descendantsOf(ancestor: number): Promise<{ pid: number; command: string }[]> {
  const table = await processTable();
  const below = (parent: number): typeof table =>
    table.filter((each) => each.parent === parent).flatMap((each) => [each, ...below(each.pid)]);
  return below(ancestor).filter(({ command }) => !/^ps /.test(command));
}
