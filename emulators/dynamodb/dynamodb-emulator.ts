// Starts and stops dynoxide, a DynamoDB server in one native binary, as a child process.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { endChild, killChild } from '../../hosts/processes/end-child.ts';
import { freePort } from '../../hosts/processes/free-port.ts';
import { dieWithParent, OWN_GROUP } from '../../hosts/processes/reaper.ts';
import { scratchFolder } from '../../hosts/processes/scratch-folder.ts';

/** Finds a server that hangs; one that only starts slowly, on a busy machine, is waited for. */
const START_TIMEOUT_MS = 60_000;
const ATTEMPTS = 5;

const STOP_TIMEOUT_MS = 2_000;

export interface DynamoDbEmulatorOptions {
  /** File that keeps the tables and streams over restarts; in memory unless given. Its folder must exist. */
  dbPath?: string;
  /** Port on 127.0.0.1; a free one unless given. */
  port?: number;
  /** Called when the server ends without having been stopped. */
  onUnexpectedExit?: (reason: string) => void;
  /** Path of the binary, in place of the installed package's. */
  binary?: string;
}

/** One server on 127.0.0.1. It accepts any credentials and any region. */
export class DynamoDbEmulator {
  #options: DynamoDbEmulatorOptions;
  #child: ChildProcess | undefined;
  #port = 0;
  #stopping = false;

  constructor(options: DynamoDbEmulatorOptions = {}) {
    this.#options = options;
  }

  /** Only after `start`. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Resolves when the server answers.
   * @throws NoDynoxide when this platform has no binary; Error when a given port is taken, or the server does not come up
   */
  async start(): Promise<void> {
    const binary = this.#options.binary ?? dynoxideBinary();
    for (let attempt = 1; ; attempt++) {
      const port = this.#options.port ?? (await freePort());
      const failure = await this.#tryStart(binary, port);
      if (failure === undefined) return;
      // Between asking for a free port and using it another program may have taken it.
      const taken = /in use|EADDRINUSE/i.test(failure);
      if (taken && this.#options.port !== undefined) throw new Error(`The DynamoDB emulator's port ${port} is in use.`);
      if (!taken || attempt === ATTEMPTS) throw new Error(`The DynamoDB emulator did not start: ${failure}`);
    }
  }

  /** Ends the server. Repeating it is harmless. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await endChild(this.#child, (child) => child.kill('SIGTERM'), STOP_TIMEOUT_MS);
  }

  /** Ends the server by SIGKILL, as its loss would. */
  async kill(): Promise<void> {
    this.#stopping = true;
    await killChild(this.#child);
  }

  /**
   * dynoxide looks through all of a stream's records for every write and every read of the stream, so both get slower with
   * each record. A file that begins as template.sqlite has an index for that; dynoxide's own memory cannot have one.
   * @returns why it did not start, or undefined if it did
   */
  async #tryStart(binary: string, port: number): Promise<string | undefined> {
    const { dbPath } = this.#options;
    if (dbPath !== undefined) {
      await createFromTemplate(dbPath);
      return this.#trySpawn(binary, port, dbPath);
    }
    const folder = await mkdtemp(path.join(await scratchFolder(), 'polycell-dynamodb-'));
    const discard = (): Promise<void> => rm(folder, { recursive: true, force: true });
    try {
      const scratch = path.join(folder, 'dynamodb.sqlite');
      await createFromTemplate(scratch);
      const failure = await this.#trySpawn(binary, port, scratch);
      // The server holds the file open, so it can be removed already: however the server ends, nothing stays behind.
      if (failure !== undefined || process.platform !== 'win32') await discard();
      else this.#child?.once('close', () => discard().catch(() => undefined));
      return failure;
    } catch (error) {
      await discard();
      throw error;
    }
  }

  async #trySpawn(binary: string, port: number, dbPath: string): Promise<string | undefined> {
    const flags = ['serve', '--host', '127.0.0.1', '--port', String(port), '--db-path', dbPath];
    const child = spawn(binary, flags, {
      ...OWN_GROUP,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {},
    });
    dieWithParent(child);
    this.#child = child;
    let output = '';
    let ended: string | undefined;
    const keep = (chunk: Buffer): void => {
      output = `${output}${chunk.toString('utf8')}`.slice(-2_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => {
      ended ??= error.message;
    });
    child.once('close', (code, signal) => {
      ended ??= `${signal === null ? `exit status ${code}` : `signal ${signal}`}${output === '' ? '' : `: ${output.trim()}`}`;
    });
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (ended === undefined && Date.now() < deadline) {
      // Its own process must be the one that listens: another server on this port would answer as well.
      if (output.includes(`listening on http://127.0.0.1:${port}`) && (await answers(port))) {
        this.#port = port;
        child.once('close', () => {
          if (!this.#stopping) this.#options.onUnexpectedExit?.(ended ?? 'unknown');
        });
        return undefined;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    child.kill('SIGKILL');
    return ended ?? `no answer within ${START_TIMEOUT_MS / 1000} seconds`;
  }
}

/** Makes the file a copy of the template, unless there is one already. */
async function createFromTemplate(dbPath: string): Promise<void> {
  try {
    await copyFile(fileURLToPath(new URL('./template.sqlite', import.meta.url)), dbPath, constants.COPYFILE_EXCL);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    await (await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(1_000) })).arrayBuffer();
    return true;
  } catch {
    // Refused or too slow: both mean not yet, and the caller's own deadline bounds the waiting.
    return false;
  }
}

/** There is no dynoxide for this machine; the stack can do without AWS cells. */
export class NoDynoxide extends Error {
  override readonly name = 'NoDynoxide';
}

/**
 * @returns the path of the binary in the optional package for this platform
 * @throws NoDynoxide that says what to do instead
 */
export function dynoxideBinary(platform: string = process.platform, arch: string = process.arch): string {
  const name = `@dynoxide/${platform}-${arch}`;
  const require = createRequire(import.meta.url);
  try {
    const folder = path.dirname(require.resolve(`${name}/package.json`));
    return path.join(folder, platform === 'win32' ? 'dynoxide.exe' : 'dynoxide');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new NoDynoxide(
      `There is no DynamoDB emulator for ${platform}-${arch} (npm package ${name}): ` +
        'start DynamoDB Local or another DynamoDB server and set DYNAMODB_ENDPOINT to its URL.',
      { cause: error },
    );
  }
}
