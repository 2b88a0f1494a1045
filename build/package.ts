// `npm run package`: the artifacts of a release in dist/packages, the same bytes for the same sources and lock file.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buildBundles, bundles, outfileOf, root } from './bundles.mjs';
import { type LockedPackage, sbom } from './package/sbom.ts';
import { tar } from './package/tar.ts';
import { zip } from './package/zip.ts';

/** An artifact: the bundles in it, and how its bytes are made of files below dist. */
interface Recipe {
  readonly bundles: readonly string[];
  make(read: (file: string) => Promise<Uint8Array>): Promise<Uint8Array>;
}

/** What makes a folder an app of the Functions host. */
const AZURE_APP = ['host.json', 'package.json', 'index.cjs'] as const;

const lambda = (name: string): Recipe => ({
  bundles: [`aws/${name}`],
  make: async (read) => zip({ 'index.cjs': await read(`aws/${name}/index.cjs`) }),
});

/** What containers/Dockerfile puts on its base: the root file system's own part of the image. */
const container = (cloud: string): Recipe => ({
  bundles: [`containers/${cloud}`],
  make: async (read) =>
    tar({
      'app/index.cjs': await read(`containers/${cloud}/index.cjs`),
      'app/LICENSE': await readFile(path.join(root, 'LICENSE')),
    }),
});

/** File → what it is made of. */
const RECIPES: Readonly<Record<string, Recipe>> = {
  'aws-http.zip': lambda('http'),
  'aws-relay.zip': lambda('relay'),
  'aws-worker.zip': lambda('worker'),
  'azure.zip': {
    bundles: ['azure/app'],
    make: async (read) => {
      const files = await Promise.all(AZURE_APP.map(async (name) => [name, await read(`azure/app/${name}`)] as const));
      return zip(Object.fromEntries(files));
    },
  },
  'container-aws.tar': container('aws'),
  'container-azure.tar': container('azure'),
  'edge.mjs': { bundles: ['edge/http'], make: (read) => read('edge/http/index.mjs') },
};

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >;
}

/** The files that a bundle has something of. */
async function inputsOf(name: string): Promise<readonly string[]> {
  const bundle = bundles.find((each) => each.name === name);
  if (bundle === undefined) throw new Error(`There is no bundle ${name}.`);
  const outfile = outfileOf(bundle);
  const { outputs } = JSON.parse(await readFile(path.join(root, `${outfile}.meta.json`), 'utf8')) as Metafile;
  return Object.entries(outputs[outfile]?.inputs ?? {}).flatMap(([file, { bytesInOutput }]) =>
    bytesInOutput > 0 ? [file] : [],
  );
}

async function readJson<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(path.join(root, file), 'utf8')) as T;
}

/** Builds what is stale and writes all artifacts into an empty folder; returns the digests by file. */
export async function makePackages(folder: string): Promise<Readonly<Record<string, string>>> {
  await buildBundles();
  const read = (file: string) => readFile(path.join(root, 'dist', file));
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const digests: Record<string, string> = {};
  const put = async (name: string, data: Uint8Array): Promise<void> => {
    digests[name] = sha256(data);
    await writeFile(path.join(folder, name), data);
  };
  for (const [name, { make }] of Object.entries(RECIPES)) await put(name, await make(read));
  const artifacts = await Promise.all(
    Object.entries(RECIPES).map(async ([name, recipe]) => ({
      name,
      sha256: digests[name] ?? '',
      inputs: (await Promise.all(recipe.bundles.map(inputsOf))).flat(),
    })),
  );
  const { version } = await readJson<{ version: string }>('package.json');
  const { packages } = await readJson<{ packages: Record<string, LockedPackage> }>('package-lock.json');
  await put('sbom.cdx.json', Buffer.from(`${JSON.stringify(sbom({ version, artifacts }, packages), null, 1)}\n`));
  const sums = Object.entries(digests).map(([name, digest]) => `${digest}  ${name}\n`);
  await writeFile(path.join(folder, 'SHA256SUMS'), sums.sort().join(''));
  return digests;
}

/** Writes the artifacts to dist/packages, or to the folder behind `--out`. */
export async function main(args: readonly string[]): Promise<number> {
  const given = args.includes('--out') ? args[args.indexOf('--out') + 1] : undefined;
  if (args.length > 0 && (given === undefined || args.length > 2)) {
    process.stderr.write('Usage: npm run package -- [--out FOLDER]\n');
    return 2;
  }
  const digests = await makePackages(given === undefined ? path.join(root, 'dist/packages') : path.resolve(given));
  for (const [name, digest] of Object.entries(digests)) process.stdout.write(`${digest}  ${name}\n`);
  return 0;
}
