// What `cold-start` compares: our bundles as they are deployed, the same entries as esbuild makes them by default, and floors.
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, build } from 'esbuild';
import { beginningOf, buildBundles, bundles, deployableOptions, outfileOf, root } from '../../build/bundles.mjs';
import type { Cloud } from '../kit/benchmark.ts';

export interface Candidate {
  readonly cloud: Cloud;
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
export const LEANEST: Readonly<Record<Cloud, string>> = {
  aws: 'leanest SDK bundle (one PutItem)',
  azure: 'leanest SDK bundle (one create)',
};
const FOLDER = 'dist/bench/cold-start';

/** Builds what is stale or the benchmark's own. */
export async function makeCandidates(): Promise<readonly Candidate[]> {
  await buildBundles();
  await mkdir(path.join(root, FOLDER), { recursive: true });
  return [...(await candidatesOf('aws')), ...(await candidatesOf('azure'))];
}

async function candidatesOf(cloud: Cloud): Promise<readonly Candidate[]> {
  const floor = (name: string, entry: string) =>
    made(
      { cloud, of: 'floor', name },
      deployableOptions({
        name: `bench/cold-start/${path.basename(entry, '.ts')}`,
        entry: `bench/cold-start/${entry}`,
        platform: cloud,
        external: [...EXTERNAL],
      }),
    );
  const floors = [await floor(LEANEST[cloud], cloud === 'aws' ? 'lean.ts' : 'lean-azure.ts')];
  if (cloud === 'aws') floors.unshift(await floor('empty handler', 'empty.ts'));
  const ours: Candidate[] = [];
  for (const role of ['http', 'relay', 'worker'] as const) {
    const bundle = bundleOf(cloud, role);
    const deployed = await measured({ cloud, of: role, name: DEPLOYED }, path.join(root, outfileOf(bundle)));
    ours.push(
      deployed,
      { ...deployed, name: 'as deployed + V8 code cache', cache: path.join(root, FOLDER, `${cloud}-${role}.cache`) },
      await made({ cloud, of: role, name: 'esbuild’s defaults, CommonJS' }, defaults(bundle, 'cjs')),
    );
    // The worker of Azure Functions hands its own module to `require` alone.
    if (cloud === 'aws')
      ours.push(await made({ cloud, of: role, name: 'esbuild’s defaults, ES module' }, defaults(bundle, 'esm')));
  }
  return [...floors, ...ours];
}

type Bundle = (typeof bundles)[number];

/** What is loaded for a function: on Azure all of its app. */
export function bundleOf(cloud: Cloud, of: string): Bundle {
  const name = cloud === 'azure' ? 'azure/app' : `${cloud}/${of}`;
  const bundle = bundles.find((each) => each.name === name);
  if (bundle === undefined) throw new Error(`There is no bundle ${name}.`);
  return bundle;
}

/** The Functions host's worker has this module, and no package. */
const EXTERNAL = ['@azure/functions-core'];

/** What a guide's one-liner does: `esbuild --bundle --minify --platform=node`. An ES module needs `require` for the SDK's sake. */
const defaults = (bundle: Bundle, format: 'cjs' | 'esm'): BuildOptions => ({
  ...beginningOf(bundle),
  absWorkingDir: root,
  outfile: `${FOLDER}/${bundle.name.replace('/', '-')}-default.${format === 'cjs' ? 'cjs' : 'mjs'}`,
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20',
  format,
  external: EXTERNAL,
  logLevel: 'silent',
  ...(format === 'esm' && {
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  }),
});

type Naming = Pick<Candidate, 'cloud' | 'of' | 'name'>;

async function made(naming: Naming, options: BuildOptions): Promise<Candidate> {
  await build(options);
  return measured(naming, path.join(root, options.outfile ?? ''));
}

async function measured(naming: Naming, file: string): Promise<Candidate> {
  const bytes = await readFile(file);
  return { ...naming, file, rawKiB: bytes.length / 1024, gzipKiB: gzipSync(bytes, { level: 9 }).length / 1024 };
}
