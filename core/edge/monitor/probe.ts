// Asks a cell for its health, from outside, as a client would reach it.
import { isJsonObject } from '../../ports/json.ts';
import type { Cell } from '../ports/directory-model.ts';
import type { ProbeResult } from './failure-detector.ts';
import { type TimedFetchDeps, timedFetch } from './timed-fetch.ts';

/**
 * Returns a probe. Alive is who answers 200, in time, as this cell: `degraded` too, for a store that throttles is served worse by
 * moving all of its tenants at once. The probe never rejects.
 */
export function healthProbe(deps: TimedFetchDeps, timeoutMs: number): (cell: Cell) => Promise<ProbeResult> {
  return async ({ id, endpoint }) => {
    const asked = deps.clock.now();
    const answer = await timedFetch(deps, `${endpoint}/v1/health`, {}, timeoutMs);
    const tookMs = Math.max(0, deps.clock.now() - asked);
    const failed = (detail: string): ProbeResult => ({ alive: false, detail, tookMs });
    if (answer.status === null) return failed(answer.problem);
    const body = isJsonObject(answer.body) ? answer.body : {};
    if (answer.status !== 200) return failed(`it answers ${answer.status} ${String(body.status ?? '')}`.trim());
    if (body.cell !== id) return failed(`another cell answers at ${endpoint}`);
    return { alive: true, detail: body.status === 'degraded' ? 'degraded' : 'ok', tookMs };
  };
}
