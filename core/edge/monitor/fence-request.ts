// Has a cell adopt a tenant's epoch.

import type { RouteClaims } from '../../cell/route-token.ts';
import { ROUTE_HEADER } from '../../http/headers.ts';
import { type TimedFetchDeps, timedFetch } from '../../lib/timed-fetch.ts';
import { type EpochSeconds, toEpochSeconds } from '../../ports/clock.ts';
import { isJsonObject } from '../../ports/json.ts';
import type { Cell } from '../ports/directory-model.ts';

export interface FenceDeps extends TimedFetchDeps {
  /** Signs route tokens; see `routeTokenSigner`. */
  readonly sign: (claims: RouteClaims) => Promise<string>;
}

/** A fencing token is used at once and once, in seconds. */
const LIFE_SECONDS = 20;

/**
 * Returns a function that sends a cell a route token of this epoch: a cell adopts a newer epoch before it answers. Resolves with
 * `null` when the cell knows the epoch or a newer one, else with what went wrong; never rejects for the cell's sake.
 */
export function fenceRequest(
  deps: FenceDeps,
  timeoutMs: number,
): (cell: Cell, tenant: string, epoch: number) => Promise<string | null> {
  return async ({ id, endpoint }, tenant, epoch) => {
    const issuedAt = toEpochSeconds(deps.clock.now());
    const expiresAt = (issuedAt + LIFE_SECONDS) as EpochSeconds;
    const token = await deps.sign({ tenant, cell: id, epoch, scopes: ['control'], issuedAt, expiresAt });
    const init = { method: 'POST', headers: { [ROUTE_HEADER]: token } } as const;
    const answer = await timedFetch(deps, `${endpoint}/v1/fence`, init, timeoutMs);
    if (answer.status === null) return answer.problem;
    if (answer.status === 204) return null;
    const code = isJsonObject(answer.body) ? String(answer.body.code ?? '') : '';
    return answer.status === 409 && code === 'stale_epoch' ? null : `it answers ${answer.status} ${code}`.trim();
  };
}
