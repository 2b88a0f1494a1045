// Every file esbuild makes for this project: which ones there are, and how a stale one is recognised.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { leanAzure } from './lean-azure.mjs';
import { missingValidators, sourceAddresses } from './tool-plugins.mjs';

/** The project's folder, also when this module has been compiled into a program below dist/. */
export const root = findRoot(path.dirname(fileURLToPath(import.meta.url)));

/** @param {string} folder @returns {string} */
function findRoot(folder) {
  return existsSync(path.join(folder, 'build/bundles.mjs')) ? folder : findRoot(path.dirname(folder));
}

/** The project's own application. */
export const OWN_APPLICATION = 'core/application.ts';

/**
 * The application that is built, from the project's root: its own, or the one that the variable `POLYCELL_APPLICATION` names, such as
 * `examples/orders/application.ts`.
 */
export const applicationFile = process.env.POLYCELL_APPLICATION ?? OWN_APPLICATION;

/** Where everything that is compiled goes; each application has a folder of its own. */
export const distFolder =
  applicationFile === OWN_APPLICATION
    ? 'dist'
    : `dist/applications/${applicationFile.replace(/\/?(?:application)?\.ts$/, '').replaceAll(/[^\w-]+/g, '-')}`;

/** What `npm run generate` makes of another application than the project's own. */
export const derivedFolder = `${distFolder}/derived`;

/** Puts the application that is built in the place of the project's own, and what is derived from it too. */
const withApplication = () => ({
  name: `application: ${applicationFile}`,
  /** @param {import('esbuild').PluginBuild} build */
  setup(build) {
    const places = {
      [path.join(root, OWN_APPLICATION)]: path.join(root, applicationFile),
      [path.join(root, 'core/openapi.generated.json')]: path.join(root, derivedFolder, 'openapi.json'),
    };
    build.onResolve({ filter: /(?:application\.ts|openapi\.generated\.json)$/ }, (args) => {
      const place = places[path.resolve(args.resolveDir, args.path)];
      return place === undefined ? undefined : { path: place };
    });
  },
});

/** @type {() => import('esbuild').Plugin[]} */
export const applicationPlugins = () => (applicationFile === OWN_APPLICATION ? [] : [withApplication()]);

/**
 * A deployable bundle: `entry` is compiled to `dist/<name>/index.cjs`, or to `index.mjs` for the edge; several entries are one bundle, which
 * loads them in their order. A `whole` one has all of its cloud's SDK: a container pulls by parts that functions lack, and gets keys from its
 * platform while it runs.
 * @typedef {{ name: string, entry: string | readonly string[], platform: 'aws' | 'azure' | 'edge', external?: string[], whole?: boolean }} Bundle
 */

/** The credential providers a function in the cloud never uses weigh 60 kB and 10 ms of every cold start. */
const leanCredentials = path.join(root, 'build/lean-credentials.mjs');

/** @type {readonly Bundle[]} */
export const bundles = [
  { name: 'aws/http', entry: 'functions-aws/http.ts', platform: 'aws' },
  { name: 'aws/relay', entry: 'functions-aws/relay.ts', platform: 'aws' },
  { name: 'aws/worker', entry: 'functions-aws/worker.ts', platform: 'aws' },
  // The functions of an app share a process, which loads all of them.
  {
    name: 'azure/app',
    entry: ['functions-azure/http.ts', 'functions-azure/relay.ts', 'functions-azure/worker.ts'],
    platform: 'azure',
    external: ['@azure/functions-core'],
  },
  { name: 'containers/aws', entry: 'containers/aws/main.ts', platform: 'aws', whole: true },
  { name: 'containers/azure', entry: 'containers/azure/main.ts', platform: 'azure', whole: true },
  { name: 'edge/http', entry: 'functions-edge/http.ts', platform: 'edge', external: ['cloudflare:*'] },
];

