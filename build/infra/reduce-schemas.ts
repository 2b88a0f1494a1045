// `npm run infra:schemas -- FILE…`: writes the parts of provider schemas that the modules use to infra/schemas/. A file is the output of
// `terraform providers schema -json`, or has the format of those in infra/schemas/, possibly with more content.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../bundles.mjs';
import { modulesBelow, readModule } from './modules.ts';
import type { AttributeSchema, AttributeType, BlockSchema, ProviderSchema } from './schema.ts';

/** The output of Terraform. */
interface Printed {
  readonly provider_schemas: Readonly<
    Record<
      string,
      {
        readonly provider: { readonly block: PrintedBlock };
        readonly resource_schemas: Readonly<Record<string, { readonly block: PrintedBlock }>>;
        readonly data_source_schemas: Readonly<Record<string, { readonly block: PrintedBlock }>>;
      }
    >
  >;
}

interface PrintedBlock {
  readonly attributes?: Readonly<Record<string, PrintedAttribute>>;
  readonly block_types?: Readonly<
    Record<
      string,
      {
        readonly nesting_mode: string;
        readonly block: PrintedBlock;
        readonly min_items?: number;
        readonly max_items?: number;
      }
    >
  >;
  readonly deprecated?: boolean;
}

interface PrintedAttribute {
  readonly type?: PrintedType;
  readonly nested_type?: {
    readonly nesting_mode: string;
    readonly attributes: Readonly<Record<string, PrintedAttribute>>;
  };
  readonly required?: boolean;
  readonly optional?: boolean;
  readonly computed?: boolean;
  readonly deprecated?: boolean;
}

type PrintedType = string | readonly [string, PrintedType | Readonly<Record<string, PrintedType>>];

/** Fields that the checks read; everything else is dropped. */
const FIELDS = [
  ...[
    'type',
    'required',
    'optional',
    'computed',
    'deprecated',
    'enum',
    'enum_ci',
    'range',
    'multiple_of',
    'conflicts_with',
    'also_requires',
  ],
  ...['attributes', 'blocks', 'nesting', 'min', 'max', 'exactly_one_of', 'at_least_one_of', 'required_with'],
];

/** Types of resources and data sources in the modules and roots below a folder. */
export function typesUsed(
  projectRoot: string,
  folder: string,
): { readonly resource: ReadonlySet<string>; readonly data: ReadonlySet<string> } {
  const blocks = modulesBelow(projectRoot, folder).flatMap((each) => readModule(projectRoot, each).blocks);
  const typed = (kind: string) =>
    new Set(blocks.filter(({ type }) => type === kind).map(({ labels }) => labels[0] ?? ''));
  return { resource: typed('resource'), data: typed('data') };
}

/** The parts of a schema for these types. */
export function reduce(
  schema: ProviderSchema,
  used: { readonly resource: ReadonlySet<string>; readonly data: ReadonlySet<string> },
): ProviderSchema {
  const pick = (all: Readonly<Record<string, BlockSchema>>, names: ReadonlySet<string>) =>
    Object.fromEntries(
      Object.entries(all)
        .filter(([name]) => names.has(name))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, each]) => [name, plain(each)]),
    ) as Record<string, BlockSchema>;
  return {
    provider: schema.provider,
    version: schema.version,
    source: schema.source,
    ...(schema.provider_config && { provider_config: plain(schema.provider_config) as BlockSchema }),
    resources: pick(schema.resources, used.resource),
    data_sources: pick(schema.data_sources ?? {}, used.data),
  };
}

/** Keeps the fields that the checks read, at every depth. Names of attributes and blocks are not fields. */
function plain(value: unknown, isNames = false): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => isNames || FIELDS.includes(name))
      .map(([name, each]) => [
        name,
        name === 'type' && !isNames ? each : plain(each, !isNames && (name === 'attributes' || name === 'blocks')),
      ]),
  );
}

/** Converts Terraform's output to the format of infra/schemas/. */
export function fromPrinted(printed: Printed, version: string): ProviderSchema {
  const [address = '', schema] = Object.entries(printed.provider_schemas)[0] ?? [];
  if (schema === undefined) throw new Error('The file holds no provider.');
  const blocks = (all: Readonly<Record<string, { readonly block: PrintedBlock }>>) =>
    Object.fromEntries(Object.entries(all).map(([name, { block }]) => [name, toBlock(block)]));
  return {
    provider: address.split('/').slice(-2).join('/'),
    version,
    source: 'terraform providers schema -json',
    provider_config: toBlock(schema.provider.block),
    resources: blocks(schema.resource_schemas),
    data_sources: blocks(schema.data_source_schemas),
  };
}

function toBlock({ attributes = {}, block_types = {}, deprecated }: PrintedBlock): BlockSchema {
  return {
    attributes: toAttributes(attributes),
    blocks: Object.fromEntries(
      Object.entries(block_types).map(([name, { nesting_mode, block, min_items, max_items }]) => [
        name,
        {
          ...toBlock(block),
          nesting: nesting_mode,
          ...(min_items !== undefined && { min: min_items }),
          ...(max_items !== undefined && { max: max_items }),
        },
      ]),
    ),
    ...(deprecated && { deprecated }),
  };
}

const toAttributes = (attributes: Readonly<Record<string, PrintedAttribute>>): Record<string, AttributeSchema> =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, { type, nested_type, required, optional, computed, deprecated }]) => [
      name,
      {
        type: nested_type ? `nested_${nested_type.nesting_mode}` : toType(type ?? 'dynamic'),
        ...(nested_type && { attributes: toAttributes(nested_type.attributes) }),
        ...(required && { required }),
        ...(optional && { optional }),
        ...(computed && { computed }),
        ...(deprecated && { deprecated }),
      },
    ]),
  );

function toType(type: PrintedType): AttributeType {
  if (typeof type === 'string') return type;
  const [container, of] = type;
  if (container === 'object')
    return {
      object: Object.fromEntries(Object.entries(of).map(([name, each]) => [name, toType(each as PrintedType)])),
    };
  const inner = toType(of as PrintedType);
  return typeof inner === 'string' ? `${container}(${inner})` : { [container]: inner };
}

/** Reduces each file; the provider version of a Terraform output is given as `FILE@VERSION`. */
export async function main(args: readonly string[]): Promise<number> {
  if (args.length === 0 || args.some((argument) => argument.startsWith('-'))) {
    process.stderr.write(
      'Usage: npm run infra:schemas -- FILE… (FILE@VERSION for what `terraform providers schema -json` prints)\n',
    );
    return 2;
  }
  const used = typesUsed(root, 'infra');
  mkdirSync(path.join(root, 'infra/schemas'), { recursive: true });
  for (const argument of args) {
    const [file = '', version = ''] = argument.split('@');
    let read: ProviderSchema | Printed;
    try {
      read = JSON.parse(readFileSync(file, 'utf8')) as ProviderSchema | Printed;
    } catch (error) {
      process.stderr.write(`The schema ${file} cannot be read: ${(error as Error).message}.\n`);
      return 1;
    }
    const schema = reduce('provider_schemas' in read ? fromPrinted(read, version) : read, used);
    const name = `${schema.provider.split('/')[1]}-${schema.version.split('.')[0]}.generated.json`;
    const text = `${JSON.stringify(schema)}\n`;
    writeFileSync(path.join(root, 'infra/schemas', name), text);
    process.stdout.write(
      `infra/schemas/${name}: ${Object.keys(schema.resources).length} resources, ${Math.round(text.length / 1024)} kB\n`,
    );
  }
  return 0;
}
