// How often cells are probed, and how many failures it takes: settings with their bounds, checked all at once.

export interface MonitorSettings {
  /** From one round of probes to the next, in milliseconds. */
  readonly intervalMs: number;
  /** A probe that is not answered within this has failed, in milliseconds. */
  readonly timeoutMs: number;
  /** Latest probes that a verdict looks at. */
  readonly window: number;
  /** So many failures among them mark a cell as failing. */
  readonly failures: number;
  /** So many answers in a row mark it as up again. */
  readonly recoveries: number;
  /** A cell that was failed back is not failed over again by the monitor for so long, in milliseconds. */
  readonly graceMs: number;
}

interface Bound {
  readonly minimum: number;
  readonly maximum: number;
  readonly fallback: number;
}

/** Every setting's bounds, and what it is in production unless somebody says otherwise. */
export const MONITOR_BOUNDS: Readonly<Record<keyof MonitorSettings, Bound>> = {
  intervalMs: { minimum: 250, maximum: 60_000, fallback: 5000 },
  timeoutMs: { minimum: 100, maximum: 10_000, fallback: 2000 },
  window: { minimum: 1, maximum: 60, fallback: 5 },
  failures: { minimum: 1, maximum: 60, fallback: 3 },
  recoveries: { minimum: 1, maximum: 60, fallback: 3 },
  graceMs: { minimum: 0, maximum: 3_600_000, fallback: 60_000 },
};

/** What production runs with. */
export const MONITOR_DEFAULTS: MonitorSettings = {
  intervalMs: MONITOR_BOUNDS.intervalMs.fallback,
  timeoutMs: MONITOR_BOUNDS.timeoutMs.fallback,
  window: MONITOR_BOUNDS.window.fallback,
  failures: MONITOR_BOUNDS.failures.fallback,
  recoveries: MONITOR_BOUNDS.recoveries.fallback,
  graceMs: MONITOR_BOUNDS.graceMs.fallback,
};

/** What a laptop runs with: a drill is over in seconds there, and the way to a cell is short. */
export const MONITOR_LOCALLY: MonitorSettings = {
  ...MONITOR_DEFAULTS,
  intervalMs: 1000,
  timeoutMs: 2000,
  window: 4,
  graceMs: 5000,
};

/** Every fault of the settings, each as a sentence; none if they can be used. */
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
