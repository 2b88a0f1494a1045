// Counts afterwards: every event of a drill in every cell's log, and every effect that it had there.
import { application } from '../../core/application.ts';
import { topologyOf } from '../../core/domain/application.ts';
import type { Tally } from '../../core/domain/domain.ts';
import type { JsonObject } from '../../core/ports/json.ts';
import { sleep } from '../../hosts/processes/wait.ts';
import { UserError } from '../command.ts';
import type { Target } from '../edge/edge-client.ts';
import type { StackClient } from '../stack-client.ts';
import type { Ledger } from './ledger.ts';
import { numberOf, subjectOf } from './load.ts';

type CellAddress = { readonly id: string; readonly url: string };

/**
 * How long consumers may be behind the log, in milliseconds: the messages of a killed worker are
 * redelivered only once they are visible again. A later difference is a fault.
 */
const EFFECTS_WITHIN_MS =
  60_000 + 1000 * Math.max(...topologyOf(application).consumers.map(({ visibilitySeconds }) => visibilitySeconds));
const ASK_EVERY_MS = 250;

/** Attempts of a request to a busy cell. */
const TRIES = 20;

const PAGE = 1000;

/** In place of a cell's id: through the edge, as clients read. */
export const EDGE = 'the edge';

export interface CountOptions {
  readonly stack: StackClient;
  readonly cells: readonly CellAddress[];
  readonly tenants: readonly string[];
  readonly run: string;
  readonly tally: Tally;
  readonly ledger: Ledger;
  readonly progress: (what: string) => void;
  readonly signal: AbortSignal;
}

export interface Asking extends Omit<CountOptions, 'ledger' | 'cells' | 'tenants'> {
  /** Calls the cell itself, not the edge, as a tenant; or the edge, for `EDGE`. */
  readonly targetOf: (tenant: string, cell: string) => Promise<Target>;
  /** Gets the cell that an answer names. */
  readonly answeredBy?: (cell: string) => void;
}

/** What reading as a tenant takes, of cells and of the edge. */
export function asking(options: Omit<Asking, 'targetOf'>): Asking {
  const targets = new Map<string, Promise<Target>>();
  const targetOf = (tenant: string, cell: string): Promise<Target> => {
    const key = `${tenant} ${cell}`;
    const target = targets.get(key) ?? options.stack.target(tenant, cell === EDGE ? undefined : cell);
    targets.set(key, target);
    return target;
  };
  return { ...options, targetOf };
}

/** The subjects whose effects differ from the log. */
export interface Effects {
  /** Subjects of which a consumer has counted something twice. */
  readonly doubled: number;
  /** Subjects of which a consumer has still not counted something. */
  readonly missing: number;
}

/** Fills the ledger, and compares the effects with the logs. */
export async function countEvents(counted: CountOptions): Promise<Effects> {
  const { cells, tenants, ledger, progress } = counted;
  const options = asking(counted);
  const logs: { cell: CellAddress; tenant: string; events: number }[] = [];
  for (const cell of cells) {
    ledger.beginLog();
    for (const tenant of tenants) {
      const events = await readLog(options, cell, tenant, (number) => ledger.find(number, cell.id));
      if (events > 0) logs.push({ cell, tenant, events });
    }
    progress(`counted the log of ${cell.id}`);
  }
  const until = performance.now() + EFFECTS_WITHIN_MS;
  const found = { exact: 0, doubled: 0, missing: 0 };
  for (const log of logs) found[await effectsOf(options, log, until)] += 1;
  progress('compared the state with the logs');
  return found;
}

/** Reads a tenant's log page by page, and counts the events of the run. */
export async function readLog(
  options: Asking,
  cell: Pick<CellAddress, 'id'>,
  tenant: string,
  found: (number: number) => void = () => undefined,
): Promise<number> {
  const { run, tally } = options;
  let events = 0;
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page = await ask<{ items: { id: string; source: string }[]; next: string | null }>(
      options,
      cell,
      tenant,
      `${tally.log(subjectOf(run))}&limit=${PAGE}${query}`,
    );
    if (page === undefined) return events;
    for (const item of page.items) {
      const number = numberOf(run, item);
      if (number === undefined) continue;
      found(number);
      events += 1;
    }
    cursor = page.next;
  } while (cursor !== null);
  return events;
}

/** Compares what the consumers have counted with the log; waits for consumers that are behind. */
async function effectsOf(
  options: Asking,
  { cell, tenant, events: counted }: { cell: CellAddress; tenant: string; events: number },
  until: number,
): Promise<'exact' | keyof Effects> {
  const { run, tally, signal } = options;
  for (let events = counted; ; ) {
    const counts: number[] = [];
    for (const { path, count } of tally.counts(subjectOf(run))) {
      const answer = await ask<JsonObject>(options, cell, tenant, path);
      counts.push(answer === undefined ? 0 : count(answer));
    }
    const most = Math.max(...counts);
    // A request that its client had abandoned may have completed since the log was counted.
    if (most > events) events = await readLog(options, cell, tenant);
    if (counts.every((each) => each === events)) return 'exact';
    if (most > events) return 'doubled';
    if (performance.now() > until) return 'missing';
    await sleep(ASK_EVERY_MS, signal);
    signal.throwIfAborted();
  }
}

/** Asks a cell directly, or the edge; `undefined` for a subject that it does not know. */
export async function ask<T>(
  { stack, signal, targetOf, answeredBy }: Asking,
  cell: Pick<CellAddress, 'id'>,
  tenant: string,
  path: string,
): Promise<T | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    const response = await (await targetOf(tenant, cell.id)).call('read', path);
    const body = (await response.json()) as T & { code?: string; detail?: string };
    answeredBy?.(response.headers.get('x-polycell-cell') ?? '');
    if (response.ok) return body;
    if (response.status === 404) return undefined;
    // The tenant was reassigned after the token was made.
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
