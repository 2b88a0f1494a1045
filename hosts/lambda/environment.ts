// One Lambda execution environment: a child process, and the Runtime API server that only this process talks to.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { dieWithParent, OWN_GROUP } from '../processes/reaper.ts';
import { exited, MAXIMUM_RESPONSE_BYTES, responseTooLarge, timedOut } from './errors.ts';

/** The runtime that loads the bundle. */
const RUNTIME = fileURLToPath(new URL('./bootstrap.cjs', import.meta.url));

/** One line that the function, its runtime or the platform wrote. */
export interface LambdaLogRecord {
  functionName: string;
  /** Absent for lines written while the environment starts. */
  requestId?: string;
  level: 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'STDOUT' | 'STDERR' | 'PLATFORM';
  message: string;
}

export interface InvocationResult {
  /** JSON: the function's result, or its error document when `functionError` is set. */
  payload: string;
  functionError?: 'Unhandled';
}

export interface Invocation {
  requestId: string;
  event: string;
  traceId: string;
  settle: (result: InvocationResult) => void;
}

/**
 * A young generation of 4 MB where Node.js would let it grow to 48: it costs a few per cent of speed under load and saves
 * half of an environment's memory, of which a laptop runs a dozen.
 */
const SMALL_YOUNG_SPACE = ['--max-semi-space-size=4'];

export interface EnvironmentOptions {
  functionName: string;
  functionArn: string;
  bundle: string;
  handler: string;
  /** Options of Node.js itself. */
  nodeOptions: readonly string[];
  variables: Readonly<Record<string, string>>;
  memoryMb: number;
  timeoutMs: number;
  initTimeoutMs: number;
  freeze: boolean;
  /** A file to load ahead: the process then waits for `begin` before it loads the bundle. */
  preload?: string;
  log: (record: LambdaLogRecord) => void;
  /** The process waits for an event. Called once per invocation, and once after the start. */
  onIdle: (environment: Environment) => void;
  /** The process has ended; `initError` is the error document if it never became ready. */
  onExit: (environment: Environment, initError: string | undefined) => void;
}

const API = '/2018-06-01/runtime';
const EXTENSIONS = '/2020-01-01/extension';
/** Names the runtime the file that it loads ahead; the function does not see it. */
const PRELOAD_VARIABLE = '_PRELOAD';
/** Milliseconds that output pipes may stay open after the process has ended. */
const PIPE_GRACE_MS = 500;

/** A child process with its own Runtime API. Owned by LambdaHost, which decides what it runs and when it ends. */
export class Environment {
  readonly options: EnvironmentOptions;
  /** Milliseconds from spawn until the first request for an event; undefined until then. */
  initMs: number | undefined;
  /** Set by the host: no further invocation may be sent here. */
  retired = false;
  /** Settles when the process has ended and its server is closed. */
  readonly closed: Promise<void>;
  #server: http.Server;
  #child: ChildProcess | undefined;
  #waiting: http.ServerResponse | undefined;
  /** Of an extension within the process, if one has registered: it must ask for the next event, too, before there is one. */
  #extension: { readonly id: string; waiting: http.ServerResponse | undefined } | undefined;
  #current: Invocation | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #initError: string | undefined;
  #requestId: string | undefined;
  #stopping = false;
  #frozen = false;
  /** Of a process that is started ahead: its question when to load the bundle, and whether it may. */
  #standby: http.ServerResponse | undefined;
  #begun: boolean;
  #markClosed: () => void = () => undefined;

  constructor(options: EnvironmentOptions) {
    this.options = options;
    this.#begun = options.preload === undefined;
    this.#server = http.createServer((request, response) => this.#handle(request, response));
    // A handler may run for minutes between two requests on the same connection.
    this.#server.keepAliveTimeout = 0;
    this.#server.requestTimeout = 0;
    this.closed = new Promise((resolve) => {
      this.#markClosed = resolve;
    });
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }
  get busy(): boolean {
    return this.#current !== undefined;
  }
  get ready(): boolean {
    return this.initMs !== undefined;
  }

