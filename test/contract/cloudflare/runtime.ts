// The Workers runtime with the adapters in it, and calls to them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { Miniflare } from 'miniflare';
import { type ErrorCode, PortError } from '../../../core/ports/errors.ts';
import type { Call } from './calls.ts';

const COMPATIBILITY_DATE = '2026-04-01';

export class WorkersRuntime {
  #runtime: Miniflare | undefined;
  #folder = '';
  #script = '';

  async start(): Promise<void> {
    const { outputFiles } = await build({
      entryPoints: [path.join(__dirname, 'worker.ts')],
      bundle: true,
      write: false,
      format: 'esm',
      target: 'es2022',
      external: ['cloudflare:workers'],
    });
    this.#script = outputFiles[0]?.text ?? '';
    this.#folder = await mkdtemp(path.join(tmpdir(), 'polycell-workers-'));
    this.#runtime = new Miniflare(this.#options());
    await this.#runtime.ready;
  }

  /** Ends the process and starts another one with what was stored. */
  async restart(): Promise<void> {
    await this.#runtime?.dispose();
    this.#runtime = new Miniflare(this.#options());
    await this.#runtime.ready;
  }

  async stop(): Promise<void> {
    await this.#runtime?.dispose();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** What the method returns; rejects with the port error that it rejects with. */
  async call<T>(call: Call): Promise<T> {
    const response = await this.#runtime?.dispatchFetch('http://worker/', {
      method: 'POST',
      body: JSON.stringify(call),
    });
    const text = (await response?.text()) ?? '';
    if (response?.status !== 200) throw new Error(`The Worker failed: ${text}`);
    const result = JSON.parse(text) as { value?: T; error?: { code: string; message: string } };
    if (result.error !== undefined) throw new PortError(result.error.code as ErrorCode, result.error.message);
    return result.value as T;
  }

  #options(): ConstructorParameters<typeof Miniflare>[0] {
    return {
      modules: true,
      script: this.#script,
      compatibilityDate: COMPATIBILITY_DATE,
      durableObjects: {
        DIRECTORY: { className: 'DirectoryObject', useSQLite: true },
        STORAGE: { className: 'StorageObject', useSQLite: true },
      },
      durableObjectsPersist: path.join(this.#folder, 'objects'),
      kvNamespaces: ['CACHE', 'ROUTES'],
    };
  }
}
