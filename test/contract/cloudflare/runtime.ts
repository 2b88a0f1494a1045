// The Workers runtime with the adapters in it, and calls to them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { type ErrorCode, PortError } from '../../../core/ports/errors.ts';
import { EdgeHost } from '../../../hosts/edge/edge-host.ts';
import type { EdgeFaults } from '../../../hosts/edge/faults.ts';
import type { Call } from './calls.ts';

export class WorkersRuntime {
  #folder = '';
  #host: EdgeHost | undefined;

  async start(): Promise<void> {
    this.#folder = await mkdtemp(path.join(tmpdir(), 'polycell-workers-'));
    await build({
      entryPoints: [path.join(__dirname, 'worker.ts')],
      outfile: this.#bundle,
      bundle: true,
      format: 'esm',
      target: 'es2022',
      external: ['cloudflare:workers'],
    });
    await this.#startHost();
  }

  /** Ends the process and starts another one with what was stored. */
  async restart(): Promise<void> {
    await this.#host?.stop();
    await this.#startHost();
  }

  async stop(): Promise<void> {
    await this.#host?.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Breaks what is named, for every client, and restores the rest. */
  async setFaults(faults: EdgeFaults): Promise<void> {
    await this.#host?.setFaults(faults);
  }

  /** What the method returns; rejects with the port error that it rejects with. */
  async call<T>(call: Call): Promise<T> {
    const response = await fetch(this.#host?.url ?? '', {
      method: 'POST',
      body: JSON.stringify(call),
      // The runtime ends idle connections after seconds, perhaps in the moment in which one would be used again.
      headers: { connection: 'close' },
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`The Worker failed: ${text}`);
    const result = JSON.parse(text) as { value?: T; error?: { code: string; message: string } };
    if (result.error !== undefined) throw new PortError(result.error.code as ErrorCode, result.error.message);
    return result.value as T;
  }

  get #bundle(): string {
    return path.join(this.#folder, 'worker.mjs');
  }

  async #startHost(): Promise<void> {
    this.#host = new EdgeHost({
      bundle: this.#bundle,
      objects: { DIRECTORY: 'DirectoryObject', STORAGE: 'StorageObject' },
      dataDir: path.join(this.#folder, 'data'),
    });
    await this.#host.start();
  }
}
