// The table of which folder may import what.

/** What the files of one folder may import. The first row that matches a file decides. */
export interface Row {
  readonly files: RegExp;
  /** Beginnings of the project's paths that may be imported. */
  readonly project: readonly string[];
  /** More of them, for types alone. */
  readonly types?: readonly string[];
  /** Packages by name, or by scope with its slash; `declared` is any that package.json names. */
  readonly packages: readonly string[] | 'declared';
  readonly node: boolean;
  /** What to do instead. */
  readonly instead: string;
}

const THROUGH_A_PORT = 'Declare what is needed as a port in core/ports and let compose.ts pass an adapter in.';
const BELOW_THE_WIRE =
  'It speaks the wire protocol and reads infra/topology.json; what it shares with core would hide a fault of both.';

const adapter = (
  cloud: string,
  packages: readonly string[],
  types: readonly string[] = [],
  helpers: readonly string[] = [],
): Row => ({
  files: new RegExp(`^adapters/${cloud}/`),
  project: ['core/ports/', 'core/lib/', 'core/store/', 'core/events/', `adapters/${cloud}/`, ...helpers],
  types,
  packages,
  node: false,
  instead: `An adapter knows core/ports, core/lib, core/store, core/events, its own folder and ${packages.join(', ')}; compose.ts passes in the rest.`,
});

const inProcess = (name: string): Row => ({
  files: new RegExp(`^adapters/${name}/`),
  project: ['core/', `adapters/${name}/`],
  packages: [],
  node: false,
  instead: `adapters/${name} runs everywhere: it knows core and the language, no package and no platform.`,
});

const functions = (
  cloud: string,
  sdk: readonly string[],
  model: readonly string[],
  adapters = `adapters/${cloud}/`,
): readonly Row[] => [
  {
    files: new RegExp(`^functions-${cloud}/compose\\.ts$`),
    project: ['core/', adapters, 'adapters/otlp/', 'adapters/system/', `functions-${cloud}/`],
    packages: [...sdk, ...model],
    node: true,
    instead: `compose.ts wires core to ${adapters}, adapters/otlp and adapters/system. Other clouds have a folder of their own.`,
  },
  {
    files: new RegExp(`^functions-${cloud}/`),
    project: ['core/', `functions-${cloud}/`],
    types: [adapters],
    packages: model,
    node: true,
    instead: 'Make clients and adapters in compose.ts and take the composed handler from there; types may be imported.',
  },
];

/** The folders of the engine. */
const ENGINE = [
  'api',
  'cell',
  'domain',
  'edge',
  'events',
  'feed',
  'http',
  'lib',
  'pipeline',
  'ports',
  'replication',
  'store',
].map((folder) => `core/${folder}/`);

