// Counts afterwards: every event of a drill in every cell's log, and every effect that it had there.
import type { Ledger } from '../../core/resilience/drill/ledger.ts';
import { sleep } from '../../local/hosts/event-source-mappings/wait.ts';
import { UserError } from '../command.ts';
import type { StackClient, Target } from '../stack-client.ts';
import { deviceOf, numberOf } from './load.ts';

type CellAddress = { readonly id: string; readonly url: string };

/** Consumers may be behind the log for so long, in milliseconds; after it a difference is one. */
const EFFECTS_WITHIN_MS = 90_000;
const ASK_EVERY_MS = 250;

/** A cell that is busy is asked again so often. */
const TRIES = 20;

const PAGE = 1000;

export interface CountOptions {
  readonly stack: StackClient;
  readonly cells: readonly CellAddress[];
  readonly tenants: readonly string[];
  readonly run: string;
  readonly ledger: Ledger;
  readonly progress: (what: string) => void;
  readonly signal: AbortSignal;
}

interface Asking extends CountOptions {
  /** The cell itself, and not the edge, for a tenant. */
  readonly targetOf: (tenant: string, cell: string) => Promise<Target>;
}

/** Fills the ledger; returns how many devices had other effects than their log says. */
export async function countEvents(counted: CountOptions): Promise<number> {
  const { stack, cells, tenants, ledger, progress } = counted;
  const targets = new Map<string, Promise<Target>>();
  const targetOf = (tenant: string, cell: string): Promise<Target> => {
    const key = `${tenant} ${cell}`;
    const target = targets.get(key) ?? stack.target(tenant, cell);
    targets.set(key, target);
    return target;
  };
  const options: Asking = { ...counted, targetOf };
  const logs: { cell: CellAddress; tenant: string; events: number }[] = [];
  for (const cell of cells) {
    ledger.beginLog();
    for (const tenant of tenants) {
      const events = await readLog(options, cell, tenant);
      if (events > 0) logs.push({ cell, tenant, events });
    }
    progress(`counted the log of ${cell.id}`);
  }
  const until = performance.now() + EFFECTS_WITHIN_MS;
  let different = 0;
  for (const log of logs) if (!(await hasItsEffects(options, log, until))) different += 1;
  progress('compared devices and rollups with the logs');
  return different;
}

async function readLog(options: Asking, cell: CellAddress, tenant: string): Promise<number> {
  const { run, ledger } = options;
  let events = 0;
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page = await ask<{ items: { id: string; source: string }[]; next: string | null }>(
      options,
      cell,
      tenant,
      `/v1/devices/${deviceOf(run)}/readings?limit=${PAGE}&order=asc${query}`,
    );
    if (page === undefined) return events;
    for (const item of page.items) {
      const number = numberOf(run, item);
      if (number === undefined) continue;
      ledger.find(number, cell.id);
      events += 1;
    }
    cursor = page.next;
  } while (cursor !== null);
  return events;
}

/** Whether the device's state and its rollups count each event of the log once; waits for consumers that are behind. */
async function hasItsEffects(
  options: Asking,
  { cell, tenant, events }: { cell: CellAddress; tenant: string; events: number },
  until: number,
): Promise<boolean> {
  const { run, signal } = options;
  for (;;) {
    const device = await ask<{ readings: number }>(options, cell, tenant, `/v1/devices/${deviceOf(run)}`);
    const rollups = await ask<{ items: { count: number }[] }>(
      options,
      cell,
      tenant,
      `/v1/devices/${deviceOf(run)}/rollups?metric=temperature&window=1d&limit=${PAGE}`,
    );
    const counted = rollups?.items.reduce((sum, { count }) => sum + count, 0) ?? 0;
    if (device?.readings === events && counted === events) return true;
    // More than there can be will not become less.
    if ((device?.readings ?? 0) > events || counted > events || performance.now() > until) return false;
    await sleep(ASK_EVERY_MS, signal);
    signal.throwIfAborted();
  }
}

/** Asks a cell directly; `undefined` for a device that it does not know. */
async function ask<T>(
  { stack, signal, targetOf }: Asking,
  cell: CellAddress,
  tenant: string,
  path: string,
): Promise<T | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    const response = await (await targetOf(tenant, cell.id)).call('read', path);
    const body = (await response.json()) as T & { code?: string; detail?: string };
    if (response.ok) return body;
    if (response.status === 404 && body.code === 'unknown_device') return undefined;
    // The tenant was assigned anew since the token was made.
    if (response.status === 409) stack.forgetTokens();
    else if (response.status !== 503)
      throw new UserError(
        `The log of ${cell.id} cannot be read: ${response.status} ${body.code ?? ''} ${body.detail ?? ''}`.trim(),
      );
    if (attempt === TRIES)
      throw new UserError(`The log of ${cell.id} cannot be read: it answered ${response.status} ${TRIES} times.`);
    await sleep(ASK_EVERY_MS, signal);
  }
}
