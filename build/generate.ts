// `npm run generate`: writes generated files; `--check` only reports which of them are stale.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as awsContainer from '../containers/aws/config.ts';
import * as azureContainer from '../containers/azure/config.ts';
import { bodyValidator } from '../core/api/write.ts';
import { application } from '../core/application.ts';
import { applicationFaults, topologyOf } from '../core/domain/application.ts';
import type { Domain } from '../core/domain/domain.ts';
import { Erasure, Rebuild, Redrive } from '../core/http/bodies.ts';
import { openApiDocument } from '../core/http/openapi.ts';
import * as aws from '../functions-aws/config.ts';
import * as azure from '../functions-azure/config.ts';
import * as edge from '../functions-edge/config.ts';
import { azureResources } from './azure-resources.ts';
import { applicationFile, OWN_APPLICATION } from './bundles.mjs';
import { type Published, publishedFaults } from './compatibility.ts';
import { environmentDocument } from './environment.ts';
import { FAULTS, faultDocument } from './fault-matrix.ts';
import { hostJson } from './host-json.ts';
import type { DeclaredCell } from './infra/declared.ts';
import { kubernetesFiles } from './infra/kubernetes.ts';
import { compileValidators, keptValidators, SchemaError } from './validators.ts';

type Files = Readonly<Record<string, () => Promise<string>>>;

const topology = topologyOf(application);

const json = (value: unknown, indent = 2) => `${JSON.stringify(value, null, indent)}\n`;

/** The folder of the domain. */
const folderOf = ({ name }: Domain): string => {
  const places = ['core/domains', 'examples'];
  const folders = (applicationFile.startsWith('examples/') ? places.reverse() : places).map(
    (place) => `${place}/${name}`,
  );
  const folder = folders.find((each) => existsSync(path.join(each, 'domain.ts')));
  if (folder === undefined) throw new SchemaError(`The domain ${name} is in neither ${folders.join(' nor ')}.`);
  return folder;
};

/** The files in the folder of each domain, whichever application uses it: its validators, and the schemas that accepted its events. */
const besideDomains = (publishing: boolean, compile: typeof compileValidators): Files =>
  Object.fromEntries(
    application.flatMap((domain) => {
      const schemas = Object.fromEntries(domain.events.map(({ type, schema }) => [type, schema]));
      const bodies = Object.fromEntries(
        domain.writes.flatMap((write) => (write.body === undefined ? [] : [[bodyValidator(write), write.body]])),
      );
      const folder = folderOf(domain);
      const registry = `${path.posix.relative(folder, 'core/events')}/registry.ts`;
      const published = `${folder}/published.generated.json`;
      return [
        [
          `${folder}/validators.generated.ts`,
          () => compile({ ...schemas, ...bodies }, `the event types in ${folder}`, registry),
        ],
        ...(publishing || existsSync(published)
          ? [[published, () => publish(published, schemas, publishing)] as const]
          : []),
      ] as const;
    }),
  );

/**
 * The schemas that a domain has published, as they are now, and with `all` those that it has not. Events of published schemas may be
 * stored anywhere, so these are never narrowed.
 * @throws SchemaError
 */
async function publish(file: string, schemas: Published, all: boolean): Promise<string> {
  const published = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Published) : {};
  const faults = publishedFaults(published, schemas);
  if (faults.length === 0)
    return json(Object.fromEntries(Object.entries(schemas).filter(([type]) => all || Object.hasOwn(published, type))));
  throw new SchemaError(
    `${faults.join('\n')}\nEvents that were accepted by ${file} would not be valid any more: give the new form a new type, such as .v2. ` +
      'If no event of the type is stored anywhere, remove it from that file.',
  );
}

/** The files derived from an application, by their names in a folder of its own. */
const derived = {
  'openapi.json': async () => json(openApiDocument(application), 1),
  'host.json': async () => json(hostJson(topology)),
  'azure.json': async () => json(azureResources(topology)),
  'topology.json': async () => json(topology),
} satisfies Files;

