// What a drill waits for: the monitor's verdict, the directory's switch, a cell's return, and its fences.
import { sleep } from '../../hosts/processes/wait.ts';
import { UserError } from '../command.ts';
import type { StackClient } from '../stack-client.ts';
import type { EdgeControl } from './control.ts';
import type { Load } from './load.ts';
import type { Mark } from './report.ts';
import type { DrillTenant } from './tenants.ts';

/** Polling interval, in milliseconds: the accuracy of these measurements. */
const EVERY_MS = 100;

/** Polls until the condition holds; `false` after the timeout. */
export async function until(isSo: () => Promise<boolean>, withinMs: number, signal: AbortSignal): Promise<boolean> {
  const end = performance.now() + withinMs;
  for (;;) {
    signal.throwIfAborted();
    if (await isSo()) return true;
    if (performance.now() > end) return false;
    await sleep(EVERY_MS, signal);
  }
}

export interface Watched {
  readonly detectedAt: number | null;
  readonly switchedAt: number | null;
}

/**
 * Waits for the cell to be found failing and to be failed over until the fault ends, and longer while the monitor has not decided
 * that the cell is not failed over.
 */
export async function watchFailover({
  control,
  load,
  cell,
  faultEnd,
  extendedByMs,
  note,
  signal,
}: {
  readonly control: EdgeControl;
  readonly load: Load;
  readonly cell: string;
  readonly faultEnd: number;
  readonly extendedByMs: number;
  readonly note: (what: string, mark?: Mark) => void;
  readonly signal: AbortSignal;
}): Promise<Watched> {
  let detectedAt: number | null = null;
  let switchedAt: number | null = null;
  let stays = false;
  await until(
    async () => {
      const known = (await control.monitor()).cells.find(({ id }) => id === cell);
      if (detectedAt === null && known?.verdict === 'failing') {
        detectedAt = load.elapsed;
        note(`detected: the monitor finds ${cell} failing (${known.detail})`, { text: 'detected' });
        stays = known.stay !== null;
        if (stays) note(`it stays where it is: ${known.refusal ?? known.stay}`);
      }
      if (known?.state === 'down') {
        switchedAt = load.elapsed;
        note(`switched: the directory has ${cell} failed over`, { text: 'failover' });
      }
      return switchedAt !== null || (stays && load.elapsed > faultEnd);
    },
    Math.max(0, faultEnd - load.elapsed) + extendedByMs,
    signal,
  );
  return { detectedAt, switchedAt };
}

/** Whether the monitor's verdict of the cell is `up`. */
export async function cellAnswers(control: EdgeControl, cell: string): Promise<boolean> {
  return (await control.monitor()).cells.find(({ id }) => id === cell)?.verdict === 'up';
}

/** Whether the monitor has notified all standbys of the cell's tenants that they no longer serve them. */
export async function standbysKnow(control: EdgeControl, cell: string, revision: number): Promise<boolean> {
  const { fencing } = await control.monitor();
  return fencing.jobs.some((job) => job.of === `home ${cell}` && job.revision >= revision && job.state === 'done');
}

/** Whether the cell has answered each probe that the monitor remembers. */
export async function answersEach(control: EdgeControl, cell: string): Promise<boolean> {
  const known = (await control.monitor()).cells.find(({ id }) => id === cell);
  return known !== undefined && /^\.{3,}$/.test(known.probes);
}

export interface OldToken {
  readonly tenant: string;
  readonly epoch: number;
  /** Makes a route token of that epoch. */
  readonly mint: () => Promise<string>;
}

/** The epochs that the tenants of the cell have before the fault. */
export async function oldTokens(
  stack: StackClient,
  cell: { readonly id: string },
  homes: ReadonlyMap<string, string>,
): Promise<readonly OldToken[]> {
  const tenants = [...homes].filter(([, home]) => home === cell.id).map(([tenant]) => tenant);
  return Promise.all(
    tenants.map(async (tenant) => {
      const epoch = epochIn(await stack.mint({ tenant, cell: cell.id, scope: 'control' }));
      const mint = () => stack.mint({ tenant, cell: cell.id, scope: 'control', epoch: String(epoch) });
      return { tenant, epoch, mint };
    }),
  );
}

/** The epoch in a route token. */
const epochIn = (token: string): number =>
  Number((JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as { epo?: unknown }).epo);

/** Whether the cell comes to refuse the old epoch of every tenant, asked directly as a frozen router would. */
export async function fencedWithin(
  url: string,
  tokens: readonly OldToken[],
  withinMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const left = new Set(tokens);
  return until(
    async () => {
      for (const old of left) {
        const route = await old.mint();
        const response = await fetch(`${url}/v1/fence`, { method: 'POST', headers: { 'x-polycell-route': route } });
        await response.text();
        if (response.status !== 409) return false;
        left.delete(old);
      }
      return true;
    },
    withinMs,
    signal,
  );
}

/** The home of a new tenant knows of the other cell within this, in milliseconds. */
const ASSIGNED_WITHIN_MS = 60_000;

/** Waits until the home of each tenant knows of the other cell: what it accepts before is not sent on as it comes. */
export async function untilAssigned(
  stack: StackClient,
  tenants: readonly Pick<DrillTenant, 'id' | 'home'>[],
  signal: AbortSignal,
): Promise<void> {
  const left = new Set(tenants);
  const isAssigned = async () => {
    for (const each of left) {
      if ((await stack.administrator(each.home, each.id)).assignment === null) return false;
      left.delete(each);
    }
    return true;
  };
  if (await until(isAssigned, ASSIGNED_WITHIN_MS, signal)) return;
  const [first] = left;
  throw new UserError(
    `${first?.home} does not know the other cell of ${first?.id} after ${ASSIGNED_WITHIN_MS / 1000} s: see npx polycell failover status.`,
  );
}
