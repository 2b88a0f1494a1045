// Runs the generator while `npm start` watches: it stays parsed, and a process that has Node.js started waits for its next run.
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { BuildContext, BuildFailure } from 'esbuild';
import { applicationFile, derivedFolder, OWN_APPLICATION, put, recordedInputs, root, toolOptions } from './bundles.mjs';

/** A generator that has not ended by then hangs, in milliseconds. */
const TIMEOUT_MS = 60_000;

/** Bytes of its output that are kept: it says a few lines. */
const OUTPUT_BYTES = 1_000_000;

const ENTRY = 'build/generate.ts';

/** Beside the program that `npm run generate` runs: this one has no source map, which would be half of what loading it takes. */
const PROGRAM = toolOptions(ENTRY).outfile.replace(/\.mjs$/, '-watched.mjs');

/** What came of a run. */
export interface Generated {
  /** The files that differ now, from the project's root. */
  readonly wrote: readonly string[];
  readonly error: string | undefined;
}

export class Generator {
  #context: Promise<BuildContext> | undefined;
  /** What it was made of last. */
  #inputs: ReadonlySet<string> | undefined;
  /** Waits for its one run. */
  #next: ChildProcess | undefined;

  /** Whether one of the files, from the project's root, is part of it. */
  async hasInput(files: readonly string[]): Promise<boolean> {
    if (this.#inputs === undefined) {
      const recorded = await recordedInputs(toolOptions(ENTRY).outfile);
      if (recorded === undefined) return true;
      this.#inputs = new Set(Object.keys(recorded));
    }
    const inputs = this.#inputs;
    return files.some((file) => inputs.has(file));
  }

  /** Compiles it. @returns what is wrong with it, or undefined: it can be run */
  async link(): Promise<string | undefined> {
    const options = { ...toolOptions(ENTRY), sourcemap: false, metafile: true, write: false } as const;
    this.#context ??= import('esbuild').then(({ context }) => context(options));
    const result = await (await this.#context).rebuild().catch((error: BuildFailure) => error);
    if (result instanceof Error) return result.message;
    this.#inputs = new Set(Object.keys(result.metafile?.inputs ?? {}));
    await put(path.join(root, PROGRAM), result.outputFiles?.[0]?.contents ?? '');
    return undefined;
  }

  /** Runs what was compiled last. */
  run(): Promise<Generated> {
    return this.#execute(path.join(root, PROGRAM));
  }

  /** Starts a process for the next run. */
  prepare(): void {
    if (this.#next?.connected === true) return;
    this.#next = fork(path.join(root, 'build/run-later.mjs'), [], {
      cwd: root,
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    // One that could not be started, or has ended, is seen by its next run.
    this.#next.on('error', () => undefined);
  }

  /** Lets go of what it holds. */
  async stop(): Promise<void> {
    this.#next?.kill('SIGKILL');
    this.#next = undefined;
    await (await this.#context?.catch(() => undefined))?.dispose();
    this.#context = undefined;
  }

  /** In a process of its own: a module that has been loaded stays as it was. */
  #execute(file: string): Promise<Generated> {
    this.prepare();
    const child = this.#next as ChildProcess;
    this.#next = undefined;
    const args = applicationFile === OWN_APPLICATION ? [] : ['--out', derivedFolder];
    return new Promise((resolve) => {
      const texts = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const)
        child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
          texts[name] = (texts[name] + chunk).slice(0, OUTPUT_BYTES);
        });
      let failure = '';
      const timer = setTimeout(() => {
        failure = `The generator did not end within ${TIMEOUT_MS / 1000} s.`;
        child.kill('SIGKILL');
      }, TIMEOUT_MS);
      const ended = (code: number | null): void => {
        clearTimeout(timer);
        const wrote = /^Wrote (.+)\.$/m.exec(texts.stdout)?.[1]?.split(', ') ?? [];
        const reason = reasonOf(texts.stderr.trim()) || `The generator ended with ${code ?? 'a signal'}.`;
        resolve({ wrote, error: code === 0 ? undefined : failure || reason });
      };
      child.once('close', ended);
      child.send({ file, args }, (error) => {
        if (error !== null) child.kill('SIGKILL');
      });
    });
  }
}

/** Of a stack trace the line that says what is wrong; one that announces a list, as esbuild's does, with the list's first entry. */
function reasonOf(complaints: string): string {
  const lines = complaints.split('\n');
  const at = lines.findIndex((line) => /\w*Error:/.test(line));
  if (at === -1) return complaints;
  const [line = '', first = ''] = lines.slice(at);
  return line.endsWith(':') ? `${line} ${first.trim()}` : line;
}
