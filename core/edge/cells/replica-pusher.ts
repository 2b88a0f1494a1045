// Makes one cell of a tenant push its log to the other one, under an assignment that the edge signs.
import type { RouteClaims } from '../../cell/route-token.ts';
import { ROUTE_HEADER } from '../../http/headers.ts';
import { type TimedFetchDeps, timedFetch } from '../../lib/timed-fetch.ts';
import { type EpochSeconds, toEpochSeconds } from '../../ports/clock.ts';
import { isJsonObject, type JsonObject } from '../../ports/json.ts';
import type { Assigner } from '../directory/assigner.ts';
import { type Cell, epochOf, type Tenant } from '../ports/directory-model.ts';

export interface ReplicaPusherDeps extends TimedFetchDeps {
  /** Signs route tokens; see `routeTokenSigner`. */
  readonly sign: (claims: RouteClaims) => Promise<string>;
  readonly assign: Assigner;
}

/** A step of a push takes some seconds; a cell may have to start a process first. */
export const PUSH_TIMEOUT_MS = 15_000;

/** Lifetime of the token in seconds; it is used immediately. */
const LIFE_SECONDS = 30;

export interface PushRequest {
  readonly tenant: Tenant;
  readonly home: Cell;
  readonly standby: Cell;
  /** The id of the cell that pushes. */
  readonly from: string;
  readonly restart: boolean;
  /** Only compares, and sends no events. */
  readonly verify: boolean;
  /** What differs counts at once: for an estimate. */
  readonly once?: boolean;
  /** The step ends once it has worked on so many documents of the log; cells of earlier releases know no budget. */
  readonly budget?: number;
  /** The cell says as well which home-only effects have happened there: before the other cell goes on without it. */
  readonly receipts?: boolean;
}

/** Makes one step of a push; the progress, or why there is none. Never rejects because of a cell. */
export type ReplicaPusher = (request: PushRequest) => Promise<JsonObject | string>;

/** Returns the function. */
export function replicaPusher(deps: ReplicaPusherDeps): ReplicaPusher {
  return async ({ tenant, home, standby, from, restart, verify, once, budget, receipts }) => {
    const source = from === home.id ? home : standby;
    const issuedAt = toEpochSeconds(deps.clock.now());
    const epoch = epochOf(tenant, home);
    const assignment = await deps.assign({ tenant, home, standby });
    if (assignment === undefined) return `${home.id} is declared without keys`;
    const { id: cell, endpoint } = source;
    const expiresAt = (issuedAt + LIFE_SECONDS) as EpochSeconds;
    const claims = { tenant: tenant.id, cell, endpoint, epoch, scopes: ['control'], issuedAt, expiresAt } as const;
    const headers = { 'content-type': 'application/json', [ROUTE_HEADER]: await deps.sign(claims) };
    const init = {
      method: 'POST',
      headers,
      body: JSON.stringify({ assignment, restart, verify, once, budget, receipts }),
    } as const;
    const answer = await timedFetch(deps, `${endpoint}/v1/replica/push`, init, PUSH_TIMEOUT_MS);
    if (answer.status === null) return `${cell} does not answer: ${answer.problem}`;
    const body = isJsonObject(answer.body as never) ? (answer.body as JsonObject) : {};
    if (answer.status === 200) return body;
    return `${cell} answers ${answer.status} ${String(body.code ?? '')}`.trim();
  };
}
