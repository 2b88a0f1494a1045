// The objectives of cells as their clients see them, with their bounds: what error budgets and alerts are made from.

/** The part of infra/objectives.json that budgets are judged by. The field names are part of the control API. */
export interface CellObjectives {
  /** The share of requests that must succeed, below 1; and of the minutes in which each of the objectives below must be kept. */
  readonly availability: number;
  /** The days over which that is judged. */
  readonly windowDays: number;
  /** Within which 99 of 100 events are in the state, from their acceptance on. */
  readonly stateSeconds: number;
  /** Within which 99 of 100 events are at the tenant's other cell. */
  readonly lagSeconds: number;
  /** The RPO of every tenant: from how long ago on events may be missing at its other cell. Comparisons come once an hour. */
  readonly rpoSeconds: number;
}

export const OBJECTIVE_LIMITS = {
  /** The longest window: a quarter of a year. The monitor keeps a document for each of its days. */
  windowDays: 92,
  /** The longest time that an objective may allow, in seconds: a year. */
  seconds: 31_536_000,
} as const;

/** Those of the repository's infra/objectives.json, for an edge without the variable. */
export const OBJECTIVE_DEFAULTS: CellObjectives = {
  availability: 0.999,
  windowDays: 30,
  stateSeconds: 10,
  lagSeconds: 30,
  rpoSeconds: 7200,
};

/** Every fault of the objectives, each as a sentence; empty if they are valid. */
export function objectiveFaults(objectives: Readonly<Record<keyof CellObjectives, unknown>>): readonly string[] {
  const { availability, windowDays, stateSeconds, lagSeconds, rpoSeconds } = objectives;
  const faults: string[] = [];
  if (!(typeof availability === 'number' && availability > 0 && availability < 1))
    faults.push(`availability must be a number above 0 and below 1, not ${JSON.stringify(availability)}.`);
  if (!(Number.isInteger(windowDays) && Number(windowDays) >= 1 && Number(windowDays) <= OBJECTIVE_LIMITS.windowDays))
    faults.push(
      `windowDays must be a whole number from 1 to ${OBJECTIVE_LIMITS.windowDays}, not ${JSON.stringify(windowDays)}.`,
    );
  for (const [name, seconds] of Object.entries({ stateSeconds, lagSeconds, rpoSeconds }))
    if (!(typeof seconds === 'number' && seconds > 0 && seconds <= OBJECTIVE_LIMITS.seconds))
      faults.push(
        `${name} must be a number above 0 and at most ${OBJECTIVE_LIMITS.seconds}, not ${JSON.stringify(seconds)}.`,
      );
  return faults;
}

/** The share of all requests or minutes that may fail, rounded so that 1 - 0.999 is what it is meant to be. */
export const budgetShare = ({ availability }: Pick<CellObjectives, 'availability'>): number =>
  Number((1 - availability).toPrecision(6));