/** Those that the local stack runs: containers are the same handlers behind other triggers. */
export const stackBundles = bundles.filter(({ name }) => !name.startsWith('containers/'));

/**
 * The file that a bundle is compiled to.
 * @param {Pick<Bundle, 'name' | 'platform'>} bundle
 */
export const outfileOf = ({ name, platform }) => `${distFolder}/${name}/index.${platform === 'edge' ? 'mjs' : 'cjs'}`;

/**
 * The Workers runtime is a browser's: modules, web standards, and no Node.js.
 * @type {import('esbuild').BuildOptions}
 */
const WORKERS = {
  platform: 'browser',
  conditions: ['workerd', 'worker', 'browser'],
  target: 'es2022',
  format: 'esm',
};

/** What stands for the entries of a bundle that has several. */
const ENTRIES = 'entries';

/** What stands for a package that is linked apart. */
export const PACKAGE = 'package';

/**
 * Where a bundle begins. One with several entries begins with a module that loads them; they are loaded for what they do, while
 * `sideEffects: false` holds for all others.
 * @param {Pick<Bundle, 'name' | 'entry'>} bundle
 * @returns {{ entryPoints: [string], plugins: import('esbuild').Plugin[] }}
 */
export function beginningOf({ name, entry }) {
  if (typeof entry === 'string') return { entryPoints: [entry], plugins: [] };
  const plugin = {
    name: `${ENTRIES} of ${name}: ${entry.join(' ')}`,
    setup(/** @type {import('esbuild').PluginBuild} */ { onResolve, onLoad }) {
      onResolve({ filter: /^entries:/ }, () => ({ path: name, namespace: ENTRIES }));
      onLoad({ filter: /.*/, namespace: ENTRIES }, () => ({
        contents: entry.map((file) => `import ${JSON.stringify(file)};\n`).join(''),
      }));
      onResolve({ filter: /.*/, namespace: ENTRIES }, (args) => ({
        path: path.join(root, args.path),
        sideEffects: true,
      }));
    },
  };
  return { entryPoints: [`${ENTRIES}:${name}`], plugins: [plugin] };
}

/**
 * The esbuild options of a deployable bundle. CommonJS, `module` before `main`, no dynamic import and leaving out what
 * no function reaches each cut the cold start; docs/adr/0010-bundles.md has the figures.
 * @param {Bundle} bundle
 * @returns {import('esbuild').BuildOptions}
 */
export function deployableOptions(bundle) {
  const { entryPoints, plugins } = beginningOf(bundle);
  return {
    absWorkingDir: root,
    entryPoints,
    outfile: outfileOf(bundle),
    bundle: true,
    ...(bundle.platform === 'edge' ? WORKERS : { platform: 'node', target: 'node20', format: 'cjs' }),
    minify: true,
    mainFields: ['module', 'main'],
    supported: { 'dynamic-import': false },
    legalComments: 'none',
    // Beside the bundle, for `--enable-source-maps` and debuggers; they find the sources where they lie.
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    external: bundle.external ?? [],
    alias: bundle.platform === 'aws' && !bundle.whole ? { '@aws-sdk/credential-provider-node': leanCredentials } : {},
    plugins: [
      ...plugins,
      ...applicationPlugins(),
      ...(bundle.platform === 'azure' && !bundle.whole ? [leanAzure(root)] : []),
    ],
    logLevel: 'silent',
  };
}

/**
 * Compiles what changed since the last time and leaves the rest alone.
 * @param {{ only?: readonly string[], onBuilt?: (name: string, milliseconds: number) => void }} [options]
 * @returns {Promise<string[]>} the names of the bundles that were compiled
 */
