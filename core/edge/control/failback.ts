// What the control API says of a failback: whether the gate has found anything missing, how old that is, and how far a comparison is.
import { Refusal } from '../../api/refusal.ts';
import { describeError, isPortError } from '../../ports/errors.ts';
import type { Log } from '../../ports/log.ts';
import type { Cell } from '../ports/directory-model.ts';
import type { FailbackComparison, FailbackGate, FailbackView } from '../ports/failback-gate.ts';

/** Retry-After while cells are compared, and where something was found missing, in seconds: the monitor has it brought meanwhile. */
const RETRY_SECONDS = { comparing: 1, behind: 5 } as const;

const progressOf = ({ looked, tenants }: FailbackComparison): string => `${looked} of ${tenants} tenants looked at`;

const foundIn = ({ reasons, behind }: FailbackComparison): string =>
  [...reasons, ...(behind > reasons.length ? [`and ${behind - reasons.length} tenants more`] : [])].join('; ');

/** What would be missing, as far as is known; `null` if nothing would. */
function lackedBy({ state, running, latest }: FailbackView, now: number): string | null {
  if (state === 'caught-up') return null;
  const found = [
    ...(running === null
      ? []
      : [
          ['the cells are being compared', progressOf(running), foundIn(running)]
            .filter((part) => part !== '')
            .join(', '),
        ]),
    ...(latest === null || foundIn(latest) === ''
      ? []
      : [
          `${foundIn(latest)} (${progressOf(latest)}, ${Math.max(0, Math.round((now - Number(latest.endedAt)) / 1000))} s ago)`,
        ]),
  ];
  return found.length === 0 ? 'the cells have not been compared since' : found.join('; before: ');
}

export interface FailbackAnswersDeps {
  readonly gate: FailbackGate;
  readonly now: () => number;
  readonly log: Log;
}

/** Returns what the control API asks. */
export function failbackAnswers({ gate, now, log }: FailbackAnswersDeps) {
  const away = (error: unknown): string => {
    if (!isPortError(error)) throw error;
    log.warn('the failback gate does not answer', describeError(error));
    return 'the monitor, which has cells compared, does not answer';
  };

  return {
    /**
     * What would be missing at the cell; `null` for nothing. A comparison begins if none is known. Refuses while it is under way, and
     * without an answer, unless the failback is forced.
     */
    async behind(cell: Cell, force: boolean): Promise<string | null> {
      const view = await gate.caughtUp(cell.id, cell.switches, true).catch(away);
      if (typeof view === 'string') {
        if (force) return view;
        throw new Refusal('monitor_unavailable', `Nothing was changed: ${view}.`, { retryAfterSeconds: 2 });
      }
      const lacked = lackedBy(view, now());
      if (lacked === null || force || view.state !== 'comparing') return lacked;
      throw new Refusal(
        'not_caught_up',
        `It is not known yet whether ${cell.id} has every event: ${lacked}. Repeat the command; to fail back before, use --force.`,
        { retryAfterSeconds: RETRY_SECONDS.comparing },
      );
    },

    /** What is known of a cell; nothing begins. */
    async shown(cell: Cell): Promise<FailbackView> {
      const view = await gate.caughtUp(cell.id, cell.switches, false).catch(away);
      if (typeof view !== 'string') return view;
      throw new Refusal('monitor_unavailable', `It is not known: ${view}.`, { retryAfterSeconds: 2 });
    },

    /** When a failback that the directory has refused may be repeated. */
    retry: { retryAfterSeconds: RETRY_SECONDS.behind },
  };
}
