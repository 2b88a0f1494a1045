// The keys of the edge and its cells, as each of them says they are: what a rotation goes by.
import { mapConcurrently } from '../../lib/concurrently.ts';
import type { Clock } from '../../ports/clock.ts';
import { isSameKey, type PublicKey } from '../../ports/keys.ts';
import type { KeyQuestion } from '../cells/key-question.ts';
import type { MonitorStatus } from '../monitor/monitor.ts';
import type { SeenSigner } from '../monitor/signers.ts';
import type { Cell, CellState } from '../ports/directory-model.ts';

export interface KeysDeps {
  readonly ask: KeyQuestion;
  /** The public part of the key that this isolate signs with. */
  readonly signer: PublicKey;
}

/** A cell’s keys. The field names of these are part of the control API. */
export interface CellKeysShown {
  readonly id: string;
  readonly state: CellState;
  /** The cell’s own keys, as the directory has them. */
  readonly declared: readonly PublicKey[];
  /** The id of the one of them that it signs with; `null` if it has not proved its identity. */
  readonly proves: string | null;
  /** By which keys it verifies what the edge has signed; `null` if it does not say. */
  readonly accepts: readonly PublicKey[] | null;
  /** Why it does not say. */
  readonly problem: string | null;
}

export interface KeysShown {
  /** What the edge signs with: the answering isolate’s key first, then the monitor’s and those that other isolates have reported. */
  readonly signing: readonly SeenSigner[];
  readonly cells: readonly CellKeysShown[];
}

/** Cells that are asked at the same time; on Workers, more than six requests queue anyway. */
const CONCURRENCY = 6;

/** Asks the cells that are not retired. Never rejects because of a cell. */
export async function shownKeys(
  { ask, signer }: KeysDeps,
  cells: readonly Cell[],
  { signers = [] }: Pick<MonitorStatus, 'signers'>,
  clock: Pick<Clock, 'now'>,
): Promise<KeysShown> {
  const own = { key: signer, at: new Date(clock.now()).toISOString() };
  const living = cells.filter(({ state }) => state !== 'retired');
  return {
    signing: [own, ...signers.filter(({ key }) => !isSameKey(key, signer))],
    cells: await mapConcurrently(living, CONCURRENCY, (cell) => keysOf(ask, cell)),
  };
}

async function keysOf(ask: KeyQuestion, cell: Cell): Promise<CellKeysShown> {
  const { id, state, keys: declared = [] } = cell;
  const proved = await ask(cell);
  if ('fault' in proved) return { id, state, declared, proves: null, accepts: null, problem: proved.fault };
  const problem = proved.routeKeys === null ? 'it is of a release that does not say which keys it takes' : null;
  return { id, state, declared, proves: proved.kid, accepts: proved.routeKeys, problem };
}
