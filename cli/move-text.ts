// A move of a tenant as a person reads it.
import type { MoveView } from '../core/edge/ports/mover.ts';

/** What would be done. */
export const describePlan = ({ tenant, from, to, formerStandby, leave }: MoveView): string =>
  formerStandby === from
    ? `${tenant} would leave its standby ${from} (nothing was changed yet): once ${to} has every event, another cell is the standby`
    : [
        `${tenant} would move from ${from} to ${to} (nothing was changed yet):`,
        ...(formerStandby === to
          ? []
          : [
              `  its standby would be ${to} at once${formerStandby === null ? '' : `, in place of ${formerStandby}, whose copy stays where it is`}`,
            ]),
        `  once ${to} has every event, ${to} would be its home and ${from} its standby${leave ? ', until all is verified and another cell is' : ''}`,
      ].join('\n');

/** How far it is. */
export function describeMove({
  tenant,
  from,
  to,
  state,
  paused,
  total,
  there,
  remainingMs,
  problem,
  since,
  notBefore,
}: MoveView): string {
  const share = total === null || state === 'planned' ? '' : `, ${Math.min(there, total)} of ${total} events there`;
  const rest = remainingMs === null ? '' : `, about ${Math.ceil(remainingMs / 1000)} s left`;
  const until =
    state === 'fenced' || state === 'verified' ? `, until ${new Date(notBefore).toISOString()} at most` : '';
  const why = problem === null ? '' : `; it waits: ${problem}`;
  const now = paused ? `${state}, paused` : state;
  return `${tenant} from ${from} to ${to}: ${now} since ${new Date(since).toISOString()}${share}${rest}${until}${why}`;
}
