// What a deployable bundle holds, by esbuild's metafile, and what it may hold.
import { isBuiltin } from 'node:module';
import { importsAllowedToCore } from './imports.ts';
import type { Violation } from './sources.ts';

/** The parts of esbuild's metafile that are read. */
export interface Metafile {
  readonly outputs: Readonly<
    Record<
      string,
      {
        readonly bytes: number;
        readonly imports: readonly { readonly path: string; readonly kind?: string; readonly external?: boolean }[];
        readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>>;
      }
    >
  >;
  readonly inputs: Readonly<Record<string, { readonly imports: readonly { readonly path: string }[] }>>;
}

const KIB = 1024;

/**
 * Bytes that each bundle may have: what it has now and room for one more use case. Loading the bundle is most of a cold start
 * (docs/adr/0010-bundles.md).
 */
export const BUDGETS: Readonly<Record<string, number>> = {
  'aws/http': 481 * KIB,
  'aws/relay': 290 * KIB,
  'aws/worker': 334 * KIB,
  'azure/app': 856 * KIB,
  // A container starts once for many requests; its size is bounded so that nothing comes in unnoticed.
  'containers/aws': 715 * KIB,
  'containers/azure': 979 * KIB,
  // The platform's own limit is 3 MiB (https://developers.cloudflare.com/workers/platform/limits/#worker-size); an isolate starts in milliseconds.
  'edge/http': 321 * KIB,
};

/**
 * Bytes that what exports telemetry may have in a bundle, of any cloud: OpenTelemetry's own SDK has fifteen to eighty times as many, and takes
 * tens of milliseconds of each cold start (docs/adr/0070-telemetry-is-a-port.md).
 */
export const TELEMETRY_BUDGET = 4 * KIB;

/** What exports after the answer on Lambda, where the process is stopped otherwise. */
const EXTENSION = 'adapters/otlp/node-lambda.ts';

/** The adapters that export telemetry, in a bundle; the extension of one of them is within the bundle's own budget. */
export const telemetryBytes = ({ outputs }: Metafile): number =>
  Object.values(outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .reduce(
      (sum, [file, { bytesInOutput }]) =>
        sum + (file.startsWith('adapters/otlp/') && file !== EXTENSION ? bytesInOutput : 0),
      0,
    );

const OWN_CLOUD: Readonly<Record<string, readonly RegExp[]>> = {
  aws: [/^adapters\/azure\//, /^functions-azure\//, /^node_modules\/@azure\//],
  azure: [/^adapters\/aws\//, /^functions-aws\//, /^node_modules\/@(aws-sdk|smithy)\//],
  edge: [/^(adapters|functions)[-/](aws|azure)\//, /^node_modules\/@(aws-sdk|smithy|azure)\//],
};

/** As `NEVER`, but for containers, which have all of their cloud's SDK: they start once, and pull. */
const NEVER_IN_FUNCTIONS: readonly (readonly [RegExp, string])[] = [
  [
    /^node_modules\/@aws-sdk\/(credential-provider|nested-clients|token-providers|client-ss|client-sts)/,
    'A function finds its keys in the environment: build/lean-credentials.mjs stands for the chain.',
  ],
  [
    /^node_modules\/(@azure\/keyvault-.*|agent-base)\//,
    'The functions encrypt nothing and know no proxy: build/lean-azure.mjs leaves those parts out.',
  ],
];

/** Beginning of a path → why it is in no bundle. */
const NEVER: readonly (readonly [RegExp, string])[] = [
  [/^adapters\/memory\//, 'The memory adapter is for tests.'],
  [/^(test|local|cli|bench)\//, 'Only core, adapters and functions are deployed.'],
  [/^node_modules\/ajv/, 'Schemas are compiled by `npm run generate`; a bundle holds the compiled functions only.'],
  [/^node_modules\/@azure\/(identity|msal-.*)\//, 'adapters/azure/managed-identity.ts gets tokens.'],
];

/** The modules that the Workers runtime brings. */
const isOfWorkers = (path: string): boolean => path.startsWith('cloudflare:');

/** Functions that serve no HTTP load nothing of the API. */
const NO_API = new Set(['relay', 'worker']);

/** Everything that a bundle holds and should not, and its size if that is over its budget. */
export function bundleFaults(name: string, metafile: Metafile, budget: number | undefined): Violation[] {
  const [file, output] = Object.entries(metafile.outputs).find(([path]) => /\.[cm]js$/.test(path)) ?? [];
  const at = { file: file ?? name, line: 1 };
  if (output === undefined) return [{ ...at, message: 'The metafile names no bundle.' }];
  const [folder = '', second = ''] = name.split('/');
  const isContainer = folder === 'containers';
  const [cloud, role] = isContainer ? [second, folder] : [folder, second];
  const faults: Violation[] = [];
  const fault = (message: string) => faults.push({ ...at, message });

  if (budget === undefined) fault('The bundle has no budget. Give it one in test/arch/support/bundles.ts.');
  else if (output.bytes > budget)
    fault(`The bundle has ${output.bytes} bytes; its budget is ${budget}. See what came in.`);

  const held = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  for (const [input] of held) {
    if (OWN_CLOUD[cloud]?.some((pattern) => pattern.test(input))) fault(`${input} belongs to another cloud.`);
    for (const [pattern, why] of isContainer ? NEVER : [...NEVER, ...NEVER_IN_FUNCTIONS])
      if (pattern.test(input)) fault(`${input} is in the bundle. ${why}`);
    if (NO_API.has(role) && input.startsWith('core/http/'))
      fault(
        `${input} is part of the HTTP API, which ${role} does not serve. Import it in a file that only http needs.`,
      );
    if (!input.startsWith('core/')) continue;
    for (const { path } of metafile.inputs[input]?.imports ?? [])
      if (!importsAllowedToCore(path)) fault(`${input} brings in ${path}. core brings in core and @noble/hashes only.`);
  }
  for (const { path, external } of output.imports)
    if (external === true && !(cloud === 'edge' ? isOfWorkers(path) : isBuiltin(path) || isCoreOfFunctions(path)))
      fault(`${path} is left out of the bundle, so it would be missing where the bundle runs.`);
  return faults;
}

/** The Functions host gives its worker this module; no package has it. */
const isCoreOfFunctions = (path: string): boolean => path === '@azure/functions-core';
