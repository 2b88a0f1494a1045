// Guards where requests are sent: an endpoint proves that it is the cell, and a second operator may have to agree.
import type { HealthProbeDeps } from '../../cell/health-probe.ts';
import { identityFault, NONCE_PARAMETER } from '../../cell/identity-proof.ts';
import { timedFetch } from '../../lib/timed-fetch.ts';
import type { Ids } from '../../ports/ids.ts';
import { isJsonObject } from '../../ports/json.ts';
import type { CellDefinition } from '../ports/directory-model.ts';

/** How strictly endpoints are guarded. */
export interface TrustSettings {
  /** `required`: no request is sent to a cell that is declared without keys. `optional` is for directories of earlier versions. */
  readonly proofs: 'required' | 'optional';
  /** `endpoints`: a second operator must approve a new or changed endpoint or key. */
  readonly approvals: 'none' | 'endpoints';
}

export const TRUST_DEFAULTS: TrustSettings = { proofs: 'required', approvals: 'none' };

/** Time for a proof: a cell may have to start a process first. */
export const PROOF_TIMEOUT_MS = 5000;

export interface EndpointProverDeps extends HealthProbeDeps {
  readonly ids: Ids;
}

/** Returns a function that asks an endpoint for a proof, and says why there is none; `undefined` if it is the cell. Never rejects. */
export function endpointProver(
  deps: EndpointProverDeps,
): (cell: Pick<CellDefinition, 'id' | 'endpoint' | 'keys'>) => Promise<string | undefined> {
  return async ({ id, endpoint, keys = [] }) => {
    const nonce = deps.ids.next();
    const url = `${endpoint}/v1/health?${NONCE_PARAMETER}=${nonce}`;
    const answer = await timedFetch(deps, url, {}, PROOF_TIMEOUT_MS);
    if (answer.status === null) return answer.problem;
    // A cell whose store is down can still say who it is.
    const proof = isJsonObject(answer.body) ? answer.body.proof : undefined;
    return identityFault(proof, { cell: id, endpoint, nonce, keys });
  };
}
