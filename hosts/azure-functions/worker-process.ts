// One worker process: starting it, calling functions in it, and noticing that it is gone.
import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { dieWithParent, OWN_GROUP } from '../processes/reaper.ts';
import type { AppFolder } from './app-folder.ts';
import { asLogLevel, type Log } from './log.ts';
import {
  type Capabilities,
  type FunctionMetadata,
  type HostMessage,
  type InvocationRequest,
  type InvocationResponse,
  type RpcError,
  WORKER_CAPABILITIES,
  type WorkerMessage,
} from './rpc.ts';

/** The program that loads the app. */
const WORKER = fileURLToPath(new URL('./bootstrap.cjs', import.meta.url));

/** The version that the app reads from `hostVersion`; libraries compare it to decide what they may use. */
const HOST_VERSION = '4.1045.100';

/** What the worker said when it had loaded the app. */
export interface LoadedApp {
  readonly functions: readonly FunctionMetadata[];
  readonly capabilities: Capabilities;
}

/** The app's code failed while it was loaded; the message is the app's own. */
export class AppLoadError extends Error {
  override name = 'AppLoadError';
}

/** How a call ended. */
export type CallResult =
  | { ok: true; response: InvocationResponse }
  | { ok: false; cause: 'handler' | 'worker-exit'; error: RpcError };

/** A forked worker. Use it once: load, any number of calls, then terminate or kill. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #app: AppFolder;
  readonly #log: Log;
  readonly #calls = new Map<string, (result: CallResult) => void>();
  readonly #loaded: Promise<LoadedApp>;
  readonly #exited: Promise<string>;
  #deathReason: string | undefined;

  /**
   * @param environment all the environment variables the app will see
   * @param nodeOptions more options of Node.js itself
   */
  constructor(
    app: AppFolder,
    environment: Readonly<Record<string, string>>,
    log: Log,
    nodeOptions: readonly string[] = [],
  ) {
    this.#log = log;
    this.#app = app;
    this.#child = fork(WORKER, [], {
      cwd: app.folder,
      env: { ...environment },
      ...OWN_GROUP,
      // As for Lambda's environments: half the memory for a few per cent of speed.
      execArgv: ['--max-semi-space-size=4', '--max-old-space-size=512', ...nodeOptions],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    dieWithParent(this.#child);
    forward(this.#child.stdout, (line) => log({ level: 'information', category: 'console', message: line }));
    forward(this.#child.stderr, (line) => log({ level: 'error', category: 'console', message: line }));
    // A send that loses the race with the child's death must not be an unhandled error; `exit` reports the death.
    this.#child.on('error', (error) =>
      log({ level: 'debug', category: 'host', message: `Worker channel: ${error.message}` }),
    );

    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        const reason = this.#deathReason ?? `the worker process exited with ${signal ?? `code ${code}`}`;
        for (const settle of this.#calls.values()) settle(workerExit(reason));
        this.#calls.clear();
        resolve(reason);
      });
    });
    this.#loaded = new Promise((resolve, reject) => {
      this.#child.on('message', (message: WorkerMessage) => this.#onMessage(message, resolve, reject));
      void this.#exited.then((reason) => reject(new AppLoadError(`The app could not be started: ${reason}.`)));
    });
    this.#loaded.catch(() => undefined);
  }

  /** Has it load a file that apps share, ahead of the app. */
  preload(file: string): void {
    this.#send({ kind: 'preload', file, hostVersion: HOST_VERSION });
  }

  /** Has it load the app; `loaded` settles when it has. */
  load(): void {
    const { folder, files } = this.#app;
    this.#send({
      kind: 'start',
      appFolder: folder,
      files: [...files],
      capabilities: WORKER_CAPABILITIES,
      hostVersion: HOST_VERSION,
    });
  }

  /** The process id, while it runs. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The app's functions. @throws AppLoadError if its code failed or registered none */
  get loaded(): Promise<LoadedApp> {
    return this.#loaded;
  }

  /** Resolves with the reason once the process is gone. */
  get exited(): Promise<string> {
    return this.#exited;
  }

  /** Calls a function. Never rejects; a dead worker is a result too. */
  call(id: string, functionName: string, request: InvocationRequest): Promise<CallResult> {
    if (!this.#child.connected) return Promise.resolve(workerExit(this.#deathReason ?? 'the worker process is gone'));
    return new Promise((resolve) => {
      this.#calls.set(id, resolve);
      this.#send({ kind: 'invoke', id, functionName, request });
    });
  }

  /** Ends the process at once; `reason` is what its invocations fail with. */
  kill(reason: string): void {
    this.#deathReason ??= reason;
    this.#child.kill('SIGKILL');
  }

  /** Runs the appTerminate hooks and waits for the exit. Aborting the signal kills. */
  async terminate(signal: AbortSignal): Promise<void> {
    const kill = (): void => this.kill('the host is stopping');
    if (signal.aborted) kill();
    signal.addEventListener('abort', kill, { once: true });
    this.#deathReason ??= 'the host is stopping';
    this.#send({ kind: 'terminate' });
    await this.#exited;
    signal.removeEventListener('abort', kill);
  }

  #send(message: HostMessage): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #onMessage(message: WorkerMessage, resolve: (app: LoadedApp) => void, reject: (error: Error) => void): void {
    switch (message.kind) {
      case 'ready':
        if (message.functions.length === 0) {
          reject(
            new AppLoadError('The app registered no function. Is "@azure/functions-core" external in its bundle?'),
          );
        } else {
          resolve({ functions: message.functions, capabilities: message.capabilities });
        }
        return;
      case 'failed':
        reject(new AppLoadError(`The app could not be started: ${message.message}\n${message.stack}`.trimEnd()));
        return;
      case 'log': {
        const { level, category, message: text, functionName, invocationId } = message;
        this.#log({
          level: asLogLevel(level),
          category: category === 'user' || category === 'console' ? category : 'system',
          message: text,
          ...(functionName === undefined ? {} : { functionName }),
          ...(invocationId === undefined ? {} : { invocationId }),
        });
        return;
      }
      case 'result':
        this.#settle(message.id, { ok: true, response: message.response });
        return;
      case 'error':
        this.#settle(message.id, { ok: false, cause: 'handler', error: message.error });
    }
  }

  #settle(id: string, result: CallResult): void {
    this.#calls.get(id)?.(result);
    this.#calls.delete(id);
  }
}

function workerExit(reason: string): CallResult {
  return { ok: false, cause: 'worker-exit', error: { name: 'WorkerProcessExitException', message: reason, stack: '' } };
}

function forward(stream: Readable | null, line: (text: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on('line', line);
}