/** The manifests of the declared cells: a consumer has a deployment of its own. `npm run infra:generate` writes them for a new cell. */
const manifests = (): Files => {
  const cells = JSON.parse(readFileSync('infra/cells.json', 'utf8')) as readonly DeclaredCell[];
  const files = cells.flatMap((cell) => Object.entries(kubernetesFiles(cell, topology)));
  return Object.fromEntries(files.map(([name, text]) => [`infra/kubernetes/${name}`, async () => text]));
};

/** The files of the project's own application, and those independent of any application. */
const own = (compile: typeof compileValidators): Files => ({
  'core/http/validators.generated.ts': () =>
    compile({ Erasure, Rebuild, Redrive }, 'core/http/bodies.ts', '../events/registry.ts'),
  'core/openapi.generated.json': derived['openapi.json'],
  'functions-azure/host.json': derived['host.json'],
  'infra/azure.json': derived['azure.json'],
  'infra/topology.json': derived['topology.json'],
  'docs/fault-matrix.md': async () => faultDocument(FAULTS),
  'docs/environment.md': async () =>
    environmentDocument([
      { folder: 'functions-aws', variables: aws.VARIABLES, platform: aws.PLATFORM_VARIABLES },
      { folder: 'functions-azure', variables: azure.VARIABLES, platform: azure.PLATFORM_VARIABLES },
      { folder: 'containers/aws', variables: awsContainer.VARIABLES, platform: awsContainer.PLATFORM_VARIABLES },
      { folder: 'containers/azure', variables: azureContainer.VARIABLES, platform: azureContainer.PLATFORM_VARIABLES },
      { folder: 'functions-edge', variables: edge.VARIABLES, platform: edge.PLATFORM_VARIABLES },
    ]),
  ...manifests(),
});

const OPTIONS: readonly string[] = ['--publish', '--check', '--quiet', '--out'];

/**
 * Writes or checks the generated files; returns the exit code. For an application other than the project's own, these are the files
 * beside its domains and, with `--out FOLDER`, those derived from it, in that folder. `--publish` records the schemas of new event
 * types, which cannot be narrowed from then on. `--quiet` suppresses the message of success.
 */
export async function main(args: readonly string[]): Promise<number> {
  if (args.some((arg, index) => !OPTIONS.includes(arg) && args[index - 1] !== '--out')) {
    process.stderr.write('Usage: npm run generate [-- --publish] [--check] [--quiet] [--out FOLDER]\n');
    return 2;
  }
  const out = args.includes('--out') ? args[args.indexOf('--out') + 1] : undefined;
  const check = args.includes('--check');
  // A check goes by nothing that an earlier run has left.
  const compile = check ? compileValidators : keptValidators;
  const outside = Object.entries(derived).map(([name, make]) => [path.posix.join(out ?? '', name), make] as const);
  const more =
    out !== undefined ? Object.fromEntries(outside) : applicationFile === OWN_APPLICATION ? own(compile) : {};
  const files: Files = { ...besideDomains(args.includes('--publish'), compile), ...more };
  const stale: string[] = [];
  try {
    for (const [file, make] of Object.entries(files)) {
      const text = await make();
      const present = await readFile(file, 'utf8').catch(() => '');
      if (present === text) continue;
      stale.push(file);
      if (check) continue;
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  // Missing validators have just been generated.
  const faults = applicationFaults(application).filter((fault) => check || !fault.includes('`npm run generate`'));
  if (faults.length > 0) {
    process.stderr.write(`${faults.join('\n')}\n`);
    return 1;
  }
  const list = stale.join(', ');
  if (check && stale.length > 0) {
    process.stderr.write(`Stale: ${list}. Run \`npm run generate\` and commit the result.\n`);
    return 1;
  }
  if (args.includes('--quiet')) return 0;
  process.stdout.write(stale.length === 0 ? 'Every generated file is up to date.\n' : `Wrote ${list}.\n`);
  return 0;
}
