// `npm run build`: the package's files in dist/, with nothing to be installed beside them. `npm pack` runs it first.
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(folder, 'dist');
const require = createRequire(import.meta.url);
/** What is compiled into the program; each asks for its licence to go with it. */
const BUNDLED = [
  { manifest: require.resolve('sax/package.json'), licence: 'LICENSE.md' },
  { manifest: require.resolve('ws/package.json'), licence: 'LICENSE' },
];

await rm(dist, { recursive: true, force: true });
await mkdir(path.join(dist, 'types'), { recursive: true });

/** @type {import('esbuild').BuildOptions} */
const options = { absWorkingDir: folder, bundle: true, platform: 'node', target: 'node20', format: 'cjs' };
// ws looks for two faster helpers, and does without them.
const external = ['bufferutil', 'utf-8-validate'];
await build({ ...options, external, entryPoints: ['index.ts'], outfile: 'dist/index.cjs' });
await build({
  ...options,
  external,
  entryPoints: ['cli.ts'],
  outfile: 'dist/cli.cjs',
  banner: { js: '#!/usr/bin/env node' },
});
await writeFile(path.join(dist, 'index.mjs'), "export * from './index.cjs';\n");

const compiler = spawnSync(
  process.execPath,
  [
    path.join(path.dirname(require.resolve('typescript/package.json')), 'bin/tsc'),
    '--ignoreConfig',
    ...['index.ts', '--declaration', '--emitDeclarationOnly', '--rootDir', '..', '--outDir', 'dist/types'],
    ...['--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler', '--types', 'node'],
    ...[
      '--strict',
      '--exactOptionalPropertyTypes',
      '--allowImportingTsExtensions',
      '--esModuleInterop',
      '--skipLibCheck',
    ],
  ],
  { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] },
);
if (compiler.status !== 0) throw new Error(`The types cannot be written: the compiler ended with ${compiler.status}.`);
// The same types serve import and require.
await writeFile(path.join(dist, 'types/package.json'), '{ "type": "commonjs" }\n');

const licences = await Promise.all(
  BUNDLED.map(async ({ manifest, licence }) => {
    const { name, version, license } = JSON.parse(await readFile(manifest, 'utf8'));
    const text = await readFile(path.join(path.dirname(manifest), licence), 'utf8');
    return `${name} ${version} (${license})\n\n${text}`;
  }),
);
await writeFile(path.join(dist, 'licences.txt'), licences.join('\n----------------------------------------\n\n'));