/** The first row that matches a file decides. */
export const ROWS: readonly Row[] = [
  {
    files: /^(?:core\/domains|examples)\/[a-z0-9-]+\/test\//,
    project: ['core/', 'examples/', 'adapters/memory/', 'test/'],
    packages: 'declared',
    node: true,
    instead: 'Tests of a domain run it on the memory adapters.',
  },
  {
    files: /^core\/ports\//,
    project: ['core/ports/'],
    packages: [],
    node: false,
    instead: 'A port is independent: it imports other ports and the values that they exchange.',
  },
  {
    files: /^core\/edge\/ports\//,
    project: ['core/ports/', 'core/edge/ports/'],
    types: ['core/api/refusal.ts', 'core/cell/route-token.ts'],
    packages: [],
    node: false,
    instead: 'A port is independent: it imports other ports and the values that they exchange.',
  },
  {
    files: /^core\/(?:api|cell|domain|edge|events|feed|http|lib|pipeline|replication|store)\//,
    project: ENGINE,
    packages: ['@noble/hashes'],
    node: false,
    instead: `The engine knows no domain: it takes an Application as a value. ${THROUGH_A_PORT}`,
  },
  {
    files: /^core\/domains\/|^examples\//,
    project: ['core/', 'examples/'],
    packages: [],
    node: false,
    instead: 'A domain knows the engine and itself, no package and no platform.',
  },
  {
    files: /^core\/application\.ts$/,
    project: ['core/domain/', 'core/domains/', 'examples/'],
    packages: [],
    node: false,
    instead: 'The application is a list of domains.',
  },
  inProcess('memory'),
  inProcess('system'),
  {
    files: /^adapters\/otlp\/node-/,
    project: ['core/', 'adapters/otlp/'],
    packages: [],
    node: true,
    instead: 'It speaks HTTP by Node.js’s own client; everything else of adapters/otlp runs on every platform.',
  },
  inProcess('otlp'),
  {
    files: /^adapters\/folder\//,
    project: ['core/ports/', 'core/lib/', 'adapters/folder/'],
    packages: [],
    node: true,
    instead: 'It keeps files on the machine where the command line runs, by what Node.js has.',
  },
  adapter('aws', ['@aws-sdk/']),
  adapter('azure', ['@azure/']),
  adapter(
    'cloudflare',
    ['cloudflare:', 'jose'],
    ['core/cell/route-token.ts'],
    // What a credential may name, and how many are remembered, is the same for every kind of credential.
    ['core/cell/identity.ts', 'core/edge/ports/'],
  ),
  ...functions('aws', ['@aws-sdk/'], []),
  ...functions('azure', ['@azure/'], ['@azure/functions']),
  ...functions('edge', [], ['cloudflare:'], 'adapters/cloudflare/'),
  ...(
    [
      ['aws', '@aws-sdk/'],
      ['azure', '@azure/'],
    ] as const
  ).map(([cloud, sdk]) => ({
    files: new RegExp(`^containers/${cloud}/`),
    project: [
      'core/',
      `adapters/${cloud}/`,
      'adapters/system/',
      'adapters/otlp/',
      `functions-${cloud}/`,
      `containers/${cloud}/`,
      ...['container', 'part', 'settings'].map((name) => `containers/${name}`),
    ],
    packages: [sdk],
    node: true,
    instead: `A container of ${cloud} wires what all containers share to the handlers of functions-${cloud}.`,
  })),
  {
    files: /^containers\//,
    project: ['core/', 'containers/'],
    packages: [],
    node: true,
    instead: 'What all containers share knows no cloud: compose.ts of each cloud passes sources and handlers in.',
  },
  ...['cosmos', 'service-bus'].map((name) => ({
    files: new RegExp(`^emulators/${name}/`),
    project: [`emulators/${name}/`, 'emulators/directory-lock.ts'],
    packages: 'declared' as const,
    node: true,
    instead: 'An emulator is a package of its own: it speaks the wire protocol and knows nothing of the product.',
  })),
  {
    files: /^emulators\/(?:dynamodb|sns-sqs)\//,
    project: ['hosts/processes/'],
    packages: 'declared',
    node: true,
    instead:
      'The server is another project’s and a process of its own: what starts and ends it knows nothing of the product.',
  },
  {
    files: /^emulators\//,
    project: ['emulators/faults/'],
    packages: 'declared',
    node: true,
    instead: 'An emulator is a package of its own: it speaks the wire protocol and knows nothing of the product.',
  },
  {
    files: /^hosts\/[a-z-]+\/test\//,
    project: ['hosts/', 'emulators/', 'local/emulators/'],
    packages: 'declared',
    node: true,
    instead: 'Tests of a host run it against the emulators, and bring their own helpers.',
  },
  {
    files: /^hosts\//,
    project: ['hosts/'],
    packages: 'declared',
    node: true,
    instead: 'A host plays a platform and knows nothing of what runs on it; local/ passes paths and settings in.',
  },
  {
    files: /^local\/emulators\//,
    project: ['local/', 'hosts/', 'emulators/', 'infra/'],
    packages: 'declared',
    node: true,
    instead: BELOW_THE_WIRE,
  },
  ...['aws', 'azure'].map((cloud) => ({
    files: new RegExp(`^local/${cloud}-(?:cell|compute|services)\\.ts$`),
    project: ['local/', 'hosts/', 'emulators/', 'infra/', 'build/', 'core/', 'adapters/system/', `adapters/${cloud}/`],
    packages: 'declared' as const,
    node: true,
    instead: 'A local cell may know how its own cloud lays out documents; its functions are the bundles in dist/.',
  })),
  {
    files: /^local\/telemetry\//,
    project: ['local/', 'core/', 'adapters/otlp/', 'adapters/system/'],
    packages: 'declared',
    node: true,
    instead: 'The receiver keeps and forwards what the deployed bundles export, and knows nothing of how they work.',
  },
  {
    files: /^local\//,
    project: ['local/', 'hosts/', 'emulators/', 'infra/', 'build/', 'core/', 'adapters/system/'],
    packages: 'declared',
    node: true,
    instead: 'The stack runs the bundles in dist/ that would be deployed, not the sources of functions and adapters.',
  },
  {
    files: /^cli\//,
    project: [
      ...['cli/', 'local/', 'hosts/processes/', 'emulators/', 'infra/', 'build/', 'core/', 'adapters/system/'],
      // Where it writes exports.
      ...['adapters/folder/', 'adapters/aws/s3-objects.ts', 'adapters/azure/blob-objects.ts'],
    ],
    packages: 'declared',
    node: true,
    instead: 'The command line talks to a stack over HTTP; it runs no functions, and no adapters but those of Objects.',
  },
  {
    files: /^bench\//,
    project: [
      'bench/',
      'cli/',
      'local/',
      'hosts/',
      'emulators/',
      'infra/',
      'build/',
      'core/',
      'adapters/',
      'functions-',
      'containers/',
    ],
    packages: 'declared',
    node: true,
    instead: 'Benchmarks measure the stack, functions, core and adapters; put helpers of theirs into bench/.',
  },
  {
    files: /^build\/infra\/apply\//,
    project: ['build/', 'core/', 'hosts/processes/'],
    packages: 'declared',
    node: true,
    instead:
      'It reads declarations from core and starts an emulator with hosts/processes; it needs nothing else that runs.',
  },
  {
    files: /^build\//,
    project: ['build/', 'core/', 'infra/', 'functions-', 'containers/'],
    packages: 'declared',
    node: true,
    instead: 'The build reads declarations from core and configurations from functions-*; it needs nothing that runs.',
  },
  {
    files: /^test\/contract\/[^/]+\.contract\.ts$/,
    project: ['core/', 'test/contract/', 'test/support/'],
    packages: 'declared',
    node: true,
    instead: 'A contract names no adapter: what differs comes from the harness that the adapter brings.',
  },
  {
    files: /^test\/contract\/cloudflare\/worker\.ts$/,
    project: ['test/contract/cloudflare/', 'core/', 'adapters/cloudflare/', 'adapters/system/', 'functions-edge/'],
    packages: ['cloudflare:'],
    node: false,
    instead: 'It runs in the Workers runtime, beside the adapters that it calls.',
  },
  {
    files: /^test\/(?:unit|support)\//,
    project: [
      'test/',
      ...ENGINE,
      'core/application.ts',
      'core/openapi.generated.json',
      'adapters/',
      'functions-',
      'containers/',
      'local/',
      'hosts/',
      'emulators/',
      'cli/',
      'build/',
      'infra/',
    ],
    packages: 'declared',
    node: true,
    instead: 'Tests of the engine use test/support/meters.ts; those of a domain lie in its folder.',
  },
  {
    files: /^test\//,
    project: [
      'test/',
      'core/',
      'examples/',
      'adapters/',
      'functions-',
      'containers/',
      'local/',
      'hosts/',
      'emulators/',
      'cli/',
      'bench/',
      'build/',
      'infra/',
    ],
    packages: 'declared',
    node: true,
    instead: 'Tests import the sources; bundles in dist/ are run, not imported.',
  },
  {
    files: /^web\//,
    project: ['web/'],
    packages: [],
    node: false,
    instead: 'The browser loads the console’s files as they are: there is nothing else to import.',
  },
  {
    files: /^[^/]+$/,
    project: ['build/'],
    packages: 'declared',
    node: true,
    instead: 'Only configuration of tools lies at the root.',
  },
];
