// Settings of the monitor with their bounds, validated together: how often cells are probed, and how many failures are conclusive.

export interface MonitorSettings {
  /** Time between rounds of probes while all is well, in milliseconds. */
  readonly intervalMs: number;
  /** The same while a cell does not answer and there is no conclusion yet, in milliseconds. */
  readonly urgentMs: number;
  /** A probe that is not answered within this has failed, in milliseconds; a later answer is still a sign of life. */
  readonly timeoutMs: number;
  /** This many failures in a row mark a cell as failing … */
  readonly failures: number;
  /** … if it has shown no sign of life for this long, in milliseconds; longer for a cell that has been slow. */
  readonly silenceMs: number;
  /** Number of latest probes considered: a cell that fails three quarters of them is failing, even if it answers now and then. */
  readonly window: number;
  /** This many answers in a row mark it as up again. */
  readonly recoveries: number;
  /** The monitor does not fail over a cell again for this long after its failback, in milliseconds. */
  readonly graceMs: number;
}

interface Bound {
  readonly minimum: number;
  readonly maximum: number;
  readonly fallback: number;
}

/** Bounds and production default of every setting. `npm run simulate -- --detector` shows what they cost. */
export const MONITOR_BOUNDS: Readonly<Record<keyof MonitorSettings, Bound>> = {
  intervalMs: { minimum: 250, maximum: 60_000, fallback: 1000 },
  urgentMs: { minimum: 100, maximum: 60_000, fallback: 500 },
  timeoutMs: { minimum: 100, maximum: 10_000, fallback: 1000 },
  failures: { minimum: 1, maximum: 60, fallback: 5 },
  silenceMs: { minimum: 0, maximum: 60_000, fallback: 3000 },
  window: { minimum: 1, maximum: 60, fallback: 20 },
  recoveries: { minimum: 1, maximum: 60, fallback: 3 },
  graceMs: { minimum: 0, maximum: 3_600_000, fallback: 60_000 },
};

/** The settings of production. */
export const MONITOR_DEFAULTS: MonitorSettings = {
  intervalMs: MONITOR_BOUNDS.intervalMs.fallback,
  urgentMs: MONITOR_BOUNDS.urgentMs.fallback,
  timeoutMs: MONITOR_BOUNDS.timeoutMs.fallback,
  failures: MONITOR_BOUNDS.failures.fallback,
  silenceMs: MONITOR_BOUNDS.silenceMs.fallback,
  window: MONITOR_BOUNDS.window.fallback,
  recoveries: MONITOR_BOUNDS.recoveries.fallback,
  graceMs: MONITOR_BOUNDS.graceMs.fallback,
};

/** The settings of a local run: the detection of production, with a grace period short enough for consecutive drills. */
export const MONITOR_LOCALLY: MonitorSettings = { ...MONITOR_DEFAULTS, graceMs: 5000 };

/** Every fault of the settings, each as a sentence; empty if they are valid. */
export function settingsFaults(settings: MonitorSettings): readonly string[] {
  const faults = (Object.keys(MONITOR_BOUNDS) as (keyof MonitorSettings)[]).flatMap((name) => {
    const { minimum, maximum } = MONITOR_BOUNDS[name];
    const value = settings[name];
    return Number.isInteger(value) && value >= minimum && value <= maximum
      ? []
      : [`${name} must be a whole number from ${minimum} to ${maximum}, not ${value}.`];
  });
  if (settings.failures > settings.window)
    faults.push(`failures (${settings.failures}) must not be more than window (${settings.window}).`);
  return faults;
}
