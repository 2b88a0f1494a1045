// `npm run build`: compiles the deployable bundles that are stale.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { buildBundles, bundles, root } from './bundles.mjs';

const built = await buildBundles();
for (const { name } of bundles) {
  const { outputs } = JSON.parse(await readFile(path.join(root, `dist/${name}/index.cjs.meta.json`), 'utf8'));
  const bytes = outputs[`dist/${name}/index.cjs`].bytes;
  process.stdout.write(
    `${name.padEnd(12)} ${(bytes / 1024).toFixed(0).padStart(5)} KiB${built.includes(name) ? '' : '  (unchanged)'}\n`,
  );
}
