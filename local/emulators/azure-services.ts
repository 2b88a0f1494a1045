// Starts and stops a cell's Cosmos DB and Service Bus emulators, which share one child process.
import { type ChildProcess, spawn } from 'node:child_process';
import { endChild, killChild } from '../../hosts/processes/end-child.ts';
import { dieWithParent, OWN_GROUP } from '../../hosts/processes/reaper.ts';
import { sourceFile } from '../source-file.ts';
import type { AzureServicesArguments, AzureServicesReady } from './azure-services-process.ts';

const STOP_TIMEOUT_MS = 3000;

/** As for the functions' processes: after a load of 40,000 events it is a quarter of the process's memory. */
const SMALL_YOUNG_SPACE = ['--max-semi-space-size=4'];

export interface AzureServicesOptions extends AzureServicesArguments {
  /** Called when the process ends without having been stopped. */
  readonly onUnexpectedExit?: (reason: string) => void;
}

export class AzureServices {
  readonly #options: AzureServicesOptions;
  #child: ChildProcess | undefined;
  #stopping = false;

  constructor(options: AzureServicesOptions) {
    this.#options = options;
  }

  /** Resolves with the connection strings of the requested services. Rejects with what the process wrote before it ended. */
  async start(): Promise<AzureServicesReady> {
    const { onUnexpectedExit, ...rest } = this.#options;
    const program = [
      ...SMALL_YOUNG_SPACE,
      sourceFile('build/run.mjs'),
      'local/emulators/azure-services-process.ts',
      JSON.stringify(rest),
    ];
    const child = spawn(process.execPath, program, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], ...OWN_GROUP });
    this.#child = child;
    dieWithParent(child);
    let output = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      output = `${output}${chunk.toString('utf8')}`.slice(-2000);
    });
    const reason = () => output.trim() || `exit status ${child.exitCode ?? child.signalCode}`;
    const ready = await new Promise<AzureServicesReady>((resolve, reject) => {
      child.once('message', (message) => resolve(message as AzureServicesReady));
      child.once('error', reject);
      child.once('close', () => reject(new Error(`The Azure emulators did not start: ${reason()}`)));
    });
    child.once('close', () => {
      if (!this.#stopping) onUnexpectedExit?.(reason());
    });
    return ready;
  }

  /** Ends the process, keeping its data if it has a folder for them. Repeating it is harmless. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await endChild(this.#child, (child) => child.send({ kind: 'stop' }, () => undefined), STOP_TIMEOUT_MS);
  }

  /** Kills the process by SIGKILL, like a crash: unwritten data is lost. */
  async kill(): Promise<void> {
    this.#stopping = true;
    await killChild(this.#child);
  }
}
