// Holds a resource against its provider's schema: names, what is missing, blocks and attributes taken for each other, values.
import type { Attribute, Block, Body, Expression, ObjectEntry } from '../hcl/syntax.ts';
import { attributeOf } from '../hcl/syntax.ts';
import { type AttributeSchema, type AttributeType, type BlockSchema, isSettable, suggestion } from '../schema.ts';

/** Tells of what is wrong at a line. */
export type Report = (line: number, message: string) => void;

/** What Terraform itself understands in every resource. */
const META_ATTRIBUTES = new Set(['count', 'for_each', 'provider', 'depends_on']);
const META_BLOCKS = new Set(['lifecycle', 'provisioner', 'connection']);

/** Checks the body of a resource, a data source or a provider; `name` is what messages call it. */
export function checkResource(report: Report, name: string, block: Block, schema: BlockSchema): void {
  const body: Body = {
    attributes: block.body.attributes.filter((attribute) => !META_ATTRIBUTES.has(attribute.name)),
    blocks: block.body.blocks.filter((inner) => !META_BLOCKS.has(inner.type)),
  };
  checkBody(report, name, block.line, body, schema);
  checkGroups(report, name, block.line, body, schema);
}

function checkBody(report: Report, name: string, line: number, body: Body, schema: BlockSchema): void {
  const attributes = schema.attributes ?? {};
  const blocks = schema.blocks ?? {};
  const known = [
    ...Object.keys(attributes).filter((each) => isSettable(attributes[each] as AttributeSchema)),
    ...Object.keys(blocks),
  ];
  for (const attribute of body.attributes) checkAttribute(report, name, attribute, schema, known);
  const counts = new Map<string, number>();
  const dynamic = new Set<string>();
  for (const block of body.blocks) {
    const inner =
      block.type === 'dynamic' ? dynamicContent(report, name, block) : { type: block.type, body: block.body };
    if (inner === undefined) continue;
    const { type } = inner;
    if (block.type === 'dynamic') dynamic.add(type);
    else counts.set(type, (counts.get(type) ?? 0) + 1);
    const inside = blocks[type];
    const attribute = attributes[type];
    if (inside !== undefined) checkBody(report, `${name}.${type}`, block.line, inner.body, inside);
    else if (attribute !== undefined)
      report(block.line, `${name}: ${type} is an attribute: write ${type} = …, not a block.`);
    else report(block.line, `${name}: unknown block ${type}${suggestion(type, known)}.`);
  }
  for (const [each, { required }] of Object.entries(attributes))
    if (required && !isGiven(attributeOf(body, each))) report(line, `${name}: missing required attribute ${each}.`);
  for (const [each, { min = 0, max, nesting }] of Object.entries(blocks)) {
    const count = counts.get(each) ?? 0;
    const most = nesting === 'single' ? 1 : max;
    if (count < min && !dynamic.has(each)) report(line, `${name}: missing required block ${each}.`);
    if (most !== undefined && most > 0 && count > most)
      report(line, `${name}: ${count} blocks ${each}; there may be ${most}.`);
  }
  checkRelations(
    report,
    name,
    line,
    attributes,
    (each) => isGiven(attributeOf(body, each)) || counts.has(each) || dynamic.has(each),
  );
}

const isGiven = (attribute: Attribute | undefined): boolean =>
  attribute !== undefined && !(attribute.value.kind === 'literal' && attribute.value.value === null);

function checkAttribute(
  report: Report,
  name: string,
  { name: own, value, line }: Attribute,
  schema: BlockSchema,
  known: readonly string[],
): void {
  const attribute = schema.attributes?.[own];
  if (attribute === undefined) {
    if (schema.blocks?.[own] !== undefined)
      report(line, `${name}: ${own} is a block: write ${own} { … }, not ${own} = ….`);
    else report(line, `${name}: unknown attribute ${own}${suggestion(own, known)}.`);
  } else if (!isSettable(attribute)) report(line, `${name}: ${own} is read-only.`);
  else if (attribute.deprecated) report(line, `${name}: ${own} is deprecated.`);
  else checkValue(report, `${name}.${own}`, value, attribute);
}

