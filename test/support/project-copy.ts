// A copy of the project in a temporary folder, to change it in ways that a checkout does not survive.
import { type SpawnOptions, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../../build/bundles.mjs';

/** What a copy does without: what is installed, built, or kept by running stacks, and what only looks like sources. */
const LEFT_OUT = new Set(['node_modules', 'dist', '.git', '.polycell', 'coverage']);

export interface Ended {
  readonly code: number | null;
  /** Standard output and error, as they came. */
  readonly text: string;
}

export interface ProjectCopy {
  readonly folder: string;
  /** Runs a program of Node.js in the copy to its end. */
  node(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Ended>;
  remove(): void;
}

/** Copies the project; packages stay where they are. */
export function projectCopy(): ProjectCopy {
  const folder = mkdtempSync(path.join(tmpdir(), 'polycell-copy-'));
  for (const name of readdirSync(root))
    if (!LEFT_OUT.has(name)) cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  return {
    folder,
    node: (args, environment = {}) =>
      ended(process.execPath, args, { cwd: folder, env: { ...cleanEnvironment(), ...environment } }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The environment without what Jest and a developer's shell would change of a run. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const { JEST_WORKER_ID: _worker, NODE_ENV: _mode, POLYCELL_APPLICATION: _application, ...rest } = process.env;
  return rest;
}

const ended = (program: string, args: readonly string[], options: SpawnOptions): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, text: Buffer.concat(chunks).toString() }));
  });
