// What the processes of a stack use, as Linux reports it: memory and processor time, by the part of the stack they are.
import { readdir, readFile } from 'node:fs/promises';

export interface ProcessUse {
  readonly pid: number;
  /** The part of the stack: `aws-alpha http`, `DynamoDB emulator`. */
  readonly part: string;
  readonly rssMiB: number;
  /** Its share of what it has in memory: pages that n processes share count 1/n for each. */
  readonly pssMiB: number;
  readonly cpuSeconds: number;
}

/** Ticks of /proc/<pid>/stat a second, on every platform that Node.js runs on. */
const TICKS = 100;

/** A process and all below it; empty where there is no /proc. */
export async function processTree(root: number): Promise<readonly ProcessUse[]> {
  const entries = await readdir('/proc').catch(() => []);
  const all = await Promise.all(entries.filter((name) => /^\d+$/.test(name)).map((name) => readProcess(Number(name))));
  const known = all.filter((each) => each !== undefined);
  const wanted = new Set([root]);
  for (let grown = true; grown; ) {
    const before = wanted.size;
    for (const { pid, parent } of known) if (wanted.has(parent)) wanted.add(pid);
    grown = wanted.size > before;
  }
  return known.filter(({ pid }) => wanted.has(pid)).map(({ parent: _parent, ...use }) => use);
}

async function readProcess(pid: number): Promise<(ProcessUse & { readonly parent: number }) | undefined> {
  try {
    const [stat, status, command, environment, rollup] = await Promise.all(
      ['stat', 'status', 'cmdline', 'environ', 'smaps_rollup'].map((file) =>
        readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => ''),
      ),
    );
    const fields = (stat ?? '').slice((stat ?? '').lastIndexOf(')') + 2).split(' ');
    const rss = /VmRSS:\s+(\d+)/.exec(status ?? '')?.[1];
    if (rss === undefined) return undefined;
    return {
      pid,
      parent: Number(fields[1]),
      part: partOf((command ?? '').replaceAll('\u0000', ' '), environment ?? ''),
      rssMiB: Number(rss) / 1024,
      pssMiB: Number(/^Pss:\s+(\d+)/m.exec(rollup ?? '')?.[1] ?? Number.NaN) / 1024,
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const FUNCTION_NAME = 'AWS_LAMBDA_FUNCTION_NAME=';

function partOf(command: string, environment: string): string {
  if (command.includes('dynoxide')) return 'DynamoDB emulator';
  if (command.includes('workerd')) return 'edge';
  if (command.includes('sns-sqs/server')) return 'SNS and SQS emulator';
  if (command.includes('azure-services-process')) return 'Cosmos DB and Service Bus emulators';
  if (command.includes('azure-functions/bootstrap')) return 'functions of the app';
  const variable = environment.split('\u0000').find((each) => each.startsWith(FUNCTION_NAME));
  if (variable !== undefined) return `function ${variable.slice(FUNCTION_NAME.length)}`;
  if (command.includes('polycell')) return 'dev: triggers, HTTP front';
  return command.includes('/bin/sh') ? 'watchdog' : command.slice(0, 40);
}

/** Sums up processes of the same part. */
export function byPart(
  uses: readonly ProcessUse[],
): ReadonlyMap<string, { processes: number; rssMiB: number; pssMiB: number; cpuSeconds: number }> {
  const parts = new Map<string, { processes: number; rssMiB: number; pssMiB: number; cpuSeconds: number }>();
  for (const { part, rssMiB, pssMiB, cpuSeconds } of uses) {
    const sum = parts.get(part) ?? { processes: 0, rssMiB: 0, pssMiB: 0, cpuSeconds: 0 };
    parts.set(part, {
      processes: sum.processes + 1,
      rssMiB: sum.rssMiB + rssMiB,
      pssMiB: sum.pssMiB + pssMiB,
      cpuSeconds: sum.cpuSeconds + cpuSeconds,
    });
  }
  return parts;
}