export async function buildBundles({ only, onBuilt } = {}) {
  if (applicationFile !== OWN_APPLICATION) await derive();
  const wanted = only === undefined ? bundles : bundles.filter((bundle) => only.includes(bundle.name));
  const built = [];
  for (const bundle of wanted) {
    const started = performance.now();
    if (await compile(deployableOptions(bundle))) {
      built.push(bundle.name);
      onBuilt?.(bundle.name, Math.round(performance.now() - started));
    }
  }
  await writeFunctionsApp();
  return built;
}

/** Writes what bundles hold of another application than the project's own. */
async function derive() {
  const { main } = await importTypeScript('build/generate.ts');
  if ((await main(['--out', derivedFolder, '--quiet'])) !== 0) throw new Error(`${applicationFile} cannot be built.`);
}

/**
 * Compiles a TypeScript entry point if it changed, and imports it. Packages stay in node_modules.
 * @param {string} entry path from the project's root
 * @returns {Promise<any>} the module's exports
 */
export async function importTypeScript(entry) {
  return import(pathToFileURL(path.join(root, await compileTool(entry))).href);
}

/** The program that makes generated files. */
const GENERATOR = 'build/generate.ts';

/**
 * The esbuild options of a program. Its packages stay in node_modules.
 * @param {string} entry path from the project's root
 */
export function toolOptions(entry) {
  const outfile = `${distFolder}/tools/${entry.replace(/\.ts$/, '.mjs')}`;
  return /** @satisfies {import('esbuild').BuildOptions} */ ({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    sourcemap: 'linked',
    plugins: [
      sourceAddresses(root, outfile),
      ...applicationPlugins(),
      ...(entry === GENERATOR ? [missingValidators] : []),
    ],
    logLevel: 'silent',
  });
}

/**
 * Compiles a program if it changed.
 * @param {string} entry path from the project's root
 * @returns {Promise<string>} the compiled file, from the project's root
 */
export async function compileTool(entry) {
  const options = toolOptions(entry);
  await compile(options);
  return options.outfile;
}

/** Beside the Azure bundle: what makes its folder, `dist/azure/app`, an app that the Functions host runs as it is. */
async function writeFunctionsApp() {
  const folder = path.join(root, distFolder, 'azure/app');
  const hostJson = applicationFile === OWN_APPLICATION ? 'functions-azure/host.json' : `${derivedFolder}/host.json`;
  await put(path.join(folder, 'host.json'), await readFile(path.join(root, hostJson)));
  await put(path.join(folder, 'package.json'), `${JSON.stringify({ private: true, main: 'index.cjs' })}\n`);
}

/** The compile that is under way in this process: stopping esbuild's service under another one would leave it waiting without end. */
let underWay = /** @type {Promise<unknown>} */ (Promise.resolve());

/**
 * Runs esbuild unless every input of the last run is untouched. Those that are asked for at once take turns.
 * @param {import('esbuild').BuildOptions} options
 * @returns {Promise<boolean>} whether it compiled
 */
export function compile(options) {
  const turn = underWay.then(() => compileNow(options));
  // Its caller gets its failure.
  underWay = turn.catch(() => undefined);
  return turn;
}

/** @param {import('esbuild').BuildOptions} options @returns {Promise<boolean>} */
async function compileNow(options) {
  if (await isFresh(options)) return false;
  const { build, stop } = await import('esbuild');
  try {
    const result = await build({ ...options, metafile: true, write: false });
    await keepResult(options, result);
    return true;
  } finally {
    // Its service process would otherwise stay for as long as the caller lives.
    await stop();
  }
}

/**
 * Writes what esbuild has made, without the record by which the next run finds it fresh.
 * @param {import('esbuild').BuildOptions} options
 * @param {Pick<import('esbuild').BuildResult, 'metafile' | 'outputFiles'>} result with a metafile, not yet written
 * @param {ReadonlyMap<string, string>} [known] fingerprints of inputs that were taken before esbuild read them
 * @returns {Promise<{ differs: boolean, inputs: Record<string, string>, record: () => Promise<void> }>} whether it differs from what was
 * there, what it was made of, and what writes the record
 */
