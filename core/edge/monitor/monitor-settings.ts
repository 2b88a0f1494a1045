// How often cells are probed, and how many failures it takes: settings with their bounds, checked all at once.

export interface MonitorSettings {
  /** From one round of probes to the next while all is well, in milliseconds. */
  readonly intervalMs: number;
  /** The same while a cell does not answer and nothing is concluded yet, in milliseconds. */
  readonly urgentMs: number;
  /** A probe that is not answered within this has failed, in milliseconds; a later answer is still a sign of life. */
  readonly timeoutMs: number;
  /** So many failures in a row mark a cell as failing … */
  readonly failures: number;
  /** … if it has given no sign of life for so long, in milliseconds; longer for a cell that has been slow. */
  readonly silenceMs: number;
  /** Latest probes that are looked at: a cell that fails three quarters of them is failing, though it answers now and then. */
  readonly window: number;
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

/** Every setting's bounds, and what it is in production unless the deployment says otherwise. `npm run simulate -- --detector` shows what they cost. */
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

/** What production runs with. */
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

/** What a laptop runs with: production's detection, and a grace that lets one drill follow another. */
export const MONITOR_LOCALLY: MonitorSettings = { ...MONITOR_DEFAULTS, graceMs: 5000 };

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
