// Asks a cell for a proof of its identity, which also says by which keys it verifies what the edge has signed.
import type { HealthProbeDeps } from '../../cell/health-probe.ts';
import { NONCE_PARAMETER, type ProvedIdentity, readProof } from '../../cell/identity-proof.ts';
import { timedFetch } from '../../lib/timed-fetch.ts';
import type { Ids } from '../../ports/ids.ts';
import { isJsonObject } from '../../ports/json.ts';
import type { CellDefinition } from '../ports/directory-model.ts';

/** Time for a proof: a cell may have to start a process first. */
const PROOF_TIMEOUT_MS = 5000;

export interface KeyQuestionDeps extends HealthProbeDeps {
  readonly ids: Ids;
}

/** What the endpoint has proved, or why it has not shown that it is the cell. Never rejects because of the cell. */
export type KeyQuestion = (
  cell: Pick<CellDefinition, 'id' | 'endpoint' | 'keys'>,
) => Promise<ProvedIdentity | { readonly fault: string }>;

/** Returns the question. */
export function keyQuestion(deps: KeyQuestionDeps): KeyQuestion {
  return async ({ id, endpoint, keys = [] }) => {
    const nonce = deps.ids.next();
    const url = `${endpoint}/v1/health?${NONCE_PARAMETER}=${nonce}`;
    const answer = await timedFetch(deps, url, {}, PROOF_TIMEOUT_MS);
    if (answer.status === null) return { fault: answer.problem };
    // A cell whose store is down can still say who it is.
    const proof = isJsonObject(answer.body) ? answer.body.proof : undefined;
    return readProof(proof, { cell: id, endpoint, nonce, keys });
  };
}
