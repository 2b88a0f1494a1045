// Makes a cell adopt a tenant's epoch, and know which cells are the tenant's.

import type { RouteClaims } from '../../cell/route-token.ts';
import { ROUTE_HEADER } from '../../http/headers.ts';
import { type TimedFetchDeps, timedFetch } from '../../lib/timed-fetch.ts';
import { type EpochSeconds, toEpochSeconds } from '../../ports/clock.ts';
import { isJsonObject } from '../../ports/json.ts';
import type { Assigner, Placed } from '../directory/assigner.ts';
import type { Cell } from '../ports/directory-model.ts';

export interface FenceDeps extends TimedFetchDeps {
  /** Signs route tokens; see `routeTokenSigner`. */
  readonly sign: (claims: RouteClaims) => Promise<string>;
  readonly assign: Assigner;
}

/** Lifetime of a fencing token in seconds; it is used immediately and only once. */
const LIFE_SECONDS = 20;

/** Notifies a cell of a tenant's epoch, and of its cells unless the tenant was removed; `null` when it knows, else the problem. */
export type Fence = (cell: Cell, tenant: string, epoch: number, placed: Placed | null) => Promise<string | null>;

/**
 * Returns a function that sends a route token with this epoch to a cell, which adopts a newer epoch before it answers; and beside it the
 * assignment, which cells of earlier releases leave unread. Resolves with
 * `null` when the cell knows this epoch or a newer one, else with the problem; a failure of the cell never makes it reject.
 */
export function fenceRequest(deps: FenceDeps, timeoutMs: number): Fence {
  return async ({ id, endpoint }, tenant, epoch, placed) => {
    const issuedAt = toEpochSeconds(deps.clock.now());
    const expiresAt = (issuedAt + LIFE_SECONDS) as EpochSeconds;
    const token = await deps.sign({ tenant, cell: id, endpoint, epoch, scopes: ['control'], issuedAt, expiresAt });
    const assignment = placed === null ? undefined : await deps.assign(placed);
    const init = {
      method: 'POST',
      headers: { [ROUTE_HEADER]: token, ...(assignment !== undefined && { 'content-type': 'application/json' }) },
      ...(assignment !== undefined && { body: JSON.stringify({ assignment }) }),
    } as const;
    const answer = await timedFetch(deps, `${endpoint}/v1/fence`, init, timeoutMs);
    if (answer.status === null) return answer.problem;
    if (answer.status === 204) return null;
    const code = isJsonObject(answer.body) ? String(answer.body.code ?? '') : '';
    return answer.status === 409 && code === 'stale_epoch' ? null : `it answers ${answer.status} ${code}`.trim();
  };
}
