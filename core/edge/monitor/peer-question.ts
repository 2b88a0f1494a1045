// Asks a cell whether it reaches another one: the monitor's second vantage point.

import type { ProbeTarget } from '../../cell/health-probe.ts';
import { PEER_PARAMETER, PEER_PROBE } from '../../cell/peer-probe.ts';
import type { RouteClaims } from '../../cell/route-token.ts';
import { ROUTE_HEADER } from '../../http/headers.ts';
import { type TimedFetchDeps, timedFetch } from '../../lib/timed-fetch.ts';
import { type EpochSeconds, toEpochSeconds } from '../../ports/clock.ts';
import { isJsonObject } from '../../ports/json.ts';
import type { PeerView } from './vantage.ts';

export interface PeerQuestionDeps extends TimedFetchDeps {
  /** Signs route tokens; see `routeTokenSigner`. */
  readonly sign: (claims: RouteClaims) => Promise<string>;
}

/** Lifetime of the token in seconds; it is used immediately and only once. */
const LIFE_SECONDS = 20;

/** The subject of the token: only its scope matters, which no tenant can have. */
const ASKER = 'edge';

/** Time for the witness to probe, plus some for its own answer, in milliseconds. */
const TIMEOUT_MS = PEER_PROBE.timeoutMs + 1000;

/** A token for one question to a cell as the monitor. */
export function observerToken({ sign, clock }: PeerQuestionDeps, { id, endpoint }: ProbeTarget): Promise<string> {
  const issuedAt = toEpochSeconds(clock.now());
  const expiresAt = (issuedAt + LIFE_SECONDS) as EpochSeconds;
  return sign({ tenant: ASKER, cell: id, endpoint, epoch: 1, scopes: ['observe'], issuedAt, expiresAt });
}

/** Returns a function that asks a witness. It resolves with `null` when the witness cannot answer, and never rejects because of it. */
export function peerQuestion(
  deps: PeerQuestionDeps,
): (witness: ProbeTarget, about: ProbeTarget) => Promise<PeerView | null> {
  return async (witness, about) => {
    const query = new URLSearchParams({ [PEER_PARAMETER]: `${about.id} ${about.endpoint}` });
    const answer = await timedFetch(
      deps,
      `${witness.endpoint}/v1/health?${query}`,
      { headers: { [ROUTE_HEADER]: await observerToken(deps, witness) } },
      TIMEOUT_MS,
    );
    if (answer.status !== 200 || !isJsonObject(answer.body)) return null;
    const { cell, peer } = answer.body;
    if (cell !== witness.id || !isJsonObject(peer) || peer.cell !== about.id || typeof peer.reached !== 'boolean')
      return null;
    const detail = typeof peer.detail === 'string' ? peer.detail : '';
    return { witness: witness.id, about: about.id, reached: peer.reached, detail, at: deps.clock.now() };
  };
}