export async function putResult(options, { metafile, outputFiles = [] }, known = new Map()) {
  const outfile = path.join(root, /** @type {string} */ (options.outfile));
  // A process that ends before the record is written would leave the one of before beside another result.
  await rm(`${outfile}.inputs.json`, { force: true });
  let differs = false;
  for (const { path: file, contents } of outputFiles) {
    const present = await readFile(file).catch(() => undefined);
    if (present?.equals(contents)) continue;
    differs = true;
    await put(file, contents);
  }
  const files = inputFiles(/** @type {import('esbuild').Metafile} */ (metafile));
  const unknown = files.filter((file) => !known.has(file));
  // What stands in for a file that is not there yet makes the result stale at once.
  const whole = unknown.every((file) => existsSync(path.join(root, file)));
  const taken = whole ? await fingerprints(unknown) : {};
  const inputs = whole ? Object.fromEntries(files.map((file) => [file, known.get(file) ?? taken[file] ?? ''])) : {};
  const record = async () => {
    await put(`${outfile}.meta.json`, JSON.stringify(metafile));
    await put(`${outfile}.inputs.json`, JSON.stringify(whole ? { key: JSON.stringify(options), inputs } : {}));
  };
  return { differs, inputs, record };
}

/**
 * Writes what esbuild has made, and the record by which the next run finds it fresh.
 * @param {import('esbuild').BuildOptions} options
 * @param {Pick<import('esbuild').BuildResult, 'metafile' | 'outputFiles'>} result with a metafile, not yet written
 */
export async function keepResult(options, result) {
  const { record } = await putResult(options, result);
  await record();
}

/** The inputs that are files. @param {import('esbuild').Metafile} metafile */
const inputFiles = ({ inputs }) =>
  Object.keys(inputs).filter(
    (file) => file !== TEXT && !file.startsWith(`${ENTRIES}:`) && !file.startsWith(`${PACKAGE}:`),
  );

/** What esbuild calls a text that it was given, which is part of the options. */
const TEXT = '<stdin>';

/**
 * The inputs of what was compiled last, as they were then.
 * @param {string} outfile from the project's root
 * @returns {Promise<Record<string, string> | undefined>} undefined if it has never been compiled
 */
export async function recordedInputs(outfile) {
  const text = await readFile(path.join(root, `${outfile}.inputs.json`), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text).inputs;
}

/** Drafts written by this process: two of one file may be under way at once. */
let drafts = 0;

/**
 * Writes a file in one step: several processes may compile the same thing at once, and others may be reading it.
 * @param {string} file
 * @param {string | Uint8Array} contents
 */
export async function put(file, contents) {
  await mkdir(path.dirname(file), { recursive: true });
  drafts += 1;
  const draft = `${file}.${process.pid}-${drafts}.draft`;
  await writeFile(draft, contents);
  await rename(draft, file);
}

/**
 * Whether what was made with these options is there, and every input of it is untouched.
 * @param {import('esbuild').BuildOptions} options
 */
export async function isFresh(options) {
  const outfile = path.join(root, /** @type {string} */ (options.outfile));
  try {
    await stat(outfile);
    const record = JSON.parse(await readFile(`${outfile}.inputs.json`, 'utf8'));
    if (record.key !== JSON.stringify(options)) return false;
    const now = await fingerprints(Object.keys(record.inputs));
    return Object.entries(record.inputs).every(([file, fingerprint]) => now[file] === fingerprint);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return false;
    throw error;
  }
}

/** @param {string[]} files @returns {Promise<Record<string, string>>} file → size and time of its last change */
export async function fingerprints(files) {
  const entries = await Promise.all(
    files.map(async (file) => {
      const { size, mtimeMs } = await stat(path.join(root, file));
      return /** @type {const} */ ([file, `${size}:${mtimeMs}`]);
    }),
  );
  return Object.fromEntries(entries);
}