  /** Starts the process; `onIdle` and `onExit` report what becomes of it. */
  start(): void {
    this.#launch().catch((error: unknown) => {
      this.#initError = JSON.stringify({ errorType: 'Runtime.StartError', errorMessage: String(error) });
      this.#finish(null, null);
    });
  }

  /** Has a process that was started ahead load the bundle: from here on it starts as any other. */
  begin(): void {
    this.#begun = true;
    this.#limitInit();
    this.#standby?.writeHead(200).end();
    this.#standby = undefined;
  }

  /** Sends an event to a process that waits for one. */
  invoke(invocation: Invocation): void {
    const waiting = this.#waiting;
    if (waiting === undefined)
      throw new Error(`Environment of ${this.options.functionName} is not waiting for an event.`);
    this.#waiting = undefined;
    this.#current = invocation;
    this.#requestId = invocation.requestId;
    const { timeoutMs, functionArn } = this.options;
    waiting.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': invocation.requestId,
      'lambda-runtime-deadline-ms': String(Date.now() + timeoutMs),
      'lambda-runtime-invoked-function-arn': functionArn,
      'lambda-runtime-trace-id': invocation.traceId,
    });
    waiting.end(invocation.event);
    this.#announce(invocation, functionArn, timeoutMs);
    this.#thaw();
    this.#deadline = setTimeout(() => {
      this.#platform(`Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`);
      this.#settle({ payload: timedOut(invocation.requestId, timeoutMs), functionError: 'Unhandled' });
      this.kill();
    }, timeoutMs);
  }

  /** Ends the process at once; a running invocation fails as when a worker is lost. */
  kill(): void {
    this.#stopping = true;
    this.#child?.kill('SIGKILL');
  }

  /** Ends the process at once; resolves when it is gone. */
  end(): Promise<void> {
    this.kill();
    return this.closed;
  }

  async #launch(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    if (this.#stopping) {
      this.#finish(null, null);
      return;
    }
    const { port } = this.#server.address() as AddressInfo;
    const { bundle, handler, variables, memoryMb, nodeOptions, preload } = this.options;
    const folder = path.dirname(bundle);
    const options = [`--max-old-space-size=${heapMb(memoryMb)}`, ...SMALL_YOUNG_SPACE, ...nodeOptions];
    const child = spawn(process.execPath, [...options, RUNTIME], {
      ...OWN_GROUP,
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: {
        ...variables,
        LAMBDA_TASK_ROOT: folder,
        _HANDLER: `${path.basename(bundle).replace(/\.[cm]?js$/, '')}.${handler}`,
        AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
        ...(preload !== undefined && { [PRELOAD_VARIABLE]: preload }),
      },
    });
    this.#child = child;
    dieWithParent(child);
    // One that is started ahead may wait for as long as it takes.
    if (preload === undefined) this.#limitInit();
    this.#forward(child.stdout, 'STDOUT');
    this.#forward(child.stderr, 'STDERR');
    this.#forwardRecords(child.stdio[3]);
    child.once('error', (error) => {
      this.#initError ??= JSON.stringify({ errorType: 'Runtime.StartError', errorMessage: error.message });
      if (child.pid === undefined) this.#finish(null, null);
    });
    // `close` comes after the last byte of output, so that the log of a crash is complete when its caller is notified.
    child.once('close', (code, signal) => this.#finish(code, signal));
    // A process that the handler left behind may hold the pipes open without end; it gets half a second.
    child.once('exit', () => {
      setTimeout(() => {
        for (const stream of child.stdio) stream?.destroy();
      }, PIPE_GRACE_MS).unref();
    });
  }

  #onReady: () => void = () => undefined;

  #limitInit(): void {
    const { initTimeoutMs } = this.options;
    const started = performance.now();
    this.#deadline = setTimeout(() => {
      this.#initError ??= JSON.stringify({
        errorType: 'Sandbox.Timedout',
        errorMessage: `Error: Initialisation timed out after ${(initTimeoutMs / 1000).toFixed(2)} seconds`,
      });
      this.kill();
    }, initTimeoutMs);
    this.#onReady = () => {
      this.initMs = performance.now() - started;
    };
  }

  #finish(code: number | null, signal: NodeJS.Signals | null): void {
    clearTimeout(this.#deadline);
    const invocation = this.#current;
    if (invocation !== undefined) {
      this.#settle({ payload: exited(invocation.requestId, code, signal), functionError: 'Unhandled' });
    }
    if (!this.ready && !this.#stopping) this.#initError ??= exited('init', code, signal);
    this.#server.closeAllConnections();
    this.#server.close(() => this.#markClosed());
    this.options.onExit(this, this.ready ? undefined : this.#initError);
  }

  #settle(result: InvocationResult): void {
    const invocation = this.#current;
    this.#current = undefined;
    clearTimeout(this.#deadline);
    invocation?.settle(result);
  }

  #handle(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = request.url ?? '';
    if (request.method === 'GET' && url === `${API}/standby`) {
      if (this.#begun) response.writeHead(200).end();
      else this.#standby = response;
      return;
    }
    if (request.method === 'GET' && url === `${API}/invocation/next`) {
      this.#waiting = response;
      this.#onNext();
      return;
    }
    if (request.method === 'GET' && url === `${EXTENSIONS}/event/next`) {
      if (request.headers['lambda-extension-identifier'] !== this.#extension?.id || this.#extension === undefined) {
        response.writeHead(403).end();
        return;
      }
      this.#extension.waiting = response;
      this.#onNext();
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => response.destroy());
    request.on('end', () => this.#accept(url, Buffer.concat(chunks), response));
  }

  #accept(url: string, body: Buffer, response: http.ServerResponse): void {
    const answer = (status: number, document: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    };
    if (url === `${EXTENSIONS}/register`) {
      // Internal extensions register while the function starts, and for INVOKE alone.
      if (this.ready || body.toString('utf8') !== '{"events":["INVOKE"]}') {
        answer(403, { errorType: 'Extension.RegistrationError', errorMessage: 'Only INVOKE, and only during init' });
        return;
      }
      this.#extension = { id: randomUUID(), waiting: undefined };
      response.setHeader('lambda-extension-identifier', this.#extension.id);
      answer(200, { functionName: this.options.functionName, handler: this.options.handler });
      return;
    }
    if (url === `${API}/init/error`) {
      this.#initError = body.toString('utf8');
      answer(202, { status: 'OK' });
      return;
    }
    const [, id, kind] = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/.exec(url) ?? [];
    if (kind === undefined) {
      answer(404, { errorType: 'NotFound', errorMessage: `No such path: ${url}` });
    } else if (this.#current === undefined || id !== this.#current.requestId) {
      answer(400, { errorType: 'InvalidRequestID', errorMessage: 'Invalid request ID' });
    } else if (kind === 'response' && body.length > MAXIMUM_RESPONSE_BYTES) {
      answer(413, { errorType: 'RequestEntityTooLarge', errorMessage: 'Exceeded maximum allowed payload size' });
      this.#settle({ payload: responseTooLarge(body.length), functionError: 'Unhandled' });
    } else {
      answer(202, { status: 'OK' });
      const payload = body.toString('utf8');
      this.#settle(kind === 'response' ? { payload } : { payload, functionError: 'Unhandled' });
    }
  }

  /** The runtime, and the extension if there is one, have both asked for the next event: only then is the environment free. */
  #onNext(): void {
    if (this.#waiting === undefined || (this.#extension !== undefined && this.#extension.waiting === undefined)) return;
    if (this.initMs === undefined) {
      clearTimeout(this.#deadline);
      this.#onReady();
    }
    this.options.onIdle(this);
    if (this.#waiting !== undefined) this.#freeze();
  }

  /** https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html#runtimes-extensions-registration-api-d */
  #announce({ requestId, traceId }: Invocation, invokedFunctionArn: string, timeoutMs: number): void {
    const waiting = this.#extension?.waiting;
    if (this.#extension === undefined || waiting === undefined) return;
    this.#extension.waiting = undefined;
    const tracing = { type: 'X-Amzn-Trace-Id', value: traceId };
    const event = { eventType: 'INVOKE', deadlineMs: Date.now() + timeoutMs, requestId, invokedFunctionArn, tracing };
    waiting.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(event));
  }

  /** On AWS nothing runs between two invocations; here the process is stopped. */
  #freeze(): void {
    if (!this.options.freeze || this.#frozen || process.platform === 'win32') return;
    this.#frozen = this.#child?.kill('SIGSTOP') ?? false;
  }

  #thaw(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    this.#child?.kill('SIGCONT');
  }

  #forward(stream: Readable | null, level: 'STDOUT' | 'STDERR'): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (message) => this.#log(level, message));
  }

  #forwardRecords(stream: unknown): void {
    createInterface({ input: stream as Readable }).on('line', (line) => {
      const record = JSON.parse(line) as Pick<LambdaLogRecord, 'requestId' | 'level' | 'message'>;
      this.options.log({ functionName: this.options.functionName, ...record });
    });
  }

  #platform(message: string): void {
    this.#log('PLATFORM', message);
  }

  #log(level: LambdaLogRecord['level'], message: string): void {
    const requestId = this.#requestId;
    const { functionName } = this.options;
    this.options.log({ functionName, level, message, ...(requestId === undefined ? {} : { requestId }) });
  }
}

/** The share of the memory size that V8's old generation gets; the rest is for the runtime and buffers, as on AWS. */
function heapMb(memoryMb: number): number {
  return Math.max(32, Math.floor(memoryMb * 0.9));
}
