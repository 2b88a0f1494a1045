// The local Azure Functions host: runs an app's output folder, as `func start` would, without Core Tools.

import { nodeOptions } from '../processes/node-options.ts';
import { Spare } from '../processes/spare.ts';
import { type AppFolder, readAppFolder } from './app-folder.ts';
import { AppSettings } from './app-settings.ts';
import type { CosmosTimings } from './cosmos/options.ts';
import { CosmosTrigger } from './cosmos/trigger.ts';
import { textOf } from './errors.ts';
import { byPrecedence, parseRoute, type Route } from './http/routes.ts';
import { HttpFront, type Served } from './http/server.ts';
import { type Log, stderrLog } from './log.ts';
import { readRetryPolicy } from './retry.ts';
import { type FunctionMetadata, triggerOf } from './rpc.ts';
import { AppRuntime } from './runtime.ts';
import { ServiceBusClients } from './service-bus/clients.ts';
import { ServiceBusTrigger } from './service-bus/trigger.ts';
import { memoryTimerStatus, type TimerStatusStore } from './timer/status.ts';
import { TimerTrigger } from './timer/trigger.ts';
import { realTimers, type Timers, untilAborted } from './timers.ts';
import type { Trigger, TriggerContext } from './trigger.ts';
import { WorkerProcess } from './worker-process.ts';

/** App settings by name. */
type Environment = Readonly<Record<string, string>>;

/** Options of a host. */
export interface FunctionsHostOptions {
  /** Holds host.json, package.json and the bundle. */
  readonly appFolder: string;
  /**
   * App settings, or what makes them of the base URL. Nothing else of this process's environment reaches the app but what Node itself
   * needs.
   */
  readonly environment: Environment | ((url: string) => Environment);
  /** 0, the default, takes any free port. */
  readonly port?: number;
  readonly log?: Log;
  readonly timers?: Timers;
  /** Replaces host.json's functionTimeout. */
  readonly functionTimeoutMs?: number;
  /** How long `stop` waits for running invocations; 2 s by default. */
  readonly stopGraceMs?: number;
  /** Replaces what Cosmos DB triggers ask for, for instance a shorter poll delay than in the cloud. */
  readonly cosmosDB?: Partial<CosmosTimings>;
  /** Where timers keep their status; in memory by default, so that missed runs are not noticed by a new process. */
  readonly timerStatus?: TimerStatusStore;
  /** Maps stack traces by the source maps beside the bundles, as `languageWorkers__node__arguments` can on Azure. Off unless given. */
  readonly sourceMaps?: boolean;
  /** Opens Node's inspector of the worker on this port of 127.0.0.1; its functions then have no timeout. None unless given. */
  readonly inspectPort?: number;
}

/** A function of the running app. */
export interface HostedFunction {
  readonly name: string;
  /** For instance `httpTrigger`. */
  readonly trigger: string;
  /** For HTTP triggers, where it answers. */
  readonly url?: string;
  readonly methods?: readonly string[];
  /** Switched off by the app setting `AzureWebJobs.<name>.Disabled`. */
  readonly disabled: boolean;
}

