// Makes a cell of a tenant work on its copies, one bounded step at a time, under an assignment that the edge signs: push its log to the other one, or derive what it has left underived.
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
  /** Compares the events themselves, and not what they were stored with. */
  readonly contents?: boolean;
  /** What differs counts at once: for an estimate. */
  readonly once?: boolean;
  /** The step ends once it has worked on so many documents of the log; cells of earlier releases know no budget. */
  readonly budget?: number;
  /** The cell says as well which home-only effects have happened there: before the other cell goes on without it. */
  readonly receipts?: boolean;
}

/** Makes one step of a push; the progress, or why there is none. Never rejects because of a cell. */
export type ReplicaPusher = (request: PushRequest) => Promise<JsonObject | string>;

export interface DeriveRequest {
  readonly tenant: Tenant;
  readonly home: Cell;
  /** `null`: the tenant has none (any more). */
  readonly standby: Cell | null;
  /** The id of the cell that derives. */
  readonly at: string;
  /** It is to serve soon: what comes is derived as well from now on. */
  readonly ahead: boolean;
}

/** Makes one step of deriving what a cell has left underived; the progress, or why there is none. Never rejects because of a cell. */
export type ReplicaDeriver = (request: DeriveRequest) => Promise<JsonObject | string>;

/** Who is to do what. */
interface Order {
  readonly tenant: Tenant;
  readonly home: Cell;
  readonly standby: Cell | null;
  readonly target: Cell;
  readonly what: 'push' | 'derive';
  readonly body: JsonObject;
}

/** Returns a function that gives an order: the status and the body of the answer, or why there is none. */
const orders =
  (deps: ReplicaPusherDeps) =>
  async ({ tenant, home, standby, target, what, body }: Order) => {
    const issuedAt = toEpochSeconds(deps.clock.now());
    const epoch = epochOf(tenant, home);
    const assignment = await deps.assign({ tenant, home, standby });
    if (assignment === undefined) return `${home.id} is declared without keys`;
    const { id: cell, endpoint } = target;
    const expiresAt = (issuedAt + LIFE_SECONDS) as EpochSeconds;
    const claims = { tenant: tenant.id, cell, endpoint, epoch, scopes: ['control'], issuedAt, expiresAt } as const;
    const headers = { 'content-type': 'application/json', [ROUTE_HEADER]: await deps.sign(claims) };
    const init = { method: 'POST', headers, body: JSON.stringify({ assignment, ...body }) } as const;
    const answer = await timedFetch(deps, `${endpoint}/v1/replica/${what}`, init, PUSH_TIMEOUT_MS);
    if (answer.status === null) return `${cell} does not answer: ${answer.problem}`;
    return { status: answer.status, body: isJsonObject(answer.body as never) ? (answer.body as JsonObject) : {} };
  };

const refusalOf = (cell: Cell, status: number, body: JsonObject): string =>
  `${cell.id} answers ${status} ${String(body.code ?? '')}`.trim();

/** Returns the function. */
export function replicaPusher(deps: ReplicaPusherDeps): ReplicaPusher {
  const order = orders(deps);
  return async ({ tenant, home, standby, from, restart, verify, contents, once, budget, receipts }) => {
    const body = JSON.parse(JSON.stringify({ restart, verify, contents, once, budget, receipts })) as JsonObject;
    const target = from === home.id ? home : standby;
    const answer = await order({ tenant, home, standby, target, what: 'push', body });
    if (typeof answer === 'string') return answer;
    return answer.status === 200 ? answer.body : refusalOf(target, answer.status, answer.body);
  };
}

/** Returns the function. A cell of an earlier release has no such route, and leaves nothing underived. */
export function replicaDeriver(deps: ReplicaPusherDeps): ReplicaDeriver {
  const order = orders(deps);
  return async ({ tenant, home, standby, at, ahead }) => {
    const target = at === home.id ? home : standby;
    if (target === null) return `${at} is no cell of ${tenant.id}`;
    const answer = await order({ tenant, home, standby, target, what: 'derive', body: { ahead } });
    if (typeof answer === 'string') return answer;
    if (answer.status === 200) return answer.body;
    return answer.status === 404
      ? { subjects: 0, events: 0, done: true }
      : refusalOf(target, answer.status, answer.body);
  };
}
