// A stack in a process of its own, as `npm start` runs it, and the client's side of its HTTP API.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { StackClient } from '../../cli/stack-client.ts';
import { dieWithParent } from '../../hosts/processes/reaper.ts';
import { sourceFile } from '../../local/source-file.ts';
import type { Context } from '../kit/benchmark.ts';

const CELLS = { aws: 'aws-alpha', azure: 'azure-beta' } as const;
const TENANT = 'bench';
const START_TIMEOUT_MS = 60_000;

export interface StackProcess {
  readonly pid: number;
  /** Posts a batch of events; an error unless all are stored then. */
  post(events: readonly unknown[]): Promise<void>;
  /** All items of a listing. */
  list<T>(path: string): Promise<readonly T[]>;
  /** The same as another tenant. */
  as(tenant: string): Promise<Pick<StackProcess, 'post' | 'list'>>;
  stop(): Promise<void>;
}

/** Starts a stack of one cell and waits until it is ready. */
export async function startStack(context: Context): Promise<StackProcess> {
  const cell = CELLS[context.cloud];
  const { pid, client, stop } = await startDev(context, ['--cells', cell]);
  const as = (tenant: string) => tenantOf(client, tenant, cell);
  return { pid, ...(await as(TENANT)), as, stop };
}

/** The program as `npm start` has it, with these options, once it is ready. */
export async function startDev(
  context: Context,
  options: readonly string[],
): Promise<{ readonly pid: number; readonly client: StackClient; stop(): Promise<void> }> {
  const limits = ['--max-semi-space-size=4', '--max-old-space-size=384'];
  const child = spawn(process.execPath, [...limits, sourceFile('cli/polycell.mjs'), 'dev', ...options, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  dieWithParent(child);
  const stop = () => end(child);
  context.atEnd(stop);
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => {
    told = `${told}${chunk.toString('utf8')}`.slice(-2000);
  });
  const url = await readyUrl(child, () => told);
  return { pid: child.pid ?? 0, client: await StackClient.find(url), stop };
}

/** What a tenant sends and reads, through the edge unless a cell is named. */
export async function tenantOf(
  client: StackClient,
  tenant: string,
  cell?: string,
): Promise<Pick<StackProcess, 'post' | 'list'>> {
  const target = await client.target(tenant, cell);
  return {
    async post(events) {
      const response = await target.call('ingest', '/v1/events', {
        method: 'POST',
        body: JSON.stringify(events),
        headers: { 'content-type': 'application/cloudevents-batch+json' },
      });
      const body = (await response.json()) as { accepted?: number; duplicates?: number };
      // Those of a batch that is sent again, as its answer was lost, are duplicates.
      if ((body.accepted ?? 0) + (body.duplicates ?? 0) !== events.length)
        throw new Error(`A batch was answered ${response.status}: ${JSON.stringify(body).slice(0, 300)}`);
    },
    async list<T>(path: string) {
      const items: T[] = [];
      let cursor: string | undefined;
      do {
        const separator = path.includes('?') ? '&' : '?';
        const more = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const response = await target.call('read', `${path}${separator}limit=100${more}`);
        // A device is known to no consumer before its first reading went through.
        if (response.status === 404) return items;
        const page = (await response.json()) as { items?: T[]; next?: string | null };
        if (page.items === undefined)
          throw new Error(`${path} was answered ${response.status}: ${JSON.stringify(page)}`);
        items.push(...page.items);
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
      return items;
    },
  };
}

async function readyUrl(child: ChildProcess, told: () => string): Promise<string> {
  if (child.stdout === null) throw new TypeError('The stack has no standard output.');
  const lines = createInterface({ input: child.stdout });
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  for await (const line of lines) {
    clearTimeout(timer);
    const { cells } = JSON.parse(line) as { cells: readonly { readonly url: string }[] };
    return cells[0]?.url ?? '';
  }
  clearTimeout(timer);
  throw new Error(`The stack did not start: ${told().trim()}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'exit');
  child.kill('SIGTERM');
  await closed;
}