const DEFAULT_GRACE_MS = 2000;
/** Additional time for triggers, to settle messages and free leases. */
const SETTLE_MS = 1500;
/** What a worker needs of this process's environment; the rest would make local runs differ from machine to machine. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'NODE_EXTRA_CA_CERTS', 'LANG'];

type Running = { runtime: AppRuntime; triggers: Trigger[]; functions: HostedFunction[] };
type Prepared = Running & { readonly served: Served };

/** Hosts one Functions app. */
export class FunctionsHost {
  readonly #options: FunctionsHostOptions;
  readonly #log: Log;
  readonly #timers: Timers;
  readonly #timerStatus: TimerStatusStore;
  readonly #front: HttpFront;
  readonly #serviceBus = new ServiceBusClients();
  #appFolder: string;
  #environment: Environment = {};
  #url: string | undefined;
  #running: Running | undefined;
  /** Being loaded, not running yet. */
  #loading: AppRuntime | undefined;
  /** Builds that another one has replaced, until their processes are gone. */
  readonly #ending = new Map<AppRuntime, Promise<void>>();
  readonly #spare = new Spare<WorkerProcess>((worker) => {
    worker.kill('it is not needed');
    return worker.exited;
  });
  /** Counts the stops, so that a start in progress notices one. */
  #stops = 0;

  constructor(options: FunctionsHostOptions) {
    this.#options = options;
    this.#log = options.log ?? stderrLog;
    this.#timers = options.timers ?? realTimers;
    this.#timerStatus = options.timerStatus ?? memoryTimerStatus();
    this.#front = new HttpFront(this.#log);
    this.#appFolder = options.appFolder;
  }

  /** The base URL while the host runs. */
  get url(): string | undefined {
    return this.#url;
  }

  /** The app's functions while the host runs. */
  get functions(): readonly HostedFunction[] {
    return this.#running?.functions ?? [];
  }

  /** The worker's process id while one runs. */
  get workerPid(): number | undefined {
    return this.#running?.runtime.pid;
  }

  /**
   * Loads the app and begins to serve it.
   * @throws AppError, AppLoadError or Error with one sentence that names the fault; nothing is left running then
   */
  async start(): Promise<{ url: string }> {
    if (this.#url !== undefined) throw new Error('The Functions host is running already.');
    const stops = this.#stops;
    const app = readAppFolder(this.#appFolder);
    const url = await this.#front.listen(this.#options.port ?? 0);
    this.#url = url;
    const { environment } = this.#options;
    this.#environment = typeof environment === 'function' ? environment(url) : environment;
    try {
      this.#mustGoOn(stops);
      await this.#activate(await this.#prepare(app, this.#environment, url), stops);
    } catch (error) {
      await this.stop();
      throw error;
    }
    return { url };
  }

  /** Lets running invocations finish, runs the appTerminate hooks, and ends everything. Never rejects. */
  async stop(): Promise<void> {
    this.#stops++;
    const graceMs = this.#options.stopGraceMs ?? DEFAULT_GRACE_MS;
    const closing = this.#front.close(graceMs + 500);
    await Promise.all([this.#loading?.stop(0), this.#spare.end()]);
    await this.#unload(graceMs).gone;
    await Promise.all([...this.#ending.values(), closing]);
    this.#url = undefined;
  }

  /**
   * Puts another build of the app, or other settings, behind the same URL. The old build serves until the new one is loaded, so a
   * build that cannot be loaded changes nothing; an inspected worker goes first, as it holds the inspector's port.
   * @throws as `start` does; if triggers cannot be started, the host then answers 503 until the next `replaceApp` succeeds
   */
  async replaceApp(next: { appFolder?: string; environment?: Readonly<Record<string, string>> } = {}): Promise<void> {
    if (this.#url === undefined) throw new Error('The Functions host is not running.');
    const { appFolder = this.#appFolder, environment = this.#environment } = next;
    const app = readAppFolder(appFolder);
    const stops = this.#stops;
    const graceMs = this.#options.stopGraceMs ?? DEFAULT_GRACE_MS;
    if (this.#inspectPort > 0) await this.#unload(graceMs).gone;
    this.#mustGoOn(stops);
    const loaded = await this.#prepare(app, environment, this.#url);
    for (const trigger of loaded.triggers) trigger.prepare?.();
    // Requests find the new build at once; its triggers wait for those of the old one, as two builds must not hold the same leases and locks.
    // They do not wait for the end of its process, in which by then nothing runs but requests that it has begun to answer.
    const old = this.#unload(graceMs, loaded.served);
    await old.quiet;
    this.#appFolder = appFolder;
    this.#environment = environment;
    try {
      await this.#activate(loaded, stops);
    } finally {
      await old.gone;
    }
  }

  /**
   * Starts a worker ahead, which loads a file that the app's builds share, such as their packages, and waits for the next `replaceApp`: that one
   * then loads the app alone. For the settings that there are now; not for an inspected app, whose port is held. Resolves when it has been
   * started, which is before it has loaded the file.
   */
  async keepSpare(file: string): Promise<void> {
    const url = this.#url;
    if (url === undefined || this.#inspectPort > 0) return;
    const stops = this.#stops;
    const app = readAppFolder(this.#appFolder);
    const environment = workerEnvironment(this.#environment, app.folder, url);
    await this.#spare.keep(JSON.stringify([app, environment]), file, () => {
      if (this.#stops !== stops) return undefined;
      const { sourceMaps = false } = this.#options;
      const worker = new WorkerProcess(app, environment, this.#log, nodeOptions(sourceMaps, 0));
      worker.preload(file);
      void worker.exited.then(() => this.#spare.forget(worker));
      return worker;
    });
  }

  get #inspectPort(): number {
    return this.#options.inspectPort ?? 0;
  }

  /** Kills the worker process as a crash would: its invocations fail, and the host starts another one. */
  killWorker(): void {
    this.#running?.runtime.kill();
  }

  /** Ends everything as the loss of the machine would: connections are cut, the worker is killed, nothing is finished. Never rejects. */
  async crash(): Promise<void> {
    this.#stops++;
    this.#front.cut();
    const ending = [...this.#ending.keys()].map((runtime) => runtime.stop(0).then(() => runtime.kill()));
    await Promise.all([this.#loading?.stop(0), this.#spare.end(), ...ending]);
    await this.#unload(0).gone;
    await Promise.all(this.#ending.values());
    this.#url = undefined;
  }

  /** Loads the app into a worker of its own; nothing calls it yet. */
  async #prepare(app: AppFolder, variables: Readonly<Record<string, string>>, url: string): Promise<Prepared> {
    const { functionTimeoutMs, sourceMaps = false } = this.#options;
    for (const setting of app.hostJson.ignored) {
      const message = `host.json: ${setting} has no effect in this host.`;
      this.#log({ level: 'warning', category: 'host', message });
    }
    const environment = workerEnvironment(variables, app.folder, url);
    const stops = this.#stops;
    const spare = await this.#spare.take(JSON.stringify([app, environment]));
    if (this.#stops !== stops) spare?.kill('the host is stopping');
    this.#mustGoOn(stops);
    const runtime = new AppRuntime({
      app,
      environment,
      spare,
      timers: this.#timers,
      log: this.#log,
      functionTimeoutMs: functionTimeoutMs ?? app.hostJson.functionTimeoutMs,
      sourceMaps,
      inspectPort: this.#inspectPort,
    });
    const running: Running = { runtime, triggers: [], functions: [] };
    this.#loading = runtime;
    try {
      const loaded = await runtime.start();
      const settings = new AppSettings(variables);
      const routes: Route[] = [];
      const bindings = new Map<string, string>();
      for (const metadata of loaded.functions) {
        const context = this.#context(metadata, settings, app, runtime);
        const { binding, functionName: name } = context;
        const disabled = settings.isDisabled(name);
        if (binding.type.toLowerCase() === 'httptrigger') {
          const route = parseRoute(name, binding.route, binding.methods, app.hostJson.http.routePrefix);
          if (!disabled) routes.push(route);
          bindings.set(name, context.bindingName);
          const methods = [...route.methods];
          running.functions.push({ name, trigger: binding.type, url: `${url}/${route.template}`, methods, disabled });
        } else {
          const trigger = this.#trigger(context);
          if (!disabled) running.triggers.push(trigger);
          running.functions.push({ name, trigger: binding.type, disabled });
        }
      }
      return { ...running, served: { runtime, routes: byPrecedence(routes), bindings, settings: app.hostJson.http } };
    } catch (error) {
      this.#loading = undefined;
      await Promise.allSettled([runtime.stop(0), ...running.triggers.map((trigger) => trigger.stop())]);
      throw error;
    }
  }

  /** Starts a prepared app, unless the host has been stopped since. */
  async #activate(prepared: Prepared, stops: number): Promise<void> {
    const { served, ...running } = prepared;
    const { runtime } = running;
    try {
      this.#mustGoOn(stops);
      this.#running = running;
      this.#loading = undefined;
      await Promise.all(running.triggers.map((trigger) => trigger.start()));
      this.#mustGoOn(stops);
      this.#front.serve(served);
    } catch (error) {
      this.#loading = undefined;
      if (this.#running === running) this.#running = undefined;
      this.#front.serve(undefined);
      await Promise.allSettled([runtime.stop(0), ...running.triggers.map((trigger) => trigger.stop())]);
      throw error;
    }
  }

  #mustGoOn(stops: number): void {
    if (this.#stops !== stops) throw new Error('The Functions host was stopped while it was starting.');
  }

  /**
   * Stops the running build; `next` is served from then on. `quiet`: its triggers call nothing any more, and what they had called has ended;
   * `gone`: its process has ended too. Neither rejects.
   */
  #unload(graceMs: number, next?: Served): { quiet: Promise<unknown>; gone: Promise<void> } {
    const running = this.#running;
    this.#running = undefined;
    this.#front.serve(next);
    if (running === undefined) return { quiet: Promise.resolve(), gone: Promise.resolve() };
    // Triggers settle what the runtime lets finish, so both stop at the same time. A server that is gone answers no more:
    // invocations that still wait for it are abandoned.
    const ended = new AbortController();
    const { runtime } = running;
    const runtimeStops = runtime.stop(graceMs);
    const triggers = Promise.allSettled(running.triggers.map((trigger) => trigger.stop()));
    void this.#timers.sleep(graceMs + SETTLE_MS, ended.signal).then(() => ended.abort());
    const whole = Promise.all([Promise.allSettled([runtimeStops]), triggers]);
    const gone = untilAborted(whole, ended.signal).then((results) => {
      ended.abort();
      this.#ending.delete(runtime);
      const failures = results?.flat().flatMap((each) => (each.status === 'rejected' ? [textOf(each.reason)] : []));
      for (const failure of failures ?? ['a trigger did not end in time']) {
        this.#log({ level: 'warning', category: 'host', message: `While stopping: ${failure}.` });
      }
    });
    this.#ending.set(runtime, gone);
    return { quiet: untilAborted(triggers, ended.signal), gone };
  }

  #context(metadata: FunctionMetadata, settings: AppSettings, app: AppFolder, runtime: AppRuntime): TriggerContext {
    const { name } = metadata;
    if (!/^[a-z][\w-]{0,127}$/i.test(name)) throw new Error(`"${name}" is not a valid name for a function.`);
    const trigger = triggerOf(metadata);
    for (const [bindingName, { type }] of Object.entries(metadata.bindings)) {
      const isHttpOutput = bindingName === '$return' && type.toLowerCase() === 'http';
      if (bindingName !== trigger.name && !isHttpOutput) {
        throw new Error(`The function "${name}" uses a binding of type "${type}", which this host does not support.`);
      }
    }
    return {
      functionName: name,
      bindingName: trigger.name,
      binding: trigger.binding,
      retryPolicy: this.#retryPolicy(metadata, trigger.binding.type),
      settings,
      hostJson: app.hostJson,
      runtime,
      timers: this.#timers,
      log: this.#log,
    };
  }

  #retryPolicy(metadata: FunctionMetadata, triggerType: string): TriggerContext['retryPolicy'] {
    const policy = readRetryPolicy(metadata);
    if (policy === undefined || /^(cosmosDBTrigger|timerTrigger)$/i.test(triggerType)) return policy;
    const message = `Its retry policy has no effect: a ${triggerType} does not support one, here or on Azure.`;
    this.#log({ level: 'warning', category: 'host', message, functionName: metadata.name });
    return undefined;
  }

  #trigger(context: TriggerContext): Trigger {
    const { functionName, binding } = context;
    switch (binding.type.toLowerCase()) {
      case 'timertrigger':
        return new TimerTrigger(context, this.#timerStatus);
      case 'cosmosdbtrigger':
        return new CosmosTrigger(context, this.#options.cosmosDB ?? {});
      case 'servicebustrigger':
        return new ServiceBusTrigger(context, this.#serviceBus);
      default:
        throw new Error(
          `The function "${functionName}" has a trigger of type "${binding.type}", which this host does not support. ` +
            'It runs httpTrigger, timerTrigger, cosmosDBTrigger and serviceBusTrigger.',
        );
    }
  }
}

function workerEnvironment(
  settings: Readonly<Record<string, string>>,
  folder: string,
  url: string,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of INHERITED) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return {
    ...environment,
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    FUNCTIONS_EXTENSION_VERSION: '~4',
    FUNCTIONS_WORKER_RUNTIME: 'node',
    AzureWebJobsScriptRoot: folder,
    WEBSITE_HOSTNAME: new URL(url).host,
    ...settings,
  };
}
