#!/usr/bin/env node
// The `polycell` command: compiles cli/main.ts when it changed, then runs it.
import { explainFault } from '../build/preflight.mjs';

// The SDK's warning about Node.js versions concerns deployments, not the local stack.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

try {
  // Imported here, so that missing packages can be reported.
  const { importTypeScript } = await import('../build/bundles.mjs');
  const { main } = await importTypeScript('cli/main.ts');
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const sentence = explainFault(error);
  if (sentence === undefined) throw error;
  process.stderr.write(`${sentence}\n`);
  process.exitCode = 1;
}
