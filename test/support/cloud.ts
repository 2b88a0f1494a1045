// Several cells in memory with a directory, and the network between them: what the monitor and its fences are tried on.
import { MemoryDirectoryStorage } from '../../adapters/memory/memory-directory-storage.ts';
import { PEER_PARAMETER } from '../../core/cell/peer-probe.ts';
import { createDirectory } from '../../core/edge/directory/directory.ts';
import type {
  CellDefinition,
  DirectoryCommand,
  DirectoryOutcome,
  FailoverPolicy,
} from '../../core/edge/ports/directory-model.ts';
import type { Fetch } from '../../core/lib/timed-fetch.ts';
import { testCell } from './cell.ts';
import { EagerClock, type FakeClock } from './fake-clock.ts';
import { mint } from './route-tokens.ts';

/** How the network treats a cell: `gone` refuses connections, `deaf` never answers. */
export type Reach = 'there' | 'gone' | 'deaf';

export const definition = (id: string, failover: FailoverPolicy = 'automatic'): CellDefinition => ({
  id,
  cloud: 'aws',
  region: `region-of-${id}`,
  jurisdiction: 'eu',
  endpoint: `https://${id}.example`,
  capacity: 10_000,
  price: 1,
  failover,
});

/** Cells of these ids, all with the same edge key. */
/** The same, on one clock that stands still until it is advanced. */
export const testCloud = (...ids: readonly string[]) => testCloudOn(() => new EagerClock(), ids);

export function testCloudOn(makeClock: () => FakeClock, ids: readonly string[]) {
  const clock = makeClock();
  const storage = new MemoryDirectoryStorage();
  const keeper = createDirectory({ storage, clock });
  const cells = new Map(
    ids.map((id) => [id, testCell({ id, clock: makeClock(), fetch: (request) => network(request) })]),
  );
  const reach = new Map<string, Reach>();
  /** Cells that the monitor cannot reach, though other cells can. */
  const hidden = new Set<string>();
  /** Requests that reached a cell, as `cell path`. */
  const asked: string[] = [];
  /** Cells that were asked whether they reach another one. */
  const witnesses: string[] = [];

  const network: Fetch = async (request) => {
    const { hostname, pathname, searchParams } = new URL(request.url);
    const id = hostname.replace('.example', '');
    const cell = cells.get(id);
    const how = reach.get(id) ?? 'there';
    if (how === 'deaf') return new Promise(() => undefined);
    if (cell === undefined || how === 'gone')
      throw new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });
    asked.push(`${id} ${pathname}`);
    if (searchParams.has(PEER_PARAMETER)) witnesses.push(id);
    return cell.handle(request);
  };

  const fetch: Fetch = (request) =>
    hidden.has(new URL(request.url).hostname.replace('.example', ''))
      ? new Promise<never>(() => undefined)
      : network(request);

  /** No cell holds events that a tenant would leave behind. */
  const holdings = Object.fromEntries([...cells.keys()].map((id) => [id, null]));

  const change = (command: DirectoryCommand): Promise<DirectoryOutcome> =>
    keeper.change(command, { actor: 'operator', reason: 'a test', holdings });

  const add = async (...definitions: readonly CellDefinition[]): Promise<void> => {
    for (const cell of definitions) await change({ kind: 'add-cell', cell });
  };

  const addTenant = (tenant: string, cell: string, standby: string | null) =>
    change({ kind: 'add-tenant', tenant, residency: 'any', tier: 'standard', cell, standby });

  /** Status and code by which a cell answers a read with a token of this epoch. */
  const asks = async (cell: string, tenant: string, epoch: number): Promise<string> => {
    const answer = await cells
      .get(cell)
      ?.call('/v1/devices', { token: mint({ claims: { ten: tenant, cel: cell, epo: epoch } }) });
    return `${answer?.status} ${String(answer?.body.code ?? '')}`.trim();
  };

  return {
    clock,
    storage,
    directory: keeper,
    cells,
    reach,
    hidden,
    asked,
    witnesses,
    fetch,
    change,
    add,
    addTenant,
    asks,
  };
}

export type TestCloud = ReturnType<typeof testCloud>;