/** The block that a `dynamic` makes. */
function dynamicContent(report: Report, name: string, block: Block): { type: string; body: Body } | undefined {
  const type = block.labels[0] ?? '';
  const contents = block.body.blocks.filter((inner) => inner.type === 'content');
  if (attributeOf(block.body, 'for_each') === undefined)
    report(block.line, `${name}: dynamic "${type}" needs for_each.`);
  for (const { name: attribute, line } of block.body.attributes)
    if (!['for_each', 'iterator', 'labels'].includes(attribute))
      report(line, `${name}: ${attribute} belongs into the content of dynamic "${type}".`);
  const [content] = contents;
  if (content !== undefined && contents.length === 1) return { type, body: content.body };
  report(block.line, `${name}: dynamic "${type}" needs one content block.`);
  return undefined;
}

function checkValue(report: Report, name: string, value: Expression, schema: AttributeSchema): void {
  if (schema.attributes !== undefined) {
    checkNested(report, name, value, schema);
    return;
  }
  if (value.kind === 'literal') {
    checkLiteral(report, name, value.value, value.line, schema);
    return;
  }
  const kind = kindOf(schema.type);
  const isList = kind === 'list' || kind === 'set';
  if (value.kind === 'tuple') {
    if (isList)
      for (const item of value.items) checkValue(report, name, item, { ...schema, type: elementOf(schema.type) });
    else if (kind !== 'dynamic') report(value.line, `${name} must be a ${kind}, not a list.`);
  } else if (value.kind === 'object' && kind !== 'map' && kind !== 'object' && kind !== 'dynamic')
    report(value.line, `${name} must be a ${kind}, not an object.`);
  else if (value.kind === 'template' && kind !== 'string' && kind !== 'dynamic')
    report(value.line, `${name} must be a ${kind}, not a string.`);
}

function checkLiteral(
  report: Report,
  name: string,
  value: string | number | boolean | null,
  line: number,
  schema: AttributeSchema,
): void {
  if (value === null) return;
  const kind = kindOf(schema.type);
  // Terraform turns these into each other where the text allows it.
  const fits =
    kind === 'dynamic' ||
    (kind === 'string'
      ? true
      : kind === 'number'
        ? !Number.isNaN(Number(value)) && typeof value !== 'boolean'
        : kind === 'bool'
          ? ['true', 'false'].includes(String(value))
          : false);
  if (!fits) {
    report(line, `${name} must be a ${kind}, not ${JSON.stringify(value)}.`);
    return;
  }
  const text = schema.enum_ci ? String(value).toLowerCase() : String(value);
  const allowed = schema.enum?.map((each) => (schema.enum_ci ? String(each).toLowerCase() : String(each)));
  if (allowed !== undefined && !allowed.includes(text))
    report(line, `${name} is ${JSON.stringify(value)}; it may be ${schema.enum?.join(', ')}.`);
  const [least, most] = rangeOf(schema.range);
  if (typeof value === 'number' && ((least !== null && value < least) || (most !== null && value > most)))
    report(line, `${name} is ${value}; it must be ${least ?? 'anything'} to ${most ?? 'anything'}.`);
  if (typeof value === 'number' && schema.multiple_of !== undefined && value % schema.multiple_of !== 0)
    report(line, `${name} is ${value}; it must be a multiple of ${schema.multiple_of}.`);
}

/** Attributes of providers that have no blocks: objects, and lists and maps of them. */
function checkNested(report: Report, name: string, value: Expression, schema: AttributeSchema): void {
  const attributes = schema.attributes ?? {};
  const known = Object.keys(attributes).filter((each) => isSettable(attributes[each] as AttributeSchema));
  const single = (each: Expression, own: string): void => {
    if (each.kind !== 'object') return;
    for (const entry of each.entries) checkEntry(report, own, entry, attributes, known);
    const given = (field: string) => each.entries.some((entry) => entry.name === field);
    // A key that is worked out may be any of them.
    if (each.entries.every((entry) => entry.name !== undefined))
      for (const [field, { required }] of Object.entries(attributes))
        if (required && !given(field)) report(each.line, `${own}: missing required attribute ${field}.`);
    checkRelations(report, own, each.line, attributes, given);
  };
  if (schema.type === 'nested_single') single(value, name);
  else if (schema.type === 'nested_map' && value.kind === 'object')
    for (const entry of value.entries) single(entry.value, `${name}.${entry.name ?? '…'}`);
  else if (value.kind === 'tuple') for (const item of value.items) single(item, name);
  else if (value.kind === 'object') report(value.line, `${name} must be a list of objects, not an object.`);
}

function checkEntry(
  report: Report,
  name: string,
  { name: own, value, line }: ObjectEntry,
  attributes: Readonly<Record<string, AttributeSchema>>,
  known: readonly string[],
): void {
  if (own === undefined) return;
  const attribute = attributes[own];
  if (attribute === undefined) report(line, `${name}: unknown attribute ${own}${suggestion(own, known)}.`);
  else if (!isSettable(attribute)) report(line, `${name}: ${own} is read-only.`);
  else checkValue(report, `${name}.${own}`, value, attribute);
}

