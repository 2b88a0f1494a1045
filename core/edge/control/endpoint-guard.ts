// Guards where requests are sent: an endpoint proves that it is the cell, and a second operator may have to agree.
import { type KeyQuestionDeps, keyQuestion } from '../cells/key-question.ts';
import type { CellDefinition } from '../ports/directory-model.ts';

/** How strictly endpoints are guarded. */
export interface TrustSettings {
  /** `required`: no request is sent to a cell that is declared without keys. `optional` is for directories of earlier versions. */
  readonly proofs: 'required' | 'optional';
  /** `endpoints`: a second operator must approve a new or changed endpoint or key. */
  readonly approvals: 'none' | 'endpoints';
}

export const TRUST_DEFAULTS: TrustSettings = { proofs: 'required', approvals: 'none' };

/** Returns a function that asks an endpoint for a proof, and says why there is none; `undefined` if it is the cell. Never rejects. */
export function endpointProver(
  deps: KeyQuestionDeps,
): (cell: Pick<CellDefinition, 'id' | 'endpoint' | 'keys'>) => Promise<string | undefined> {
  const ask = keyQuestion(deps);
  return async (cell) => {
    const proved = await ask(cell);
    return 'fault' in proved ? proved.fault : undefined;
  };
}
