// Resolves every name used in an expression to its declaration.
import { attributeOf, type Block, type Expression, expressionsOf, partsOf, visitExpression } from '../hcl/syntax.ts';
import { blocksOf, calledFolder, type Module, type PlacedBlock } from '../modules.ts';
import { type BlockSchema, type Problem, suggestion } from '../schema.ts';
import { FUNCTIONS } from './functions.ts';

/** Schemas by type. */
export interface KnownTypes {
  readonly resources: Readonly<Record<string, BlockSchema>>;
  readonly dataSources: Readonly<Record<string, BlockSchema>>;
}

/** Names that are defined everywhere. */
const BUILT_IN = new Set(['path', 'terraform', 'each', 'count', 'self']);

interface Declared {
  readonly variables: ReadonlySet<string>;
  readonly locals: ReadonlySet<string>;
  /** Module call → its outputs; undefined for a module outside the repository. */
  readonly modules: ReadonlyMap<string, ReadonlySet<string> | undefined>;
  readonly resources: ReadonlySet<string>;
  readonly dataSources: ReadonlySet<string>;
}

/** Checks all references of a module, its calls of other modules, and that every declaration is used. */
export function checkReferences(
  module: Module,
  types: KnownTypes,
  open: (folder: string) => Module | undefined,
): Problem[] {
  const problems: Problem[] = [];
  const declared = declarationsOf(module, open, problems);
  const used = new Set<string>();
  for (const block of module.blocks) {
    if (block.type === 'moved' || block.type === 'removed') continue;
    const report = (line: number, message: string) => problems.push({ file: block.file, line, message });
    // The words of a variable's type are not references.
    const bodies =
      block.type === 'variable'
        ? block.body.blocks.filter(({ type }) => type === 'validation').map(({ body }) => body)
        : [block.body];
    for (const body of bodies)
      for (const expression of expressionsOf(body)) follow(expression, { block, declared, types, used, report });
    checkRepetition(block, report);
    if (block.type === 'module') checkCall(module, block, open, report);
    if (block.type === 'variable') checkValidations(block, report);
  }
  problems.push(...unused(module, used));
  return problems;
}

function declarationsOf(module: Module, open: (folder: string) => Module | undefined, problems: Problem[]): Declared {
  const resources = new Set<string>();
  const dataSources = new Set<string>();
  const seen = new Set<string>();
  for (const { type, labels, file, line } of module.blocks) {
    if (!['variable', 'output', 'module', 'resource', 'data'].includes(type)) continue;
    const name = [type, ...labels].join('.');
    if (seen.has(name)) problems.push({ file, line, message: `${labels.join('.')} is declared twice.` });
    seen.add(name);
    if (type === 'resource') resources.add(labels.join('.'));
    if (type === 'data') dataSources.add(labels.join('.'));
  }
  return {
    variables: new Set(blocksOf(module, 'variable').map(({ labels }) => labels[0] ?? '')),
    locals: new Set(blocksOf(module, 'locals').flatMap(({ body }) => body.attributes.map(({ name }) => name))),
    modules: new Map(
      blocksOf(module, 'module').map((call) => {
        const folder = calledFolder(module, call);
        const called = folder === undefined ? undefined : open(folder);
        return [
          call.labels[0] ?? '',
          called && new Set(blocksOf(called, 'output').map(({ labels }) => labels[0] ?? '')),
        ];
      }),
    ),
    resources,
    dataSources,
  };
}

interface Following {
  readonly block: Block;
  readonly declared: Declared;
  readonly types: KnownTypes;
  readonly used: Set<string>;
  readonly report: (line: number, message: string) => void;
}

/** Resolves the names in an expression; `names` are those defined by an enclosing `for` or dynamic block. */
function follow(
  expression: Expression,
  following: Following,
  names: ReadonlySet<string> = iteratorsOf(following.block),
): void {
  if (expression.kind === 'for') {
    follow(expression.collection, following, names);
    const inside = new Set([...names, ...expression.variables]);
    for (const part of [expression.key, expression.value, expression.condition])
      if (part !== undefined) follow(part, following, inside);
    return;
  }
  if (expression.kind === 'call' && !FUNCTIONS.has(expression.name) && !expression.name.startsWith('provider::'))
    following.report(
      expression.line,
      `There is no function ${expression.name}${suggestion(expression.name, [...FUNCTIONS])}.`,
    );
  if (expression.kind === 'traversal') followName(expression, following, names);
  for (const part of partsOf(expression)) follow(part, following, names);
}

function followName(
  { root, path, line }: Expression & { kind: 'traversal' },
  { declared, types, used, report, block }: Following,
  names: ReadonlySet<string>,
): void {
  const [first, second] = path;
  if (names.has(root) || BUILT_IN.has(root)) return;
  const plain = typeof first === 'string' ? first : '';
  if (root === 'var' || root === 'local') {
    const known = root === 'var' ? declared.variables : declared.locals;
    used.add(`${root}.${plain}`);
    if (!known.has(plain)) report(line, `${root}.${plain} is not declared${suggestion(plain, [...known])}.`);
  } else if (root === 'module') {
    if (!declared.modules.has(plain)) report(line, `module.${plain} is not declared.`);
    const outputs = declared.modules.get(plain);
    const output = path.slice(1).find((part) => typeof part === 'string' && part !== '*');
    if (outputs !== undefined && typeof output === 'string' && !outputs.has(output))
      report(line, `module.${plain} has no output ${output}${suggestion(output, [...outputs])}.`);
  } else if (root === 'data')
    followResource(
      `${plain}.${String(second)}`,
      plain,
      path.slice(2),
      declared.dataSources,
      types.dataSources,
      line,
      report,
      'data.',
    );
  // A bare word is no resource: an attribute that a lifecycle ignores may look like a type.
  else if (path.length > 0 && /^[a-z]+\d?_/.test(root))
    followResource(`${root}.${plain}`, root, path.slice(1), declared.resources, types.resources, line, report, '');
  // A single word is a keyword value: a provider, or an attribute that a lifecycle ignores.
  else if (path.length === 0 && !isMeta(block)) report(line, `${root} means nothing here.`);
}

