// The timer trigger: one run at a time, missed runs made up for once, with the status the real host would keep.
import { textOf } from '../errors.ts';
import { invokeWithRetries } from '../retry.ts';
import type { InvocationRequest } from '../rpc.ts';
import type { Trigger, TriggerContext } from '../trigger.ts';
import { parseSchedule, type Schedule } from './schedule.ts';
import type { TimerStatus, TimerStatusStore } from './status.ts';

/** .NET's DateTime.MinValue stands for "never". */
const NEVER = '0001-01-01T00:00:00+00:00';
/** Azure does not monitor schedules that fire more often than this. */
const MONITORED_FROM_MS = 60_000;

/** Starts and stops the runs of one timer-triggered function. */
export class TimerTrigger implements Trigger {
  readonly #context: TriggerContext;
  readonly #store: TimerStatusStore;
  readonly #schedule: Schedule;
  readonly #runOnStartup: boolean;
  readonly #monitored: boolean;
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  /** @throws Error if the binding's options are not valid */
  constructor(context: TriggerContext, store: TimerStatusStore) {
    const { binding, functionName, settings } = context;
    if (typeof binding.schedule !== 'string') throw new Error(`The timer of "${functionName}" has no schedule.`);
    const zone = settings.get('WEBSITE_TIME_ZONE') ?? 'UTC';
    if (zone !== 'UTC') throw new Error(`WEBSITE_TIME_ZONE is ${zone}; local timers only run in UTC.`);
    this.#context = context;
    this.#store = store;
    this.#schedule = parseSchedule(settings.resolve(binding.schedule));
    this.#runOnStartup = binding.runOnStartup === true;
    const first = this.#schedule.next(context.timers.now());
    this.#monitored = binding.useMonitor !== false && this.#schedule.next(first) - first >= MONITORED_FROM_MS;
  }

  async start(): Promise<void> {
    const { functionName, timers, log } = this.#context;
    const now = timers.now();
    const recorded = this.#monitored ? await this.#store.read(functionName) : undefined;
    const status = this.#current(recorded, now);
    if (this.#monitored) await this.#store.write(functionName, status);
    this.#loop = this.#run(status, now).catch((error: unknown) => {
      log({ level: 'error', category: 'host', message: `The timer stopped: ${textOf(error)}`, functionName });
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  /** The recorded status, unless the schedule was changed since. */
  #current(recorded: TimerStatus | undefined, now: number): TimerStatus {
    if (recorded === undefined) return { last: undefined, next: this.#schedule.next(now), lastUpdated: now };
    const basis = recorded.last ?? recorded.lastUpdated;
    const expected = this.#schedule.next(basis);
    if (expected === recorded.next) return recorded;
    // A changed schedule does not make a run overdue.
    if (now > expected) return { last: undefined, next: this.#schedule.next(now), lastUpdated: now };
    return { last: undefined, next: expected, lastUpdated: basis };
  }

  async #run(first: TimerStatus, now: number): Promise<void> {
    const { timers, functionName, log } = this.#context;
    const { signal } = this.#stopping;
    let status = first;
    const overdue = now > status.next;
    if (overdue) {
      log({ level: 'information', category: 'host', message: 'The timer is past due; running it now.', functionName });
    }
    if (overdue || this.#runOnStartup) status = await this.#fire(status, overdue, now);
    while (!signal.aborted) {
      const due = this.#monitored ? status.next : this.#schedule.next(timers.now());
      const wait = due - timers.now();
      // A run that lasted past the next occurrence makes that one late by so much, but not past due.
      await timers.sleep(Math.max(wait, 0), signal);
      if (signal.aborted) return;
      status = await this.#fire({ ...status, next: due }, false, due);
    }
  }

  /** Runs the function and records it. `occurrence` is the moment that this run stands for. */
  async #fire(status: TimerStatus, isPastDue: boolean, occurrence: number): Promise<TimerStatus> {
    const { runtime, functionName, retryPolicy, timers, log } = this.#context;
    const outcome = await invokeWithRetries({
      runtime,
      functionName,
      request: this.#request(status, isPastDue),
      policy: retryPolicy,
      timers,
      log,
      signal: this.#stopping.signal,
    });
    // An interrupted run is found past due at the next start.
    if (!outcome.ok && outcome.cause === 'stopped') return status;
    const after = Math.max(occurrence, timers.now());
    const next: TimerStatus = { last: occurrence, next: this.#schedule.next(after), lastUpdated: occurrence };
    if (this.#monitored) await this.#store.write(functionName, next);
    return next;
  }

  #request(status: TimerStatus, isPastDue: boolean): InvocationRequest {
    const { bindingName } = this.#context;
    const info = {
      Schedule: { AdjustForDST: true },
      ScheduleStatus: this.#monitored
        ? { Last: timestamp(status.last), Next: timestamp(status.next), LastUpdated: timestamp(status.lastUpdated) }
        : null,
      IsPastDue: isPastDue,
    };
    return { inputData: [{ name: bindingName, data: { json: JSON.stringify(info) } }] };
  }
}

/** As Newtonsoft.Json writes a DateTime of a machine in UTC: no trailing zeros, and an offset. */
function timestamp(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return NEVER;
  return new Date(milliseconds).toISOString().replace(/\.?0*Z$/, '+00:00');
}
