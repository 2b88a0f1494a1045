// Keeps one worker alive for the app and calls functions in it: handles function timeouts, crashes and restarts.
import { randomUUID } from 'node:crypto';
import { nodeOptions } from '../processes/node-options.ts';
import type { AppFolder } from './app-folder.ts';
import type { Log } from './log.ts';
import type { Capabilities, InvocationRequest, InvocationResponse, RpcError } from './rpc.ts';
import type { Timers } from './timers.ts';
import { traceContext } from './trace.ts';
import { type LoadedApp, WorkerProcess } from './worker-process.ts';

/**
 * How an invocation ended. `stopped`: the host is being stopped, so nothing may be concluded about the work;
 * `unavailable`: the app cannot be started at the moment.
 */
export type Outcome =
  | { readonly ok: true; readonly invocationId: string; readonly response: InvocationResponse }
  | {
      readonly ok: false;
      readonly invocationId: string;
      readonly cause: 'handler' | 'worker-exit' | 'timeout' | 'stopped' | 'unavailable';
      readonly error: RpcError;
    };

/** What a runtime needs. */
export interface RuntimeOptions {
  readonly app: AppFolder;
  readonly environment: Readonly<Record<string, string>>;
  readonly timers: Timers;
  readonly log: Log;
  /** undefined = no limit. */
  readonly functionTimeoutMs: number | undefined;
  readonly sourceMaps: boolean;
  /** Of Node's inspector; 0 for none. With one there is no limit of time. */
  readonly inspectPort: number;
  /** A worker that was started ahead, with the same app, environment and log: the first one. */
  readonly spare?: WorkerProcess | undefined;
}

type State =
  | { is: 'starting' }
  | { is: 'running'; worker: WorkerProcess }
  | { is: 'broken'; error: Error }
  | { is: 'stopped' };

/** Loading a bundle takes milliseconds; one that is not done by now hangs. */
const LONGEST_LOAD_MS = 60_000;
const LONGEST_RESTART_DELAY_MS = 30_000;

/** The error of an invocation that ends, or does not begin, because its host stops: other than a worker that exits, it is no fault. */
export const HOST_STOPPING = 'HostStopping';
/** A worker that lived this long did not fail because of how it was started. */
const HEALTHY_AFTER_MS = 10_000;

/** The app's worker, replaced whenever it dies. */
export class AppRuntime {
  readonly #options: RuntimeOptions;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  #state: State = { is: 'starting' };
  #worker: WorkerProcess | undefined;
  #capabilities: Capabilities = {};
  /** Resolves when the state is no longer `starting`. */
  #settled: Promise<void> = Promise.resolve();
  #supervision: Promise<void> = Promise.resolve();

  constructor(options: RuntimeOptions) {
    this.#options = options;
  }

  /** The worker's process id, if one runs. */
  get pid(): number | undefined {
    return this.#state.is === 'running' ? this.#state.worker.pid : undefined;
  }

  /** True while calls would fail because the app cannot be started. */
  get broken(): boolean {
    return this.#state.is === 'broken';
  }

  /** @throws AppLoadError if the app cannot be loaded at all; later failures are retried instead. */
  async start(): Promise<LoadedApp> {
    const worker = this.#spawn(this.#options.spare);
    const loaded = await this.#load(worker);
    this.#state = { is: 'running', worker };
    this.#supervision = this.#supervise(worker);
    return loaded;
  }

  /** The capabilities of the worker that the next call will reach. */
  async capabilities(): Promise<Capabilities> {
    await this.#settled;
    return this.#capabilities;
  }

  /** Calls a function once. Never rejects: a failure is logged and returned. */
  async invoke(
    functionName: string,
    request: InvocationRequest,
    invocationId: string = randomUUID(),
  ): Promise<Outcome> {
    const call = this.#invoke(functionName, request, invocationId);
    this.#running.add(call);
    try {
      return await call;
    } finally {
      this.#running.delete(call);
    }
  }

  /** Kills the worker as a crash would; a new one is started at once. */
  kill(reason = 'the worker process was killed'): void {
    this.#worker?.kill(reason);
  }

