// Runs the edge's bundle in `workerd`, Cloudflare's runtime, as one child process with KV, Durable Objects and Cloudflare's front.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { endChild } from '../processes/end-child.ts';
import { dieWithParent, OWN_GROUP, removeWithParent, whileReplaced } from '../processes/reaper.ts';
import { scratchFolder } from '../processes/scratch-folder.ts';
import { BUNDLE_MODULE, EDGE_MODULES, type EdgeLayout, type EdgePorts, edgeConfig, SECRET_VARIABLE } from './config.ts';
import { ContinueFront } from './continue-front.ts';
import type { EdgeFaults } from './faults.ts';
import { Gate } from './gate.ts';
import { TlsFront, type TlsFrontOptions } from './tls-front.ts';

export interface EdgeLogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

export interface EdgeHostOptions {
  /** Path of the bundle, an ES module. */
  readonly bundle: string;
  /** The Worker's variables. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Durable Objects: binding → class that the bundle exports; `EDGE_OBJECTS` unless given. */
  readonly objects?: Readonly<Record<string, string>>;
  /** Binding of the KV namespace; `ROUTES` unless given. */
  readonly routeCache?: string;
  /** Static assets: the folder that holds them, bound as `ASSETS`; without it there are none. */
  readonly assets?: string;
  /** Folder that keeps what Durable Objects and KV store; without it, that is gone with the process. */
  readonly dataDir?: string;
  /** Port on 127.0.0.1; a free one without it. */
  readonly port?: number;
  /** HTTPS as well, on a port of its own; without it HTTP only. */
  readonly tls?: TlsFrontOptions;
  readonly log?: (line: EdgeLogLine) => void;
  /** Called when the process ends without having been stopped. */
  readonly onUnexpectedExit?: (reason: string) => void;
  /** Path of `workerd`, in place of the installed package's. */
  readonly binary?: string;
}

/** The edge's Durable Objects. */
export const EDGE_OBJECTS = {
  DIRECTORY: 'DirectoryObject',
  MONITOR: 'MonitorObject',
  MOVER: 'MoverObject',
} as const;

/** Detects a process that hangs; a slow start on a busy machine is tolerated. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 2000;

/** Of the requests under way while the edge is replaced: more than a cell may take to answer, in milliseconds. */
const DRAIN_TIMEOUT_MS = 15_000;

/** Characters of the process's last output that are kept to explain its end. */
const KEPT_OUTPUT = 2000;

/** There is no `workerd` for this machine; the stack can do without an edge. */
export class NoWorkerd extends Error {
  override readonly name = 'NoWorkerd';
}

export class EdgeHost {
  readonly #options: EdgeHostOptions;
  readonly #secret = randomBytes(24).toString('hex');
  readonly #vouchHeader = `x-vouched-${randomBytes(16).toString('hex')}`;
  #child: ChildProcess | undefined;
  #plain: ContinueFront | undefined;
  #tls: TlsFront | undefined;
  #scratch: string | undefined;
  #ports: EdgePorts | undefined;
  #output = '';
  #up = false;
  #stopping = false;
  readonly #gate = new Gate();
  #variables: Readonly<Record<string, string>>;

  constructor(options: EdgeHostOptions) {
    this.#options = options;
    this.#variables = options.variables ?? {};
  }

  /** Only after `start`. */
  get url(): string {
    return this.#plain?.url ?? 'http://127.0.0.1:0';
  }

