// `npm run build`: compiles the deployable bundles that are stale.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { buildBundles, bundles, outfileOf, root } from './bundles.mjs';

const built = await buildBundles();
for (const bundle of bundles) {
  const { name } = bundle;
  const outfile = outfileOf(bundle);
  const { outputs } = JSON.parse(await readFile(path.join(root, `${outfile}.meta.json`), 'utf8'));
  const bytes = outputs[outfile].bytes;
  process.stdout.write(
    `${name.padEnd(12)} ${(bytes / 1024).toFixed(0).padStart(5)} KiB${built.includes(name) ? '' : '  (unchanged)'}\n`,
  );
}
