// Starts and stops the SNS and SQS emulator (fauxqs) in a child process, and keeps its messages over a clean restart.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endChild, killChild } from '../../hosts/processes/end-child.ts';
import { dieWithParent, OWN_GROUP } from '../../hosts/processes/reaper.ts';

const STOP_TIMEOUT_MS = 3_000;

export interface SnsSqsEmulatorOptions {
  /** Folder in which `stop` leaves the messages and `start` finds them; in memory only unless given. */
  dataDir?: string;
  /** Port on 127.0.0.1; a free one unless given. */
  port?: number;
  /** Region of clients that name none; `eu-central-1` unless given. */
  region?: string;
  /** Called when the server ends without having been stopped. */
  onUnexpectedExit?: (reason: string) => void;
}

type Message = { kind: 'ready'; port: number; cleanStart: boolean } | { kind: 'failed'; reason: string };

/** One server for both services on 127.0.0.1. It accepts any credentials; the account is 000000000000. */
export class SnsSqsEmulator {
  #options: SnsSqsEmulatorOptions;
  #child: ChildProcess | undefined;
  #port = 0;
  #stopping = false;
  #cleanStart = true;

  constructor(options: SnsSqsEmulatorOptions = {}) {
    this.#options = options;
  }

  /** Only after `start`; the same for SNS and SQS. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }
  /** False when the run before ended without `stop`: messages since its start are lost and must be published again. */
  get cleanStart(): boolean {
    return this.#cleanStart;
  }

  /**
   * Resolves when the server answers and kept messages are back.
   * @throws Error naming the port if it is taken, or with what the server wrote before it ended
   */
  async start(): Promise<void> {
    const { dataDir, port = 0, region = 'eu-central-1' } = this.#options;
    const argument = JSON.stringify({ port, region, ...(dataDir === undefined ? {} : { dataDir }) });
    const child = spawn(process.execPath, [fileURLToPath(new URL('./server.mjs', import.meta.url)), argument], {
      ...OWN_GROUP,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    dieWithParent(child);
    let output = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      output = `${output}${chunk.toString('utf8')}`.slice(-2_000);
    });
    const reason = (): string => output.trim() || `exit status ${child.exitCode ?? child.signalCode}`;
    const message = await new Promise<Message>((resolve) => {
      child.once('message', (value) => resolve(value as Message));
      child.once('error', (error) => resolve({ kind: 'failed', reason: error.message }));
      child.once('close', () => resolve({ kind: 'failed', reason: reason() }));
    });
    if (message.kind === 'failed') {
      if (message.reason.includes('EADDRINUSE')) throw new Error(`The SNS and SQS emulator's port ${port} is in use.`);
      throw new Error(`The SNS and SQS emulator did not start: ${message.reason}`);
    }
    this.#port = message.port;
    this.#cleanStart = message.cleanStart;
    child.once('close', () => {
      if (!this.#stopping) this.#options.onUnexpectedExit?.(reason());
    });
  }

  /** Ends the server, keeping its messages if it has a folder for them. Repeating it is harmless. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await endChild(this.#child, (child) => child.send({ kind: 'stop' }, () => undefined), STOP_TIMEOUT_MS);
  }

  /** Ends the server by SIGKILL, as its loss would: what it has not written is lost. */
  async kill(): Promise<void> {
    this.#stopping = true;
    await killChild(this.#child);
  }
}
