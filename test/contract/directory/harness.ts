// What an adapter's test provides so that the directory's clauses can be run against it, and short ways to say commands.
import type { Directory, DirectoryPage } from '../../../core/edge/ports/directory.ts';
import {
  type CellDefinition,
  type DirectoryCommand,
  type DirectoryIntent,
  type DirectoryOutcome,
  epochOf,
  resolveTenant,
  type Tenant,
} from '../../../core/edge/ports/directory-model.ts';
import type { Clause } from '../contract.ts';

/** Makes what lies between `directory` and its object fail; `other` goes on untouched. */
export interface DirectoryFaults {
  /** No server answers. */
  hang(): void;
  /** Changes are made and questions heard, and the answers are lost. */
  loseAnswers(): void;
  /** The object has too much to do and looks at nothing. */
  overload(): void;
  /** The object is being moved: the next so many calls fail before they are heard. */
  move(calls: number): void;
  heal(): void;
}

export interface DirectoryHarness {
  /** A directory without cells. */
  readonly directory: Directory;
  /** A second client of the same directory. */
  readonly other: Directory;
  /** Sends many commands at once, by one request where there is a network. */
  changeAll(commands: readonly DirectoryCommand[], intent: DirectoryIntent): Promise<readonly DirectoryOutcome[]>;
  /** Ends the process that keeps the directory, and starts another one. */
  restart(): Promise<void>;
  /** For adapters with a network. */
  readonly faults?: DirectoryFaults;
  close(): Promise<void>;
}

export type DirectoryClause = Clause<DirectoryHarness>;

export function faultsOf({ faults }: DirectoryHarness): DirectoryFaults {
  if (faults === undefined) throw new TypeError('This clause needs a network that can fail.');
  return faults;
}

export const BY_OPS: DirectoryIntent = { actor: 'ops@example.com', reason: 'as agreed' };

/** No cell holds events of anyone, as the control API has heard from them. */
export const EMPTY = { alpha: null, alpha2: null, beta: null, gamma: null, us: null } as const;

/** A cell in the EU on AWS, but for what a clause says of it. */
export const cell = (id: string, more: Partial<CellDefinition> = {}): CellDefinition => ({
  id,
  cloud: 'aws',
  region: 'eu-central-1',
  jurisdiction: 'eu',
  endpoint: `https://${id}.example.com`,
  capacity: 1000,
  price: 1,
  failover: 'automatic',
  ...more,
});

/** One cell on each cloud, and a dear one in a second region of AWS; all in the EU. */
export const ALPHA = cell('alpha');
export const BETA = cell('beta', { cloud: 'azure', region: 'westeurope' });
export const GAMMA = cell('gamma', { region: 'eu-west-1', price: 5 });

export const add = (definition: CellDefinition): DirectoryCommand => ({ kind: 'add-cell', cell: definition });

/** A tenant in the EU; `more` places it. */
export const tenant = (id: string, more: { cell?: string; standby?: string | null } = {}): DirectoryCommand => ({
  kind: 'add-tenant',
  tenant: id,
  residency: 'eu',
  tier: 'standard',
  ...more,
});

/** Carries out commands that have to be applied, and returns the last outcome. */
export async function apply(
  directory: Directory,
  ...commands: readonly DirectoryCommand[]
): Promise<Extract<DirectoryOutcome, { changes: unknown }>> {
  let last: DirectoryOutcome | undefined;
  for (const command of commands) {
    last = await directory.change(command, { ...BY_OPS, holdings: EMPTY });
    if (last.status !== 'applied') throw new Error(`${JSON.stringify(command)}: ${JSON.stringify(last)}`);
  }
  if (last?.status !== 'applied') throw new TypeError('There are no commands.');
  return last;
}

/** The code that a command is refused with, or the status it comes to. */
export async function resultOf(
  directory: Directory,
  command: DirectoryCommand,
  intent: Partial<DirectoryIntent> = {},
): Promise<string> {
  const outcome = await directory.change(command, { ...BY_OPS, holdings: EMPTY, ...intent });
  return outcome.status === 'refused' ? outcome.code : outcome.status;
}

/** Epochs of one assignment; the next assignment's begin above them. */
const STRIDE = 2 ** 24;

/** An epoch of the first assignment as it is, and one of a later assignment with its number in front: `2:1`. */
const tell = (epoch: number): string =>
  epoch < STRIDE ? String(epoch) : `${Math.floor(epoch / STRIDE)}:${epoch % STRIDE}`;

/** The cell that serves a tenant, and the epoch: `alpha@1`, `beta@1:1` after another assignment; `-@2` for none. */
export async function servedBy(directory: Directory, id: string): Promise<string> {
  const { tenant: found, cells } = await directory.lookup(id);
  if (found === null) return 'unknown';
  const resolution = resolveTenant(found, (name) => cells.find((each) => each.id === name));
  if (resolution.status === 'served') return `${resolution.cell}@${tell(resolution.epoch)}`;
  const home = cells.find((each) => each.id === found.cell);
  return `-@${home === undefined ? '?' : tell(epochOf(found, home))}`;
}

/** All items of a listing, page by page. */
export async function readAll<T>(
  page: (cursor: string | undefined) => Promise<DirectoryPage<T>>,
  afterPage: () => Promise<unknown> = async () => undefined,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const { items: found, next } = await page(cursor);
    items.push(...found);
    cursor = next ?? undefined;
    await afterPage();
  } while (cursor !== undefined);
  return items;
}

/** All tenants of a home or of all, by pages of `limit`. */
export const readTenants = (
  directory: Directory,
  { cell: home, limit = 1000 }: { cell?: string; limit?: number } = {},
): Promise<Tenant[]> =>
  readAll((cursor) =>
    directory.tenants({ limit, ...(home !== undefined && { cell: home }), ...(cursor !== undefined && { cursor }) }),
  );

/** Places a tenant. */
export const place = (
  id: string,
  more: { cell?: string; standby?: string | null; leaveData?: true },
): DirectoryCommand => ({ kind: 'place-tenant', tenant: id, ...more });

export const failOver = (id: string, partial?: boolean): DirectoryCommand => ({
  kind: 'fail-over',
  cell: id,
  ...(partial !== undefined && { partial }),
});

export const failBack = (id: string): DirectoryCommand => ({ kind: 'fail-back', cell: id });
