// `npm run generate`: writes generated files; `--check` only reports which of them are stale.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { application } from '../core/application.ts';
import { applicationFaults, topologyOf } from '../core/domain/application.ts';
import type { Domain } from '../core/domain/domain.ts';
import { Redrive } from '../core/http/bodies.ts';
import { openApiDocument } from '../core/http/openapi.ts';
import * as aws from '../functions-aws/config.ts';
import * as azure from '../functions-azure/config.ts';
import * as edge from '../functions-edge/config.ts';
import { azureResources } from './azure-resources.ts';
import { environmentDocument } from './environment.ts';
import { hostJson } from './host-json.ts';
import { compileValidators, SchemaError } from './validators.ts';

type Files = Readonly<Record<string, () => Promise<string>>>;

const topology = topologyOf(application);

const json = (value: unknown, indent = 2) => `${JSON.stringify(value, null, indent)}\n`;

/** The folder of the domain. */
const folderOf = ({ name }: Domain): string => {
  const folders = [`core/domains/${name}`, `examples/${name}`];
  const folder = folders.find((each) => existsSync(path.join(each, 'domain.ts')));
  if (folder === undefined) throw new SchemaError(`The domain ${name} is in neither ${folders.join(' nor ')}.`);
  return folder;
};

/** The validators of each domain are in its folder, whichever application uses it. */
const validators: Files = {
  ...Object.fromEntries(
    application.map((domain) => {
      const schemas = Object.fromEntries(domain.events.map(({ type, schema }) => [type, schema]));
      const folder = folderOf(domain);
      const registry = `${path.posix.relative(folder, 'core/events')}/registry.ts`;
      return [
        `${folder}/validators.generated.ts`,
        () => compileValidators(schemas, `the event types in ${folder}`, registry),
      ];
    }),
  ),
  'core/http/validators.generated.ts': () =>
    compileValidators({ Redrive }, 'core/http/bodies.ts', '../events/registry.ts'),
};

/** The files derived from an application, by their names in a folder of its own. */
const derived = {
  'openapi.json': async () => json(openApiDocument(application), 1),
  'host.json': async () => json(hostJson(topology)),
  'azure.json': async () => json(azureResources(topology)),
  'topology.json': async () => json(topology),
} satisfies Files;

/** The files of the project's own application, and those independent of any application. */
const own: Files = {
  'core/openapi.generated.json': derived['openapi.json'],
  'functions-azure/host.json': derived['host.json'],
  'infra/azure.json': derived['azure.json'],
  'infra/topology.json': derived['topology.json'],
  'docs/environment.md': async () =>
    environmentDocument([
      { folder: 'functions-aws', variables: aws.VARIABLES, platform: aws.PLATFORM_VARIABLES },
      { folder: 'functions-azure', variables: azure.VARIABLES, platform: azure.PLATFORM_VARIABLES },
      { folder: 'functions-edge', variables: edge.VARIABLES, platform: edge.PLATFORM_VARIABLES },
    ]),
};

/**
 * Writes or checks the generated files; returns the exit code. With `--out FOLDER`, files derived from the application are written
 * there, and the project's own files remain unchanged.
 */
export async function main(args: readonly string[]): Promise<number> {
  const out = args.includes('--out') ? args[args.indexOf('--out') + 1] : undefined;
  const outside = Object.entries(derived).map(([name, make]) => [path.posix.join(out ?? '', name), make] as const);
  const files: Files = { ...validators, ...(out === undefined ? own : Object.fromEntries(outside)) };
  const check = args.includes('--check');
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
  process.stdout.write(stale.length === 0 ? 'Every generated file is up to date.\n' : `Wrote ${list}.\n`);
  return 0;
}
