// Has a cell refuse events of a tenant, remove them, or remember its subjects again, under a token of the edge for this alone.
import type { RouteClaims } from '../../cell/route-token.ts';
import { ROUTE_HEADER } from '../../http/headers.ts';
import { type TimedFetchDeps, timedFetch } from '../../lib/timed-fetch.ts';
import { type EpochSeconds, toEpochSeconds } from '../../ports/clock.ts';
import { isJsonObject, type JsonObject } from '../../ports/json.ts';
import type { CellDefinition } from '../ports/directory-model.ts';
import type { Erasure } from '../ports/erasures.ts';

/** A step takes some seconds; a cell may have to start a process first. */
const ERASURE_TIMEOUT_MS = 15_000;

/** Lifetime of the token in seconds; it is used immediately. */
const LIFE_SECONDS = 30;

export interface ErasureRequestDeps extends TimedFetchDeps {
  /** Signs route tokens; see `routeTokenSigner`. */
  readonly sign: (claims: RouteClaims) => Promise<string>;
}

/** Makes one step; the progress, or why there is none. Never rejects because of a cell. */
export type ErasureRequest = (
  cell: Pick<CellDefinition, 'id' | 'endpoint'>,
  erasure: Pick<Erasure, 'id' | 'tenant' | 'subject' | 'until'>,
  phase: 'mark' | 'sweep' | 'close',
  pass: number,
) => Promise<JsonObject | string>;

/** Returns the function. The epoch does not matter: an erasure concerns what a cell holds, whichever cell serves. */
export function erasureRequest(deps: ErasureRequestDeps): ErasureRequest {
  return async ({ id: cell, endpoint }, { id: erasure, tenant, subject, until }, phase, pass) => {
    const issuedAt = toEpochSeconds(deps.clock.now());
    const expiresAt = (issuedAt + LIFE_SECONDS) as EpochSeconds;
    const claims = { tenant, cell, endpoint, epoch: 1, scopes: ['erase'], issuedAt, expiresAt } as const;
    const headers = { 'content-type': 'application/json', [ROUTE_HEADER]: await deps.sign(claims) };
    const init = { method: 'POST', headers, body: JSON.stringify({ erasure, subject, until, phase, pass }) } as const;
    const answer = await timedFetch(deps, `${endpoint}/v1/erasures`, init, ERASURE_TIMEOUT_MS);
    if (answer.status === null) return `${cell} does not answer: ${answer.problem}`;
    const body = isJsonObject(answer.body as never) ? (answer.body as JsonObject) : {};
    if (answer.status === 200) return body;
    // A cell of an earlier release does not know the path.
    return `${cell} answers ${answer.status} ${String(body.code ?? '')}`.trim();
  };
}
