// Runs one of the project's TypeScript programs: `node build/run.mjs <entry.ts> [arguments]`.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { importTypeScript, root } from './bundles.mjs';

if (process.argv[1] && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const entry = process.argv[2];
  if (!entry) {
    process.stderr.write('Usage: node build/run.mjs <entry.ts> [arguments]\n');
    process.exit(2);
  }
  process.argv.splice(1, 2, path.join(root, entry));
  process.setSourceMapsEnabled(true);
  const { main } = await importTypeScript(entry);
  process.exitCode = await main(process.argv.slice(2).filter((argument, index) => index > 0 || argument !== '--'));
}
