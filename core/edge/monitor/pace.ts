// How fast events move in and from a cell, of what it and its tenants' other cells have said.
import type { ConsumerBacklog } from '../../cell/backlogs.ts';
import type { DelayReport } from '../../cell/delays.ts';
import { REPLICATE } from '../../cell/topology.ts';
import type { CellReplication } from './replica-watch.ts';

/** How fast events move in and from a cell, in milliseconds; `null` where that is not known. */
export interface Pace {
  /** From acceptance until the relay has published it, for 99 of 100 of the latest events. */
  readonly relayMs: number | null;
  /**
   * From acceptance until a consumer is done, for 99 of 100 of the latest events, of the slowest consumer; or how far one is behind, if that is
   * longer: one that does nothing at all finishes no event that could be late. Copies are no state.
   */
  readonly stateMs: number | null;
  /** How far a consumer is behind what the relay has published: of the one that is known to be furthest behind. */
  readonly backlogMs: number | null;
  /** From acceptance until the other cell has stored it, alike; or since when another cell is not reached, if that is longer. */
  readonly lagMs: number | null;
  /** Since when, at the worst tenant whose RPO is known, not everything is known to be at its other cell. */
  readonly rpoMs: number | null;
}

/** What is known of a cell; `delays` that are too old count no longer. */
export interface PaceOf {
  readonly now: number;
  readonly delays: readonly DelayReport[];
  readonly backlogs: readonly Pick<ConsumerBacklog, 'consumer' | 'backlogMs'>[];
  readonly replication: CellReplication | null;
}

export function paceOf({ now, delays, backlogs, replication }: PaceOf): Pace {
  const slowest = (kind: DelayReport['kind']) => delays.filter((each) => each.kind === kind).map(({ p99Ms }) => p99Ms);
  const since = (time: string | null = null) => (time === null ? [] : [Math.max(0, now - Date.parse(time))]);
  return {
    relayMs: greatest(slowest('publish')),
    stateMs: greatest([...slowest('state'), ...behind(backlogs.filter(({ consumer }) => consumer !== REPLICATE))]),
    backlogMs: greatest(behind(backlogs)),
    lagMs: greatest([...slowest('copy'), ...since(replication?.failingSince)]),
    rpoMs: greatest(since(replication?.comparedAt)),
  };
}

const behind = (backlogs: PaceOf['backlogs']): readonly number[] =>
  backlogs.flatMap(({ backlogMs }) => (backlogMs === null ? [] : [backlogMs]));

const greatest = (values: readonly number[]): number | null => (values.length === 0 ? null : Math.max(...values));
