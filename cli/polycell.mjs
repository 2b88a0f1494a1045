#!/usr/bin/env node
// The `polycell` command: compiles cli/main.ts when it changed, then runs it.
import { importTypeScript } from '../build/run.mjs';

const { main } = await importTypeScript('cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