  /**
   * Lets running invocations finish for at most `graceMs`, then ends the worker; what is left fails as `stopped`.
   * The appTerminate hooks get what remains of the same time.
   */
  async stop(graceMs: number): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const { timers } = this.#options;
    const enough = new AbortController();
    const deadline = timers.sleep(graceMs, enough.signal);
    await Promise.race([deadline, this.#idle()]);
    this.#stopping.abort();
    const kill = new AbortController();
    void deadline.then(() => kill.abort());
    await this.#worker?.terminate(kill.signal);
    enough.abort();
    await this.#supervision;
    await Promise.allSettled(this.#running);
  }

  async #idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  async #invoke(functionName: string, request: InvocationRequest, invocationId: string): Promise<Outcome> {
    const { log, timers, inspectPort } = this.#options;
    const functionTimeoutMs = inspectPort > 0 ? undefined : this.#options.functionTimeoutMs;
    await this.#settled;
    const state = this.#state;
    if (state.is !== 'running') {
      const [cause, name, message] =
        state.is === 'broken'
          ? (['unavailable', 'HostUnavailable', state.error.message] as const)
          : (['stopped', HOST_STOPPING, 'The host is stopping.'] as const);
      return { ok: false, invocationId, cause, error: { name, message, stack: '' } };
    }
    const { worker } = state;
    const started = timers.now();
    const finished = new AbortController();
    let timedOut = false;
    if (functionTimeoutMs !== undefined) {
      void timers.sleep(functionTimeoutMs, finished.signal).then(() => {
        if (finished.signal.aborted) return;
        timedOut = true;
        const text = `Timeout value of ${functionTimeoutMs} ms exceeded by function: ${functionName}`;
        log({
          level: 'error',
          category: 'host',
          message: `${text}; its worker is restarted.`,
          functionName,
          invocationId,
        });
        // The worker cannot be made to drop one invocation, so all of them go: as on Azure.
        worker.kill(`the worker was restarted because ${functionName} (${invocationId}) timed out`);
      });
    }
    const traced = request.traceContext === undefined ? { ...request, traceContext: traceContext() } : request;
    const result = await worker.call(invocationId, functionName, traced);
    // With a reason of its own: making the default one, an exception with a stack, costs more than all the rest here.
    finished.abort('finished');
    const took = `${Math.round(timers.now() - started)} ms`;
    if (result.ok) {
      log({ level: 'debug', category: 'host', message: `Executed (succeeded, ${took}).`, functionName, invocationId });
      return { ok: true, invocationId, response: result.response };
    }
    const stopped = result.cause === 'worker-exit' && this.#stopping.signal.aborted;
    const cause = timedOut ? 'timeout' : stopped ? 'stopped' : result.cause;
    const error = stopped ? { ...result.error, name: HOST_STOPPING } : result.error;
    const { name, message, stack } = error;
    log({
      level: stopped ? 'warning' : 'error',
      category: 'host',
      message: `Executed (failed, ${took}): ${stack === '' ? `${name}: ${message}` : stack}`,
      functionName,
      invocationId,
      error: name,
    });
    return { ok: false, invocationId, cause, error };
  }

  #spawn(spare?: WorkerProcess): WorkerProcess {
    const { app, environment, log, sourceMaps, inspectPort } = this.#options;
    const worker = spare ?? new WorkerProcess(app, environment, log, nodeOptions(sourceMaps, inspectPort));
    worker.load();
    this.#worker = worker;
    return worker;
  }

  async #load(worker: WorkerProcess): Promise<LoadedApp> {
    const loaded = new AbortController();
    void this.#options.timers.sleep(LONGEST_LOAD_MS, loaded.signal).then(() => {
      if (!loaded.signal.aborted && this.#options.inspectPort === 0)
        worker.kill(`it did not finish loading within ${LONGEST_LOAD_MS / 1000} s`);
    });
    try {
      const app = await worker.loaded;
      this.#capabilities = app.capabilities;
      return app;
    } finally {
      loaded.abort();
    }
  }

  /** Replaces workers as they die, more slowly when they do not live long, until the host stops. */
  async #supervise(first: WorkerProcess): Promise<void> {
    const { timers, log } = this.#options;
    let worker = first;
    let bornAt = timers.now();
    let failures = 0;
    for (;;) {
      const reason = await worker.exited;
      if (this.#stopping.signal.aborted) break;
      failures = timers.now() - bornAt >= HEALTHY_AFTER_MS ? 0 : failures + 1;
      let settle: () => void = () => undefined;
      this.#state = { is: 'starting' };
      this.#settled = new Promise((resolve) => {
        settle = resolve;
      });
      log({ level: 'warning', category: 'host', message: `The app is restarted: ${reason}.` });
      // The first restart is immediate; after that 1 s, 2 s, 4 s...
      const delayMs = failures < 2 ? 0 : Math.min(1000 * 2 ** (failures - 2), LONGEST_RESTART_DELAY_MS);
      await timers.sleep(delayMs, this.#stopping.signal);
      if (this.#stopping.signal.aborted) {
        settle();
        break;
      }
      worker = this.#spawn();
      bornAt = timers.now();
      try {
        await this.#load(worker);
        this.#state = { is: 'running', worker };
      } catch (error) {
        const broken = error instanceof Error ? error : new Error(String(error));
        this.#state = { is: 'broken', error: broken };
        log({ level: 'error', category: 'host', message: broken.message });
        worker.kill('it could not load the app');
      }
      settle();
    }
    this.#state = { is: 'stopped' };
  }
}
