// `npm run generate`: writes the files that are made from other sources; `--check` only tells which of them are stale.
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';
import { topology } from '../core/cell/topology.ts';
import { eventSchemas } from '../core/domains/telemetry/schemas.ts';
import { openApiDocument } from '../core/http/openapi.ts';
import * as aws from '../functions-aws/config.ts';
import * as azure from '../functions-azure/config.ts';
import * as edge from '../functions-edge/config.ts';
import { azureResources } from './azure-resources.ts';
import { environmentDocument } from './environment.ts';

// Ajv is CommonJS whose default export is read differently by Node.js and by TypeScript.
const require = createRequire(import.meta.url);
const { Ajv } = require('ajv') as typeof import('ajv');
const standaloneCode = require('ajv/dist/standalone').default as typeof import('ajv/dist/standalone').default;

/** File → how its text is made. */
const generated: Readonly<Record<string, () => Promise<string>>> = {
  'core/domains/telemetry/validators.generated.mjs': compileValidators,
  'core/http/openapi.generated.json': async () => `${JSON.stringify(openApiDocument(), null, 1)}\n`,
  'docs/environment.md': async () =>
    environmentDocument([
      { folder: 'functions-aws', variables: aws.VARIABLES, platform: aws.PLATFORM_VARIABLES },
      { folder: 'functions-azure', variables: azure.VARIABLES, platform: azure.PLATFORM_VARIABLES },
      { folder: 'functions-edge', variables: edge.VARIABLES, platform: edge.PLATFORM_VARIABLES },
    ]),
  'functions-azure/host.json': async () => `${JSON.stringify(hostJson(), null, 2)}\n`,
  'infra/azure.json': async () => `${JSON.stringify(azureResources(topology), null, 2)}\n`,
  'infra/topology.json': async () => `${JSON.stringify(topology, null, 2)}\n`,
};

/** Between the end of a function and the end of the locks that it holds. */
const LOCK_MARGIN_SECONDS = 5;

const hoursMinutesSeconds = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(11, 19);

/** host.json of the Functions app: routes without a prefix, requests at once and batches as the topology says. */
function hostJson(): unknown {
  const { consumers, http } = topology;
  return {
    version: '2.0',
    // A worker that hangs must be gone before its messages' locks are: nobody else may have them in the meantime.
    functionTimeout: hoursMinutesSeconds(
      Math.min(...consumers.map(({ visibilitySeconds }) => visibilitySeconds)) - LOCK_MARGIN_SECONDS,
    ),
    extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
    extensions: {
      http: { routePrefix: '', maxConcurrentRequests: http.maximumConcurrency },
      // The settings are the host's, so the consumers share them.
      serviceBus: {
        maxMessageBatchSize: Math.max(...consumers.map(({ batchSize }) => batchSize)),
        autoCompleteMessages: true,
      },
    },
  };
}

/** Schemas become plain functions, so that no schema compiler is loaded where events are checked. */
async function compileValidators(): Promise<string> {
  const ajv = new Ajv({ code: { source: true, esm: true }, strict: true });
  const names = Object.keys(eventSchemas).map((type, index) => [`validate${index}`, type] as const);
  for (const [name, type] of names) ajv.addSchema(eventSchemas[type as keyof typeof eventSchemas], name);
  const code = standaloneCode(ajv, Object.fromEntries(names.map(([name]) => [name, name])));
  const table = names.map(([name, type]) => `${JSON.stringify(type)}: ${name}`).join(', ');
  const result = await build({
    stdin: { contents: `${code}\nexport const validators = { ${table} };`, resolveDir: path.resolve('.') },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    treeShaking: true,
    minifySyntax: true,
  });
  const text = result.outputFiles[0]?.text ?? '';
  return `// Made from core/domains/telemetry/schemas.ts by \`npm run generate\`.\n// @ts-nocheck\n${text.replace(/^export \{[\s\S]*\};\s*$/m, 'export { validators };\n')}`;
}

/** Writes or checks all generated files; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const stale: string[] = [];
  for (const [file, make] of Object.entries(generated)) {
    const text = await make();
    const present = await readFile(file, 'utf8').catch(() => '');
    if (present === text) continue;
    stale.push(file);
    if (!args.includes('--check')) await writeFile(file, text);
  }
  const list = stale.join(', ');
  if (args.includes('--check') && stale.length > 0) {
    process.stderr.write(`Stale: ${list}. Run \`npm run generate\` and commit the result.\n`);
    return 1;
  }
  process.stdout.write(stale.length === 0 ? 'Every generated file is up to date.\n' : `Wrote ${list}.\n`);
  return 0;
}