  /** Only after `start` with `tls`. */
  get tlsUrl(): string | undefined {
    return this.#tls?.url;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Resolves when the edge answers.
   * @throws NoWorkerd when this platform has no binary; Error naming the bundle if it is missing, the port if it is taken, or
   * with what the edge said
   */
  async start(): Promise<void> {
    await this.#requireBundle();
    if (this.#options.binary === undefined) workerdBinary();
    const scratch = await mkdtemp(path.join(await scratchFolder(), 'polycell-edge-'));
    this.#scratch = scratch;
    try {
      await mkdir(this.#storage(scratch), { recursive: true });
      await copyFile(this.#options.bundle, path.join(scratch, BUNDLE_MODULE));
      for (const name of EDGE_MODULES)
        await copyFile(fileURLToPath(new URL(`./workers/${name}`, import.meta.url)), path.join(scratch, name));
      await this.#run(scratch);
      this.#plain = new ContinueFront(this.#ports?.front ?? 0, this.#gate);
      await this.#plain.start(this.#options.port ?? 0);
      await this.#answers();
      if (this.#options.tls !== undefined) {
        this.#tls = new TlsFront(this.#options.tls, {
          port: this.#ports?.tls ?? 0,
          vouchHeader: this.#vouchHeader,
          gate: this.#gate,
        });
        await this.#tls.start();
      }
      this.#up = true;
      this.#output = '';
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /**
   * Puts another bundle behind the same addresses; what is stored stays. Requests in the meantime wait.
   * @throws Error with what the edge said, if it does not start with the bundle; then the old one is active again
   */
  async replaceBundle(bundle: string): Promise<void> {
    const scratch = this.#scratch;
    if (scratch === undefined || !this.#up) throw new Error('The edge is not running.');
    const held = path.join(scratch, BUNDLE_MODULE);
    const previous = await readFile(held);
    await copyFile(bundle, held);
    try {
      await this.#restart(scratch);
    } catch (error) {
      await writeFile(held, previous);
      await this.#restart(scratch);
      throw error;
    }
  }

  /**
   * Runs the Worker with other variables beside its own, as a new secret does; what is stored stays. Requests in the meantime wait.
   * @throws Error with what the edge said, if it does not start with them; then the old ones are active again
   */
  async replaceVariables(variables: Readonly<Record<string, string>>): Promise<void> {
    const scratch = this.#scratch;
    if (scratch === undefined || !this.#up) throw new Error('The edge is not running.');
    const previous = this.#variables;
    this.#variables = { ...previous, ...variables };
    try {
      await this.#restart(scratch);
    } catch (error) {
      this.#variables = previous;
      await this.#restart(scratch);
      throw error;
    }
  }

  async #restart(scratch: string): Promise<void> {
    this.#up = false;
    this.#output = '';
    const child = this.#child;
    // From here on its end is expected.
    this.#child = undefined;
    this.#gate.close();
    const replaced = whileReplaced();
    try {
      // It takes no more connections, and finishes the requests that it has.
      await endWorkerd(child, DRAIN_TIMEOUT_MS);
      await this.#run(scratch);
      await this.#answers();
    } finally {
      this.#gate.open();
      replaced();
    }
    this.#up = true;
    this.#output = '';
  }

  /** Breaks the named connections and restores all others. The Worker under test cannot see the faults. */
  async setFaults(faults: EdgeFaults): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.#ports?.platform ?? 0}/`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${this.#secret}` },
      body: JSON.stringify(faults),
    });
    if (!response.ok) throw new Error(`The edge does not take faults: ${response.status} ${await response.text()}`);
  }

  /** Ends the process; what is stored stays if there is a folder for it. Repeating it is harmless. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#plain?.stop();
    await this.#tls?.stop();
    await endWorkerd(this.#child);
    if (this.#scratch !== undefined) await rm(this.#scratch, { recursive: true, force: true });
  }

  /** Without this check, the runtime would complain about a file of its own scratch folder. */
  async #requireBundle(): Promise<void> {
    const { bundle } = this.#options;
    await access(bundle).catch((error: unknown) => {
      throw new Error(`There is no bundle at ${bundle}.`, { cause: error });
    });
  }

  #storage(scratch: string): string {
    return path.resolve(this.#options.dataDir ?? path.join(scratch, 'storage'));
  }

  /** Starts the process, at the same ports as before if there was one. */
  async #run(scratch: string): Promise<void> {
    const file = path.join(scratch, 'edge.capnp');
    await writeFile(file, edgeConfig(this.#layout(this.#storage(scratch))), { mode: 0o600 });
    await this.#spawn(this.#options.binary ?? workerdBinary(), file);
  }

  #layout(storage: string): EdgeLayout {
    const { objects = EDGE_OBJECTS, routeCache = 'ROUTES', assets } = this.#options;
    return {
      objects,
      routeCache,
      variables: Object.keys(this.#variables),
      ...(assets !== undefined && { assets: { binding: 'ASSETS', folder: path.resolve(assets) } }),
      // After a restart the previous ports, which the fronts know.
      ...(this.#ports !== undefined && { ports: this.#ports }),
      vouchHeader: this.#vouchHeader,
      storage,
    };
  }

  async #spawn(binary: string, file: string): Promise<void> {
    const child = spawn(binary, ['serve', file, '--control-fd=3'], {
      ...OWN_GROUP,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...this.#variables, [SECRET_VARIABLE]: this.#secret },
    });
    this.#child = child;
    dieWithParent(child);
    removeWithParent(path.dirname(file));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream as Readable }).on('line', (line) => this.#heard(line));
    }
    const ended = new Promise<never>((_, reject) => {
      child.once('error', (error) => reject(new Error(`The edge did not start: ${error.message}`)));
      // `close`, not `exit`: by then its output has been read.
      child.once('close', () => reject(new Error(this.#whyNot())));
    });
    ended.catch(() => undefined);
    const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
    try {
      this.#ports = await Promise.race([listening(child.stdio[3] as Readable), ended]);
    } finally {
      clearTimeout(timer);
    }
    child.once('close', (code, signal) => {
      if (!this.#stopping && this.#child === child)
        this.#options.onUnexpectedExit?.(this.#lastWords(`exit status ${code ?? signal}`));
    });
  }

  #whyNot(): string {
    return `The edge did not start: ${this.#lastWords('it ended without a word')}`;
  }

  /** The last error of the process, in one line and without the addresses in its stack trace. */
  #lastWords(otherwise: string): string {
    const lines = this.#output.split('\n').filter((line) => line.trim() !== '' && !/^stack: |^\s+at /.test(line));
    return lines.at(-1)?.trim() ?? otherwise;
  }

  /** Detects a bundle that cannot work at all before the first client does. */
  async #answers(): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.#ports?.front ?? 0}/v1/health`, {
      signal: AbortSignal.timeout(START_TIMEOUT_MS),
    });
    await response.arrayBuffer();
    if (response.status === 500) throw new Error(`The edge does not work: ${this.#lastWords('it answers 500')}`);
  }

  #heard(line: string): void {
    const { level, message, isWorkers } = readLogLine(line);
    // Logs of a working Worker do not explain the end of its runtime.
    if (!(this.#up && isWorkers)) this.#output = `${this.#output}\n${message}`.slice(-KEPT_OUTPUT);
    // The start itself fails with one sentence that gives the reason.
    if (this.#ports !== undefined) this.#options.log?.({ level, message });
  }
}

const endWorkerd = (child: ChildProcess | undefined, timeoutMs = STOP_TIMEOUT_MS): Promise<void> =>
  endChild(child, (running) => running.kill('SIGTERM'), timeoutMs);

/** Resolves with the ports, by name, once every socket of the configuration listens. */
function listening(control: Readable): Promise<EdgePorts> {
  const ports: Record<string, number> = {};
  return new Promise((resolve) => {
    createInterface({ input: control }).on('line', (line) => {
      const { event, socket, port } = JSON.parse(line) as { event: string; socket: string; port: number };
      if (event === 'listen') ports[socket] = port;
      const { front, tls, platform } = ports;
      if (front !== undefined && tls !== undefined && platform !== undefined) resolve({ front, tls, platform });
    });
  });
}

/** A line of the runtime: JSON when a Worker has written it, text when it is the runtime's own. */
function readLogLine(line: string): EdgeLogLine & { readonly isWorkers: boolean } {
  try {
    const { level, message } = JSON.parse(line) as { level?: unknown; message?: unknown };
    if (typeof message === 'string') {
      return { level: level === 'error' ? 'error' : level === 'warn' ? 'warn' : 'info', message, isWorkers: true };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { level: 'error', message: line, isWorkers: false };
}

/**
 * @returns the path of the binary in the optional package for this platform
 * @throws NoWorkerd that says what follows from it
 */
export function workerdBinary(platform: string = process.platform, arch: string = process.arch): string {
  const names: Readonly<Record<string, string>> = {
    'darwin-arm64': 'workerd-darwin-arm64',
    'darwin-x64': 'workerd-darwin-64',
    'linux-arm64': 'workerd-linux-arm64',
    'linux-x64': 'workerd-linux-64',
    'win32-x64': 'workerd-windows-64',
  };
  const name = `@cloudflare/${names[`${platform}-${arch}`] ?? `workerd-${platform}-${arch}`}`;
  const require = createRequire(import.meta.url);
  try {
    // Resolved from `workerd`: the binary's package is its dependency, not ours.
    const folder = path.dirname(createRequire(require.resolve('workerd')).resolve(`${name}/package.json`));
    return path.join(folder, 'bin', platform === 'win32' ? 'workerd.exe' : 'workerd');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new NoWorkerd(`There is no workerd for ${platform}-${arch} (npm package ${name}).`, { cause: error });
  }
}
