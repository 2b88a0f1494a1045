// Checks infra/ as far as possible without terraform and without an account.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { checkResource } from './check/bodies.ts';
import { checkPolicies } from './check/policies.ts';
import { checkReferences, type KnownTypes } from './check/references.ts';
import { checkStyle } from './check/style.ts';
import { checkDeclarations, type DeclaredCell } from './declared.ts';
import { checkGenerated } from './generate.ts';
import { type Module, modulesBelow, type PlacedBlock, readModule } from './modules.ts';
import { checkRoots } from './roots.ts';
import { type BlockSchema, type Problem, type ProviderSchema, suggestion } from './schema.ts';

/** Resources that differ between the targeted provider version and the next major one, with the change that an upgrade needs. */
export const NOT_YET: Readonly<Record<string, string>> = {
  azurerm_private_dns_zone_virtual_network_link:
    'azurerm 5 takes private_dns_zone_id in place of zone name and resource group',
};

/** The problems below a root, by file and line. */
export function checkInfra(root: string): readonly Problem[] {
  const problems = checkDeclarations(root);
  // Roots can be compared only with valid cells.
  if (!problems.some(({ file }) => file === 'infra/cells.json'))
    problems.push(
      ...checkGenerated(root),
      ...checkRoots(root, JSON.parse(readFileSync(path.join(root, 'infra/cells.json'), 'utf8')) as DeclaredCell[]),
    );
  problems.push(...checkModules(root));
  return problems.sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
}

/** The problems of the Terraform files below a root. */
export function checkModules(root: string): Problem[] {
  const schemas = readSchemas(root);
  const opened = new Map<string, Module>();
  const open = (folder: string): Module | undefined => {
    const present = opened.get(folder);
    if (present !== undefined) return present;
    if (!existsSync(path.join(root, folder))) return undefined;
    const module = readModule(root, folder);
    opened.set(folder, module);
    return module;
  };
  return modulesBelow(root, 'infra').flatMap((folder) => {
    const module = open(folder);
    if (module === undefined) return [];
    return [
      ...module.problems,
      ...module.blocks.flatMap((block) => checkBlock(block, schemas)),
      ...checkReferences(module, knownTypes(schemas), open),
      ...checkPolicies(module),
      ...(folder.startsWith('infra/modules/') ? checkStyle(root, module) : []),
    ];
  });
}

/** The schemas in the repository, the targeted versions before later ones of the same provider. */
function readSchemas(root: string): readonly ProviderSchema[] {
  const folder = path.join(root, 'infra/schemas');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as ProviderSchema);
}

function knownTypes(schemas: readonly ProviderSchema[]): KnownTypes {
  // References may use types of any version of a provider.
  const merge = (kind: 'resources' | 'data_sources') => {
    const merged: Record<string, BlockSchema> = {};
    for (const schema of schemas)
      for (const [type, each] of Object.entries(schema[kind] ?? {}))
        merged[type] = {
          attributes: { ...merged[type]?.attributes, ...each.attributes },
          blocks: { ...merged[type]?.blocks, ...each.blocks },
        };
    return merged;
  };
  return { resources: merge('resources'), dataSources: merge('data_sources') };
}

const localName = ({ provider }: ProviderSchema): string => provider.split('/')[1] ?? provider;

/** Checks a resource, data source or provider against every available schema version of its provider. */
function checkBlock(block: PlacedBlock, schemas: readonly ProviderSchema[]): Problem[] {
  const [type = '', name = ''] = block.labels;
  const isProvider = block.type === 'provider';
  if (!isProvider && block.type !== 'resource' && block.type !== 'data') return [];
  const prefix = isProvider ? type : (type.split('_')[0] ?? '');
  // Terraform's own.
  if (prefix === 'terraform') return [];
  const own = schemas.filter((schema) => localName(schema) === prefix);
  const at = (line: number, message: string): Problem => ({ file: block.file, line, message });
  if (own.length === 0) return [at(block.line, `infra/schemas/ has no provider ${prefix}.`)];
  const kind = block.type === 'data' ? 'data_sources' : 'resources';
  const known = own.filter((schema) => isProvider || schema[kind]?.[type] !== undefined);
  if (known.length === 0) {
    const types = own.flatMap((schema) => Object.keys(schema[kind] ?? {}));
    return [
      at(
        block.line,
        `infra/schemas/ knows no ${block.type} ${type}${suggestion(type, types)}; infra/schemas/README.md explains how to add one.`,
      ),
    ];
  }
  const problems = known.flatMap((schema, index) => {
    // The first is the version that modules target.
    if (index > 0 && type in NOT_YET) return [];
    const found: Problem[] = [];
    const label = isProvider ? `provider ${type}` : `${type}.${name}`;
    const wanted = isProvider ? schema.provider_config : schema[kind]?.[type];
    const body = isProvider
      ? {
          ...block,
          body: { ...block.body, attributes: block.body.attributes.filter((attribute) => attribute.name !== 'alias') },
        }
      : block;
    if (wanted !== undefined)
      checkResource(
        (line, message) =>
          found.push(
            at(
              line,
              index === 0
                ? message
                : `${message.replace(/\.$/, '')} (in ${schema.provider.split('/')[1]} ${schema.version}).`,
            ),
          ),
        label,
        body,
        wanted,
      );
    return found;
  });
  return problems;
}
