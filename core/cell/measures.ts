// What a cell measures of itself for the edge's monitor, beside whether it is healthy.
import { isJsonObject } from '../ports/json.ts';
import type { ConsumerBacklog } from './backlogs.ts';
import { DELAY_LIMITS, type DelayReport } from './delays.ts';

/** The query parameter of the health check that asks for measures. */
export const MEASURES_PARAMETER = 'measures';

export const MEASURE_LIMITS = {
  /** Parked events that are counted of one consumer; above, the answer says that there are more. */
  parked: 100,
  /** Consumers that the monitor takes from one answer. */
  consumers: 50,
} as const;

/** What is parked of one consumer. The field names are part of the API. */
export interface ParkedCount {
  readonly consumer: string;
  readonly parked: number;
  /** Whether there are more than were counted. */
  readonly more: boolean;
}

export interface CellMeasures {
  readonly parked: readonly ParkedCount[];
  /** How long the latest events took; none where there were none, or from a cell of an earlier release. */
  readonly delays: readonly DelayReport[];
  /** How far each consumer is behind; none from a cell of an earlier release. */
  readonly backlogs: readonly ConsumerBacklog[];
}

/** Reads the measures of an answer; `undefined` if it has none. */
export function readMeasures(measures: unknown): CellMeasures | undefined {
  if (!isJsonObject(measures) || !Array.isArray(measures.parked)) return undefined;
  const parked = measures.parked.slice(0, MEASURE_LIMITS.consumers).flatMap((each) => {
    if (!isJsonObject(each)) return [];
    const { consumer, parked: count, more } = each;
    return typeof consumer === 'string' && typeof count === 'number' && Number.isInteger(count) && count >= 0
      ? [{ consumer: consumer.slice(0, MAXIMUM_NAME), parked: count, more: more === true }]
      : [];
  });
  return { parked, delays: readDelays(measures.delays), backlogs: readBacklogs(measures.backlogs) };
}

function readDelays(delays: unknown): readonly DelayReport[] {
  if (!Array.isArray(delays)) return [];
  return delays.slice(0, DELAY_LIMITS.reported).flatMap((each: unknown) => {
    if (!isJsonObject(each)) return [];
    const { kind, name, events, p50Ms, p99Ms, mostMs } = each;
    if ((kind !== 'publish' && kind !== 'state' && kind !== 'copy') || typeof name !== 'string') return [];
    const numbers = { events, p50Ms, p99Ms, mostMs } as Omit<DelayReport, 'kind' | 'name'>;
    const isSound = Object.values(numbers).every((value: unknown) => Number.isFinite(value) && Number(value) >= 0);
    return isSound ? [{ kind, name: name.slice(0, MAXIMUM_NAME), ...numbers }] : [];
  });
}

function readBacklogs(backlogs: unknown): readonly ConsumerBacklog[] {
  if (!Array.isArray(backlogs)) return [];
  return backlogs.slice(0, MEASURE_LIMITS.consumers).flatMap((each: unknown) => {
    if (!isJsonObject(each)) return [];
    const { consumer, backlogMs, silent } = each;
    const isSound =
      backlogMs === null || (typeof backlogMs === 'number' && backlogMs >= 0 && Number.isFinite(backlogMs));
    return typeof consumer === 'string' && isSound
      ? [{ consumer: consumer.slice(0, MAXIMUM_NAME), backlogMs, silent: silent === true }]
      : [];
  });
}

/** Characters of a consumer's name. */
const MAXIMUM_NAME = 63;
