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

await rm(dist, { recursive: true, force: true });
await mkdir(path.join(dist, 'types'), { recursive: true });

/** @type {import('esbuild').BuildOptions} */
const options = { absWorkingDir: folder, bundle: true, platform: 'node', target: 'node20', format: 'cjs' };
await build({ ...options, entryPoints: ['index.ts'], outfile: 'dist/index.cjs' });
await build({ ...options, entryPoints: ['cli.ts'], outfile: 'dist/cli.cjs', banner: { js: '#!/usr/bin/env node' } });
await writeFile(path.join(dist, 'index.mjs'), "export * from './index.cjs';\n");

const compiler = spawnSync(
  process.execPath,
  [
    path.join(path.dirname(require.resolve('typescript/package.json')), 'bin/tsc'),
    '--ignoreConfig',
    ...['index.ts', '--declaration', '--emitDeclarationOnly', '--rootDir', '..', '--outDir', 'dist/types'],
    ...['--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler', '--types', 'node'],
    ...['--strict', '--exactOptionalPropertyTypes', '--allowImportingTsExtensions', '--skipLibCheck'],
  ],
  { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] },
);
if (compiler.status !== 0) throw new Error(`The types cannot be written: the compiler ended with ${compiler.status}.`);
// The same types serve import and require.
await writeFile(path.join(dist, 'types/package.json'), '{ "type": "commonjs" }\n');

// What is compiled into the program asks for its licence to go with it. Its exports have no manifest to be found by.
const library = path.resolve(path.dirname(require.resolve('re2js')), '..');
const { version, license } = JSON.parse(await readFile(path.join(library, 'package.json'), 'utf8'));
const text = await readFile(path.join(library, 'LICENSE'), 'utf8');
await writeFile(path.join(dist, 'licences.txt'), `re2js ${version} (${license})\n\n${text}`);