function checkRelations(
  report: Report,
  name: string,
  line: number,
  attributes: Readonly<Record<string, AttributeSchema>>,
  given: (name: string) => boolean,
): void {
  for (const [each, { conflicts_with = [], also_requires = [] }] of Object.entries(attributes)) {
    if (!given(each)) continue;
    for (const other of conflicts_with)
      if (other in attributes && given(other) && each < other)
        report(line, `${name}: ${each} conflicts with ${other}.`);
    for (const other of also_requires)
      if (other in attributes && !given(other)) report(line, `${name}: ${each} also needs ${other}.`);
  }
}

/** Groups of attributes and blocks of which exactly one, or at least one, must be there. */
function checkGroups(report: Report, name: string, line: number, body: Body, schema: BlockSchema): void {
  for (const kind of ['exactly_one_of', 'at_least_one_of', 'required_with'] as const)
    for (const group of schema[kind] ?? []) {
      const [folder = ''] = group.map((each) => each.split('.').slice(0, -1).join('.'));
      if (group.some((each) => each.split('.').slice(0, -1).join('.') !== folder)) continue;
      const leaves = group.map((each) => each.split('.').at(-1) ?? '');
      for (const inner of bodiesAt(body, folder === '' ? [] : folder.split('.')))
        checkGroup(report, name, line, kind, leaves, inner);
    }
}

function checkGroup(
  report: Report,
  name: string,
  line: number,
  kind: 'exactly_one_of' | 'at_least_one_of' | 'required_with',
  leaves: readonly string[],
  body: Body,
): void {
  const isThere = (each: string) =>
    isGiven(attributeOf(body, each)) ||
    body.blocks.some(({ type, labels }) => type === each || (type === 'dynamic' && labels[0] === each));
  // What is worked out may turn out to be null.
  const isSure = (each: string) =>
    attributeOf(body, each)?.value.kind === 'literal' || body.blocks.some(({ type }) => type === each);
  const there = leaves.filter(isThere);
  const [first = ''] = leaves;
  if (kind === 'required_with') {
    if (isThere(first) && isSure(first) && there.length < leaves.length)
      report(line, `${name}: ${first} also needs ${leaves.slice(1).join(', ')}.`);
  } else if (there.length === 0)
    report(
      line,
      `${name}: ${kind === 'exactly_one_of' ? 'exactly' : 'at least'} one of ${leaves.join(', ')} is needed.`,
    );
  else if (
    kind === 'exactly_one_of' &&
    there.filter((each) => isGiven(attributeOf(body, each)) && isSure(each)).length > 1
  )
    report(line, `${name}: only one of ${leaves.join(', ')} may be set.`);
}

/** The bodies of the blocks at a place inside another one. */
function bodiesAt(body: Body, [next, ...rest]: readonly string[]): readonly Body[] {
  if (next === undefined) return [body];
  return body.blocks.flatMap(({ type, labels, body: inner }) => {
    if (type === next) return bodiesAt(inner, rest);
    if (type !== 'dynamic' || labels[0] !== next) return [];
    return inner.blocks.filter((each) => each.type === 'content').flatMap((each) => bodiesAt(each.body, rest));
  });
}

/** What a type is at its outside: `string`, `list`, `map`, `object`, … */
function kindOf(type: AttributeType): string {
  return typeof type === 'string' ? (/^\w+/.exec(type)?.[0] ?? type) : (Object.keys(type)[0] ?? 'dynamic');
}

function elementOf(type: AttributeType): AttributeType {
  if (typeof type === 'string') return /^\w+\((.*)\)$/.exec(type)?.[1] ?? 'dynamic';
  return (Object.values(type)[0] ?? 'dynamic') as AttributeType;
}

function rangeOf(range: AttributeSchema['range']): readonly [number | null, number | null] {
  if (range === undefined) return [null, null];
  if (typeof range !== 'string') return [range[0] ?? null, range[1] ?? null];
  const found = /^(Between|AtLeast|AtMost)\((-?[\d.]+)(?:,\s*(-?[\d.]+))?\)$/.exec(range);
  if (found === null) return [null, null];
  const [, kind, first, second] = found;
  if (kind === 'Between') return [Number(first), Number(second)];
  return kind === 'AtLeast' ? [Number(first), null] : [null, Number(first)];
}
