// What `cold-start` compares: our bundles as they are deployed, the same entries as esbuild makes them by default, and two floors.
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, build } from 'esbuild';
import { type Bundle, buildBundles, deployableOptions, root } from '../../build/bundles.mjs';

export interface Candidate {
  /** The function whose event it is given. */
  readonly of: 'http' | 'relay' | 'worker' | 'floor';
  readonly name: string;
  readonly file: string;
  /** Loaded with V8's code cache in this file. */
  readonly cache?: string;
  readonly rawKiB: number;
  readonly gzipKiB: number;
}

export const DEPLOYED = 'as deployed';
export const LEANEST = 'leanest SDK bundle (one PutItem)';
const FOLDER = 'dist/bench/cold-start';

/** Builds what is stale or the benchmark's own. */
export async function makeCandidates(): Promise<readonly Candidate[]> {
  await buildBundles();
  await mkdir(path.join(root, FOLDER), { recursive: true });
  const bundle = (name: string, entry: string): Bundle => ({
    name: `bench/cold-start/${name}`,
    entry,
    platform: 'aws',
  });
  const lean = await made('floor', LEANEST, deployableOptions(bundle('lean', 'bench/cold-start/lean.ts')));
  const empty = await made('floor', 'empty handler', deployableOptions(bundle('empty', 'bench/cold-start/empty.ts')));
  const ours: Candidate[] = [];
  for (const of of ['http', 'relay', 'worker'] as const) {
    const entry = `functions-aws/${of}.ts`;
    const deployed = await measured(of, DEPLOYED, path.join(root, `dist/aws/${of}/index.cjs`));
    ours.push(
      deployed,
      { ...deployed, name: 'as deployed + V8 code cache', cache: path.join(root, FOLDER, `${of}.cache`) },
      await made(of, 'esbuild’s defaults, CommonJS', defaults(of, entry, 'cjs')),
      await made(of, 'esbuild’s defaults, ES module', defaults(of, entry, 'esm')),
    );
  }
  return [empty, lean, ...ours];
}

/** What a guide's one-liner does: `esbuild --bundle --minify --platform=node`. An ES module needs `require` for the SDK's sake. */
const defaults = (of: string, entry: string, format: 'cjs' | 'esm'): BuildOptions => ({
  absWorkingDir: root,
  entryPoints: [entry],
  outfile: `${FOLDER}/${of}-default.${format === 'cjs' ? 'cjs' : 'mjs'}`,
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20',
  format,
  logLevel: 'silent',
  ...(format === 'esm' && {
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  }),
});

async function made(of: Candidate['of'], name: string, options: BuildOptions): Promise<Candidate> {
  await build(options);
  return measured(of, name, path.join(root, options.outfile ?? ''));
}

async function measured(of: Candidate['of'], name: string, file: string): Promise<Candidate> {
  const bytes = await readFile(file);
  return { of, name, file, rawKiB: bytes.length / 1024, gzipKiB: gzipSync(bytes, { level: 9 }).length / 1024 };
}
