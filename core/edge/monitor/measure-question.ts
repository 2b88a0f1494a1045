// Asks a cell what it measures of itself: its version, and how many events are parked there.

import type { ProbeTarget } from '../../cell/health-probe.ts';
import { type CellMeasures, MEASURES_PARAMETER, readMeasures } from '../../cell/measures.ts';
import { ROUTE_HEADER } from '../../http/headers.ts';
import { timedFetch } from '../../lib/timed-fetch.ts';
import { isJsonObject } from '../../ports/json.ts';
import { observerToken, type PeerQuestionDeps } from './peer-question.ts';

/** What a cell says of itself. */
export interface CellReport extends CellMeasures {
  readonly version: string;
}

/** Characters kept of a version. */
const VERSION_CHARACTERS = 64;

/** Counting reads the store; the health check may, too. In milliseconds. */
const TIMEOUT_MS = 3000;

/** Returns a function that asks a cell. It resolves with `null` when there is no such answer, as from an earlier release, and never rejects because of it. */
export function measureQuestion(deps: PeerQuestionDeps): (cell: ProbeTarget) => Promise<CellReport | null> {
  return async (cell) => {
    const answer = await timedFetch(
      deps,
      `${cell.endpoint}/v1/health?${MEASURES_PARAMETER}=1`,
      { headers: { [ROUTE_HEADER]: await observerToken(deps, cell) } },
      TIMEOUT_MS,
    );
    if (answer.status !== 200 || !isJsonObject(answer.body) || answer.body.cell !== cell.id) return null;
    const measures = readMeasures(answer.body.measures);
    return measures === undefined
      ? null
      : { version: String(answer.body.version ?? '').slice(0, VERSION_CHARACTERS), ...measures };
  };
}
