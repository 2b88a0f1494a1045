// Runs one built Lambda bundle in child processes, the way the Lambda service runs a function in execution environments.
import { randomBytes, randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { nodeOptions } from '../processes/node-options.ts';
import { Spare } from '../processes/spare.ts';
import { Environment, type EnvironmentOptions, type InvocationResult, type LambdaLogRecord } from './environment.ts';
import { LambdaServiceError, LambdaStartupError, MAXIMUM_REQUEST_BYTES } from './errors.ts';
import type { LambdaHostStats } from './stats.ts';
import { variablesOf } from './variables.ts';

export interface LambdaHostOptions {
  functionName: string;
  /** Path of the bundle (CommonJS, or ES module with the extension .mjs). */
  bundle: string;
  /** Name of the exported handler, for instance `handler`. */
  handler: string;
  /** The function's own variables; those that the service reserves are added and win. */
  environment?: Readonly<Record<string, string>>;
  /** Milliseconds an invocation may take; 3,000 unless given, 900,000 at most on AWS. */
  timeoutMs?: number;
  /** MB; 512 unless given. Bounds the heap, and is in the function's environment. */
  memoryMb?: number;
  /** Environments at once; 10 unless given. Further invocations wait. */
  maximumConcurrency?: number;
  /** Invocations that may wait for an environment before TooManyRequestsException; DEFAULT_QUEUE_LIMIT unless given. */
  queueLimit?: number;
  region?: string;
  /** Milliseconds an environment may take to start; 10,000 on AWS and unless given. */
  initTimeoutMs?: number;
  /** Milliseconds without an invocation after which an environment is stopped; ten minutes unless given. */
  idleLimitMs?: number;
  /** Stops processes between invocations with SIGSTOP, as AWS freezes environments. Off unless given; no effect on Windows. */
  freeze?: boolean;
  /** Environments that `start` starts and that are not stopped when idle; one unless given, 0 for none. */
  warmEnvironments?: number;
  /** Maps stack traces by the source map beside the bundle, as `NODE_OPTIONS=--enable-source-maps` does on AWS. Off unless given. */
  sourceMaps?: boolean;
  /**
   * Opens Node's inspector on this port of 127.0.0.1; 0, the default, does not. The function then has one environment, warm and without
   * limits of time, so that a breakpoint does not end it.
   */
  inspectPort?: number;
  log?: (record: LambdaLogRecord) => void;
}

/** Invocations that may wait. AWS does not queue synchronous calls at all; a laptop has fewer environments than a region. */
export const DEFAULT_QUEUE_LIMIT = 1_000;
const DEFAULT_IDLE_LIMIT_MS = 10 * 60_000;
const ACCOUNT = '000000000000';
/** Milliseconds that a function under a debugger may take: a day, as a timer needs some number. */
export const INSPECTED_TIMEOUT_MS = 24 * 60 * 60_000;
const INSPECTED = {
  maximumConcurrency: 1,
  warmEnvironments: 1,
  timeoutMs: INSPECTED_TIMEOUT_MS,
  initTimeoutMs: INSPECTED_TIMEOUT_MS,
} as const;

interface Pending {
  requestId: string;
  event: string;
  resolve: (result: InvocationResult) => void;
  reject: (error: Error) => void;
}

/**
 * A function. Environments are started when invocations need them, reused (module state is kept), dropped after a crash or a
 * timeout, and stopped after an idle time. Each runs one invocation at a time.
 */
export class LambdaHost {
  readonly functionName: string;
  readonly functionArn: string;
  #options: Required<LambdaHostOptions>;
  #environments = new Set<Environment>();
  /** Most recently used last, so that a quiet function needs few environments. */
  #idle: Environment[] = [];
  #idleTimers = new Map<Environment, NodeJS.Timeout>();
  #queue: Pending[] = [];
  readonly #spare = new Spare<Environment>((environment) => environment.end());
  #bootWaiters = new Map<Environment, { resolve: () => void; reject: (error: Error) => void }>();
  #stopped = false;
  #counters = { invocations: 0, functionErrors: 0, throttles: 0, coldStarts: 0 };
  #lastInitMs: number | undefined;

  constructor(options: LambdaHostOptions) {
    const region = options.region ?? 'eu-central-1';
    this.functionName = options.functionName;
    this.functionArn = `arn:aws:lambda:${region}:${ACCOUNT}:function:${options.functionName}`;
    this.#options = {
      environment: {},
      timeoutMs: 3_000,
      memoryMb: 512,
      maximumConcurrency: 10,
      queueLimit: DEFAULT_QUEUE_LIMIT,
      initTimeoutMs: 10_000,
      idleLimitMs: DEFAULT_IDLE_LIMIT_MS,
      freeze: false,
      warmEnvironments: 1,
      sourceMaps: false,
      inspectPort: 0,
      log: () => undefined,
      ...options,
      ...((options.inspectPort ?? 0) > 0 && INSPECTED),
      region,
      bundle: path.resolve(options.bundle),
    };
  }

  /**
   * Checks that the bundle exists and starts the warm environments.
   * @throws LambdaStartupError with the function's own init error
   */
  async start(): Promise<void> {
    await this.#checkBundle(this.#options.bundle);
    await Promise.all(Array.from({ length: this.#options.warmEnvironments }, () => this.#boot()));
  }

  /**
   * Invokes the function synchronously, queueing while all environments are busy. A function's failure is a result with
   * `functionError`, never a rejection.
   * @throws LambdaServiceError when the function was not run
   */
  invoke(payload: unknown): Promise<InvocationResult> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) throw new LambdaServiceError('ServiceException', `Function ${this.functionName} is stopped.`);
      const event = serialise(payload);
      if (Buffer.byteLength(event) > MAXIMUM_REQUEST_BYTES) {
        const size = Buffer.byteLength(event);
        const message = `${size} byte payload is too large for the RequestResponse invocation type (limit ${MAXIMUM_REQUEST_BYTES} bytes)`;
        throw new LambdaServiceError('RequestTooLargeException', message);
      }
      if (this.#queue.length >= this.#options.queueLimit && this.#idle.length === 0 && !this.#mayGrow()) {
        this.#counters.throttles++;
        throw new LambdaServiceError('TooManyRequestsException', 'Rate Exceeded.');
      }
      this.#queue.push({ requestId: randomUUID(), event, resolve, reject });
      this.#dispatch();
    });
  }

  /** Kills every environment at once, as when workers are lost. Resolves with their number when their processes are gone. */
  async killEnvironments(): Promise<number> {
    const killed = [...this.#environments];
    for (const environment of killed) {
      this.#retire(environment);
      environment.kill();
    }
    await Promise.all(killed.map((environment) => environment.closed));
    return killed.length;
  }

  /**
   * Deploys another bundle. A first environment of it must start, or the old one stays active; then old environments finish what they run and
   * end. Resolves when the last of them is gone. With `start` 'later' the next invocation starts the first environment, which is for a bundle that
   * is known to start; an inspected function is started at once, and its old environment is killed first, as it holds the inspector's port.
   * @throws LambdaStartupError if the new bundle does not start
   */
  async replaceBundle(bundle: string, start: 'now' | 'later' = 'now'): Promise<void> {
    const file = path.resolve(bundle);
    await this.#checkBundle(file);
    if (start === 'now' || this.#options.inspectPort > 0) return this.#replace({ bundle: file });
    this.#options = { ...this.#options, bundle: file };
    await this.#end([...this.#environments]);
  }

  /**
   * Gives the function other variables, as `replaceBundle` gives it another bundle. One without an environment has them from the next
   * invocation on.
   * @throws LambdaStartupError if it does not start with them
   */
  async replaceVariables(environment: Readonly<Record<string, string>>): Promise<void> {
    if (this.#environments.size === 0) this.#options = { ...this.#options, environment };
    else await this.#replace({ environment });
  }

  async #replace(next: Pick<LambdaHostOptions, 'environment'> & { bundle?: string }): Promise<void> {
    const previous = this.#options;
    const old = [...this.#environments];
    this.#options = { ...this.#options, ...next };
    try {
      if (this.#options.inspectPort > 0) await this.killEnvironments();
      // Invocations that waited may have started one already.
      if (this.#options.inspectPort === 0 || this.#environments.size === 0)
        await this.#boot(await this.#spare.take(this.#purpose));
    } catch (error) {
      this.#options = previous;
      throw error;
    }
    await this.#end(old);
  }

  /**
   * Starts a process ahead, which loads a file that this function's builds share, such as their packages, and waits for the next
   * `replaceBundle` of the same path: that one then loads the bundle alone. Not for an inspected function, whose port is held. Resolves
   * when it has been started, which is before it has loaded the file.
   */
  async keepSpare(file: string): Promise<void> {
    if (this.#options.inspectPort > 0) return;
    await this.#spare.keep(this.#purpose, file, () => {
      if (this.#stopped) return undefined;
      const environment = new Environment({ ...this.#environmentOptions(), preload: file });
      environment.start();
      return environment;
    });
  }

  get #purpose(): string {
    return JSON.stringify([this.#options.bundle, this.#options.environment]);
  }

  /** Lets environments finish what they run, and nothing else. Resolves when they are gone. */
  async #end(old: readonly Environment[]): Promise<void> {
    for (const environment of old) {
      this.#retire(environment);
      if (!environment.busy) environment.kill();
    }
    await Promise.all(old.map((environment) => environment.closed));
  }

  /** Figures for status pages and tests. */
  stats(): LambdaHostStats {
    const environments = [...this.#environments];
    return {
      environments: environments.length,
      busy: environments.filter((environment) => environment.busy).length,
      queued: this.#queue.length,
      ...this.#counters,
      lastInitMs: this.#lastInitMs,
      pids: environments.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    };
  }

  /**
   * Refuses new invocations, gives running ones `graceMs` milliseconds, then kills what is left. Resolves when no process
   * remains. Repeating it is harmless.
   */
  async stop({ graceMs = 2_000 }: { graceMs?: number } = {}): Promise<void> {
    this.#stopped = true;
    for (const pending of this.#queue.splice(0)) {
      pending.reject(new LambdaServiceError('ServiceException', `Function ${this.functionName} was stopped.`));
    }
    const all = [...this.#environments];
    for (const environment of all) {
      this.#retire(environment);
      if (!environment.busy) environment.kill();
    }
    const timer = setTimeout(() => {
      for (const environment of all) environment.kill();
    }, graceMs);
    await Promise.all([this.#spare.end(), ...all.map((environment) => environment.closed)]);
    clearTimeout(timer);
  }

  async #checkBundle(file: string): Promise<void> {
    try {
      await access(file);
    } catch {
      const errorMessage = `There is no bundle at ${file}.`;
      throw new LambdaStartupError(
        this.functionName,
        JSON.stringify({ errorType: 'Runtime.ImportModuleError', errorMessage }),
      );
    }
  }

  #mayGrow(): boolean {
    // An environment that is about to end no longer counts: its place is free at once, but for the inspector's port.
    const counts = ({ retired }: Environment) => !retired || this.#options.inspectPort > 0;
    const active = [...this.#environments].filter(counts).length;
    return active < this.#options.maximumConcurrency;
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const environment = this.#idle.pop();
      if (environment === undefined) break;
      const pending = this.#queue.shift();
      if (pending !== undefined) this.#run(environment, pending);
    }
    // Environments that start, or have answered and are about to ask for the next event, will each take one.
    let coming = [...this.#environments].filter(({ busy, retired }) => !busy && !retired).length - this.#idle.length;
    while (coming < this.#queue.length && this.#mayGrow()) {
      this.#spawn();
      coming++;
    }
  }

  #run(environment: Environment, pending: Pending): void {
    clearTimeout(this.#idleTimers.get(environment));
    const { requestId, event } = pending;
    environment.invoke({
      requestId,
      event,
      traceId: `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${randomBytes(12).toString('hex')};Sampled=0`,
      settle: (result) => this.#answer(pending, result),
    });
  }

  #answer(pending: Pending, result: InvocationResult): void {
    this.#counters.invocations++;
    if (result.functionError !== undefined) this.#counters.functionErrors++;
    pending.resolve(result);
  }

  #boot(spare?: Environment): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) {
        spare?.kill();
        throw new LambdaServiceError('ServiceException', `Function ${this.functionName} is stopped.`);
      }
      this.#bootWaiters.set(this.#spawn(spare), { resolve, reject });
    });
  }

  #spawn(spare?: Environment): Environment {
    const environment = spare ?? new Environment(this.#environmentOptions());
    this.#environments.add(environment);
    this.#counters.coldStarts++;
    if (spare === undefined) environment.start();
    else environment.begin();
    return environment;
  }

  #environmentOptions(): EnvironmentOptions {
    const { functionName, bundle, handler, memoryMb, timeoutMs, initTimeoutMs, freeze, log } = this.#options;
    const { sourceMaps, inspectPort } = this.#options;
    return {
      functionName,
      functionArn: this.functionArn,
      bundle,
      handler,
      nodeOptions: nodeOptions(sourceMaps, inspectPort),
      memoryMb,
      timeoutMs,
      initTimeoutMs,
      freeze,
      log,
      variables: variablesOf(this.#options),
      onIdle: (environment) => this.#onIdle(environment),
      onExit: (environment, initError) => this.#onExit(environment, initError),
    };
  }

  #onIdle(environment: Environment): void {
    if (environment.initMs !== undefined && this.#bootWaiters.has(environment)) {
      this.#bootWaiters.get(environment)?.resolve();
      this.#bootWaiters.delete(environment);
    }
    this.#lastInitMs = environment.initMs;
    if (environment.retired || this.#stopped) {
      environment.kill();
      return;
    }
    this.#idle.push(environment);
    this.#dispatch();
    if (this.#idle.includes(environment)) this.#armIdleTimer(environment);
  }

  #armIdleTimer(environment: Environment): void {
    clearTimeout(this.#idleTimers.get(environment));
    const timer = setTimeout(() => {
      if (this.#environments.size <= this.#options.warmEnvironments || !this.#idle.includes(environment)) return;
      this.#retire(environment);
      environment.kill();
    }, this.#options.idleLimitMs);
    this.#idleTimers.set(environment, timer.unref());
  }

  #retire(environment: Environment): void {
    environment.retired = true;
    this.#idle = this.#idle.filter((idle) => idle !== environment);
    clearTimeout(this.#idleTimers.get(environment));
  }

  #onExit(environment: Environment, initError: string | undefined): void {
    // A spare runs nothing that could fail.
    if (this.#spare.forget(environment) || !this.#environments.has(environment)) return;
    this.#retire(environment);
    this.#idleTimers.delete(environment);
    this.#environments.delete(environment);
    const waiter = this.#bootWaiters.get(environment);
    this.#bootWaiters.delete(environment);
    if (waiter !== undefined) {
      const ended = JSON.stringify({ errorType: 'Runtime.ExitError', errorMessage: 'The environment was stopped.' });
      waiter.reject(new LambdaStartupError(this.functionName, initError ?? ended));
    } else if (initError !== undefined) {
      // On AWS the invocation that caused the cold start is answered with the error that the start ended in.
      const pending = this.#queue.shift();
      if (pending !== undefined) this.#answer(pending, { payload: initError, functionError: 'Unhandled' });
    }
    if (!this.#stopped) this.#dispatch();
  }
}

function serialise(payload: unknown): string {
  const event = JSON.stringify(payload) as string | undefined;
  if (event === undefined) throw new LambdaServiceError('InvalidRequestContentException', 'The event has no JSON.');
  return event;
}