/** Blocks in which bare names refer to attributes and providers. */
const isMeta = ({ type, body }: Block): boolean =>
  type === 'provider' || type === 'terraform' || body.blocks.some((inner) => inner.type === 'lifecycle');

function followResource(
  name: string,
  type: string,
  path: readonly (string | Expression)[],
  declared: ReadonlySet<string>,
  schemas: Readonly<Record<string, BlockSchema>>,
  line: number,
  report: Following['report'],
  prefix: string,
): void {
  if (!declared.has(name)) {
    report(line, `${prefix}${name} is not declared in this module${suggestion(name, [...declared])}.`);
    return;
  }
  const attribute = path.find((part) => typeof part === 'string' && part !== '*');
  const schema = schemas[type];
  if (schema === undefined || typeof attribute !== 'string') return;
  const known = [...Object.keys(schema.attributes ?? {}), ...Object.keys(schema.blocks ?? {})];
  if (!known.includes(attribute))
    report(line, `${prefix}${name} has no attribute ${attribute}${suggestion(attribute, known)}.`);
}

/** The iterator names of the dynamic blocks inside a block. */
function iteratorsOf(block: Block): ReadonlySet<string> {
  const names = new Set<string>();
  const walk = ({ type, labels, body }: Block): void => {
    if (type === 'dynamic') {
      const iterator = attributeOf(body, 'iterator')?.value;
      names.add(iterator?.kind === 'traversal' ? iterator.root : (labels[0] ?? ''));
    }
    for (const inner of body.blocks) walk(inner);
  };
  walk(block);
  return names;
}

/** `each` needs for_each, and `count.index` needs count. */
function checkRepetition(block: PlacedBlock, report: Following['report']): void {
  if (!['resource', 'data', 'module'].includes(block.type)) return;
  for (const expression of expressionsOf(block.body))
    visitExpression(expression, (each) => {
      if (each.kind !== 'traversal') return;
      const needed = each.root === 'each' ? 'for_each' : each.root === 'count' ? 'count' : undefined;
      if (needed !== undefined && attributeOf(block.body, needed) === undefined)
        report(each.line, `${each.root} is used without ${needed}.`);
    });
}

const CALL_WORDS = new Set(['source', 'version', 'count', 'for_each', 'providers', 'depends_on']);

function checkCall(
  module: Module,
  call: PlacedBlock,
  open: (folder: string) => Module | undefined,
  report: Following['report'],
): void {
  const folder = calledFolder(module, call);
  if (folder === undefined) {
    report(call.line, `module.${call.labels[0]} must come from a folder of this repository.`);
    return;
  }
  const called = open(folder);
  if (called === undefined) {
    report(call.line, `module.${call.labels[0]}: there is no module ${folder}.`);
    return;
  }
  const variables = blocksOf(called, 'variable');
  const names = variables.map(({ labels }) => labels[0] ?? '');
  for (const { name, line } of call.body.attributes)
    if (!CALL_WORDS.has(name) && !names.includes(name))
      report(line, `${folder} has no variable ${name}${suggestion(name, names)}.`);
  for (const { labels, body } of variables)
    if (attributeOf(body, 'default') === undefined && attributeOf(call.body, labels[0] ?? '') === undefined)
      report(call.line, `module.${call.labels[0]} must set ${labels[0]}.`);
}

/** Terraform refuses a validation that does not refer to its own variable, but only during a plan. */
function checkValidations({ labels, body }: PlacedBlock, report: Following['report']): void {
  for (const validation of body.blocks.filter(({ type }) => type === 'validation')) {
    const condition = attributeOf(validation.body, 'condition')?.value;
    let itself = false;
    if (condition !== undefined)
      visitExpression(condition, (each) => {
        itself ||= each.kind === 'traversal' && each.root === 'var' && each.path[0] === labels[0];
      });
    if (!itself) report(validation.line, `The validation of ${labels[0]} must refer to var.${labels[0]}.`);
    if (attributeOf(validation.body, 'error_message') === undefined)
      report(validation.line, `The validation of ${labels[0]} needs an error_message.`);
  }
}

function unused(module: Module, used: ReadonlySet<string>): Problem[] {
  const variables = blocksOf(module, 'variable').map(({ labels, file, line }) => ({
    name: `var.${labels[0]}`,
    file,
    line,
  }));
  const locals = blocksOf(module, 'locals').flatMap(({ file, body }) =>
    body.attributes.map(({ name, line }) => ({ name: `local.${name}`, file, line })),
  );
  return [...variables, ...locals]
    .filter(({ name }) => !used.has(name))
    .map(({ name, file, line }) => ({ file, line, message: `${name} is declared and never used.` }));
}
