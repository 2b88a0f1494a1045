// Makes several bundles of one cloud in one run of esbuild, for the inner loop, where each second counts.
import path from 'node:path';
import { beginningOf, deployableOptions, distFolder, outfileOf, root } from './bundles.mjs';

/** @typedef {import('./bundles.mjs').Bundle} Bundle */

/**
 * The options that make bundles of one cloud in one run, which takes less than one for each: they share most of what is read. Each becomes
 * what it is alone; `partOf` finds it in the result.
 * @param {readonly [Bundle, ...Bundle[]]} together whose options differ in name and entry alone
 * @returns {import('esbuild').BuildOptions}
 */
export function optionsTogether(together) {
  const [first, ...others] = together;
  const { outfile: _outfile, plugins = [], ...options } = deployableOptions(first);
  return {
    ...options,
    entryPoints: Object.fromEntries(
      together.map((bundle) => [`${bundle.name}/index`, beginningOf(bundle).entryPoints[0]]),
    ),
    outdir: distFolder,
    outExtension: { '.js': path.extname(outfileOf(first)) },
    plugins: [...others.flatMap((bundle) => beginningOf(bundle).plugins), ...plugins],
  };
}

/**
 * What one run has made of one of its bundles.
 * @param {Pick<Bundle, 'name' | 'platform'>} bundle
 * @param {import('esbuild').BuildResult} result with a metafile, not yet written
 * @returns {Pick<import('esbuild').BuildResult, 'outputFiles'> & { metafile: import('esbuild').Metafile }}
 */
export function partOf(bundle, { metafile, outputFiles = [] }) {
  const outfile = outfileOf(bundle);
  const { inputs, outputs } = /** @type {import('esbuild').Metafile} */ (metafile);
  const files = [outfile, `${outfile}.map`];
  const reached = new Set([outputs[outfile]?.entryPoint ?? '']);
  for (const file of reached)
    for (const each of inputs[file]?.imports ?? []) if (!each.external) reached.add(each.path);
  return {
    outputFiles: outputFiles.filter(({ path: file }) => files.some((each) => file === path.join(root, each))),
    metafile: {
      inputs: Object.fromEntries(Object.entries(inputs).filter(([file]) => reached.has(file))),
      outputs: Object.fromEntries(Object.entries(outputs).filter(([file]) => files.includes(file))),
    },
  };
}
