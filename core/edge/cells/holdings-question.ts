// Asks a cell which events it holds, before a tenant leaves it or it is retired, and what it has noted of its tenants' other cells.
import type { RouteClaims } from '../../cell/route-token.ts';
import { ROUTE_HEADER } from '../../http/headers.ts';
import { type TimedFetchDeps, timedFetch } from '../../lib/timed-fetch.ts';
import { type EpochSeconds, toEpochSeconds } from '../../ports/clock.ts';
import { isJsonObject, type JsonObject } from '../../ports/json.ts';
import type { CellDefinition } from '../ports/directory-model.ts';

export interface HoldingsDeps extends TimedFetchDeps {
  /** Signs route tokens; see `routeTokenSigner`. */
  readonly sign: (claims: RouteClaims) => Promise<string>;
}

export const HOLDINGS_LIMITS = {
  /** Time for an answer: a cell may have to start a process first, and a step of the index reads some thousand documents. */
  timeoutMs: 10_000,
  /** A step that asks other cells has this long, in milliseconds: it asks nothing that would end after 12 s. */
  hearMs: 15_000,
  /** Steps that a question completes the cell's index by; a small one is complete then. */
  steps: 2,
  /** Notes of one page: an answer has 16 KiB at most. */
  notes: 40,
} as const;

/** Lifetime of the token in seconds; it is used immediately. */
const LIFE_SECONDS = 20;

/** The subject of the token: such requests concern the cell as a whole. */
const ASKER = 'edge';

type Target = Pick<CellDefinition, 'id' | 'endpoint'>;

/** What a cell says of its events: of which tenant it holds some, that it holds none, or why that is not known. */
export type Held =
  | { readonly status: 'held'; readonly tenant: string }
  | { readonly status: 'none' }
  | { readonly status: 'unknown'; readonly reason: string };

/** The questions, with the answer to the first one as it is, and not as a text. */
export interface HoldingsQuestion extends Holdings {
  /** Whether the cell holds events of this tenant, or of any. Never rejects because of the cell. */
  holds(cell: Target, tenant?: string): Promise<Held>;
  /** Has the cell ask what has become of copies whose effects may have to happen there: one step, empty in an earlier release, or why it does not answer. */
  hear(cell: Target, cursor?: string): Promise<JsonObject | string>;
}

export interface Holdings {
  /** Says which events the cell must be taken to hold, of this tenant or of any; `null` if there are none. Never rejects because of the cell. */
  heldBy(cell: Target, tenant?: string): Promise<string | null>;
  /** Completes some of the cell's index: how far it has come, or why it does not answer. */
  index(cell: Target): Promise<JsonObject | string>;
  /** A page of what the cell has noted of its tenants' other cells, or why it does not answer. */
  replicas(cell: Target, cursor?: string): Promise<JsonObject | string>;
}

/** Returns the questions. */
export function holdingsQuestion(deps: HoldingsDeps): HoldingsQuestion {
  const answerOf = async (
    { id, endpoint }: Target,
    method: 'GET' | 'POST',
    path: string,
    timeoutMs: number,
  ): Promise<{ readonly status: number; readonly body: JsonObject } | string> => {
    const issuedAt = toEpochSeconds(deps.clock.now());
    const expiresAt = (issuedAt + LIFE_SECONDS) as EpochSeconds;
    const claims = { tenant: ASKER, cell: id, endpoint, epoch: 1, scopes: ['control'], issuedAt, expiresAt } as const;
    const headers = { [ROUTE_HEADER]: await deps.sign(claims) };
    const answer = await timedFetch(deps, endpoint + path, { method, headers }, timeoutMs);
    if (answer.status === null) return `it cannot be asked: ${answer.problem}`;
    return { status: answer.status, body: isJsonObject(answer.body) ? answer.body : {} };
  };

  const refusalOf = ({ status, body }: { readonly status: number; readonly body: JsonObject }): string =>
    `it cannot be asked: it answers ${status} ${body.code ?? ''}`.trim();

  const ask = async (cell: Target, method: 'GET' | 'POST', path: string): Promise<JsonObject | string> => {
    const answer = await answerOf(cell, method, path, HOLDINGS_LIMITS.timeoutMs);
    if (typeof answer === 'string') return answer;
    return answer.status === 200 ? answer.body : refusalOf(answer);
  };

  const index = (cell: Target) => ask(cell, 'POST', '/v1/holdings/index');

  const holds = async (cell: Target, tenant?: string): Promise<Held> => {
    const query = new URLSearchParams({ limit: '1', ...(tenant !== undefined && { tenant }) });
    for (let steps = 0; ; steps += 1) {
      const found = await ask(cell, 'GET', `/v1/holdings?${query}`);
      if (typeof found === 'string') return { status: 'unknown', reason: found };
      const [first] = Array.isArray(found.items) ? found.items : [];
      if (isJsonObject(first)) return { status: 'held', tenant: String(first.tenant) };
      if (found.complete === true && found.next === null) return { status: 'none' };
      if (steps === HOLDINGS_LIMITS.steps) {
        const reason = `its index of events is not complete (npx polycell cells index ${cell.id})`;
        return { status: 'unknown', reason };
      }
      await index(cell);
    }
  };

  return {
    index,

    replicas: (cell, cursor) => {
      const query = new URLSearchParams({
        limit: String(HOLDINGS_LIMITS.notes),
        ...(cursor !== undefined && { cursor }),
      });
      return ask(cell, 'GET', `/v1/replicas?${query}`);
    },

    async hear(cell, cursor) {
      const query = cursor === undefined ? '' : `?${new URLSearchParams({ cursor })}`;
      const answer = await answerOf(cell, 'POST', `/v1/replica/hear${query}`, HOLDINGS_LIMITS.hearMs);
      if (typeof answer === 'string') return answer;
      if (answer.status === 200) return answer.body;
      // A cell of an earlier release has no such route, and keeps no copies.
      return answer.status === 404 && answer.body.code === 'not_found' ? {} : refusalOf(answer);
    },

    holds,

    async heldBy(cell, tenant) {
      const held = await holds(cell, tenant);
      if (held.status === 'none') return null;
      return held.status === 'held' ? `it holds events of ${held.tenant}` : held.reason;
    },
  };
}
