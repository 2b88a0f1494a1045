#!/usr/bin/env node
// The `polycell` command: compiles cli/main.ts when it changed, then runs it.
import { importTypeScript } from '../build/bundles.mjs';

// The SDK's advice about Node.js versions concerns those who deploy; the local stack has nothing to say about it.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const { main } = await importTypeScript('cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
