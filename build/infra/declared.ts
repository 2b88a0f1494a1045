// Reads and checks the declared cells and the address plan; problems have file and line.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { LANE_NAMES, queueOf } from '../../core/cell/topology.ts';
import { type AddressPlan, allocatable, inside, overlap, parseCidr } from './address-plan.ts';
import { parseExpression } from './hcl/parser.ts';
import { type Expression, entryOf, SyntaxFault } from './hcl/syntax.ts';
import type { Problem } from './schema.ts';

// Ajv is CommonJS whose default export Node.js and TypeScript interpret differently.
const require = createRequire(import.meta.url);
const { Ajv } = require('ajv') as typeof import('ajv');

/** One declared cell, as infra/cells.schema.json describes it. */
export interface DeclaredCell {
  readonly id: string;
  readonly cloud: 'aws' | 'azure';
  readonly region: string;
  readonly jurisdiction: string;
  readonly cidr: string;
  readonly capacity: number;
  readonly price: number;
  readonly failover: 'automatic' | 'manual';
  readonly runtime: 'nodejs20' | 'nodejs22' | 'nodejs24' | 'container';
  readonly domain: string | null;
}

/** Cloud → region → jurisdiction. */
export type Regions = Readonly<Record<string, Readonly<Record<string, string>>>>;

const CELLS = 'infra/cells.json';
const PLAN = 'infra/address-plan.json';

/** A JSON file with its syntax tree, which has line numbers. */
interface Read<T> {
  readonly value: T;
  readonly tree: Expression;
}

/** All problems of cells, address plan, topology and objectives below a root. */
export function checkDeclarations(root: string): Problem[] {
  const problems: Problem[] = [];
  const read = <T>(file: string): Read<T> | undefined => readJson<T>(root, file, problems);
  const cells = read<readonly DeclaredCell[]>(CELLS);
  const regions = read<Regions>('infra/regions.json');
  const plan = read<AddressPlan>(PLAN);
  const schema = read<object>('infra/cells.schema.json');
  if (cells !== undefined && schema !== undefined && regions !== undefined && plan !== undefined) {
    const wrong = schemaProblems(cells, schema.value);
    problems.push(...wrong);
    // Values that do not match the schema cannot be checked further.
    if (wrong.length === 0)
      problems.push(...cellProblems(cells, regions.value, plan.value), ...planProblems(plan, cells.value));
  }
  problems.push(...consumerProblems(root, problems));
  return problems;
}

function readJson<T>(root: string, file: string, problems: Problem[]): Read<T> | undefined {
  if (!existsSync(path.join(root, file))) {
    problems.push({ file, line: 1, message: 'The file is missing.' });
    return undefined;
  }
  const text = readFileSync(path.join(root, file), 'utf8');
  try {
    return { value: JSON.parse(text) as T, tree: parseExpression(text) };
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof SyntaxFault)) throw error;
    problems.push({
      file,
      line: error instanceof SyntaxFault ? error.line : 1,
      message: `The file is no JSON: ${error.message}`,
    });
    return undefined;
  }
}

/** The line of a path of entry names and item numbers in a tree, or of its closest existing ancestor. */
function lineAt(tree: Expression, [next, ...rest]: readonly (string | number)[]): number {
  if (next === undefined) return tree.line;
  if (tree.kind === 'tuple') {
    const item = tree.items[Number(next)];
    return item === undefined ? tree.line : lineAt(item, rest);
  }
  const entry = entryOf(tree, String(next));
  return entry === undefined ? tree.line : rest.length === 0 ? entry.line : lineAt(entry.value, rest);
}

function schemaProblems({ value, tree }: Read<unknown>, schema: object): Problem[] {
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
  const validate = ajv.compile(schema);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message = 'is wrong', params }) => {
    const place = instancePath.split('/').slice(1);
    const added = 'additionalProperty' in params ? String(params.additionalProperty) : undefined;
    const allowed = 'allowedValues' in params ? `: ${(params.allowedValues as unknown[]).join(', ')}` : '';
    return {
      file: CELLS,
      line: lineAt(tree, added === undefined ? place : [...place, added]),
      message: `${instancePath === '' ? 'The file' : instancePath} ${message}${added === undefined ? allowed : `: ${added}`}.`,
    };
  });
}

function cellProblems(
  { value: cells, tree }: Read<readonly DeclaredCell[]>,
  regions: Regions,
  plan: AddressPlan,
): Problem[] {
  const problems: Problem[] = [];
  const report = (index: number, field: string, message: string) =>
    problems.push({ file: CELLS, line: lineAt(tree, [index, field]), message });
  for (const [index, cell] of cells.entries()) {
    const { id, cloud, region, jurisdiction, cidr, domain } = cell;
    const earlier = cells.slice(0, index);
    if (earlier.some((other) => other.id === id)) report(index, 'id', `The id ${id} is used twice.`);
    const clash = earlier.find((other) => overlap(other.cidr, cidr));
    if (clash !== undefined) report(index, 'cidr', `${cidr} of ${id} overlaps ${clash.cidr} of ${clash.id}.`);
    const supernet = plan.supernets[cloud];
    if (parseCidr(cidr) === undefined)
      report(index, 'cidr', `${cidr} of ${id} is no network: its address must be the first one.`);
    else if (supernet === undefined || !inside(cidr, supernet))
      report(index, 'cidr', `${cidr} of ${id} lies outside of ${supernet}, which is for ${cloud}.`);
    const known = regions[cloud]?.[region];
    if (known === undefined) report(index, 'region', `infra/regions.json knows no region ${region} of ${cloud}.`);
    else if (known !== jurisdiction)
      report(index, 'jurisdiction', `${region} lies in the jurisdiction ${known}, not ${jurisdiction}.`);
    if (cloud === 'azure' && domain !== null)
      report(
        index,
        'domain',
        'A cell on Azure has no domain of its own: the edge calls it by the name that Azure gives.',
      );
  }
  return problems;
}

function planProblems({ value: plan, tree }: Read<AddressPlan>, cells: readonly DeclaredCell[]): Problem[] {
  const problems: Problem[] = [];
  const report = (index: number, message: string) =>
    problems.push({ file: PLAN, line: lineAt(tree, ['allocations', index, 'cidr']), message });
  const supernets = Object.entries(plan.supernets);
  for (const [index, [name, cidr]] of supernets.entries()) {
    const line = lineAt(tree, ['supernets', name]);
    if (parseCidr(cidr) === undefined)
      problems.push({ file: PLAN, line, message: `${cidr} is no network: its address must be the first one.` });
    const clash = supernets.slice(0, index).find(([, other]) => overlap(other, cidr));
    if (clash !== undefined)
      problems.push({ file: PLAN, line, message: `${cidr} for ${name} overlaps ${clash[1]} for ${clash[0]}.` });
  }
  for (const [index, { cidr, for: owner }] of plan.allocations.entries()) {
    if (parseCidr(cidr) === undefined) report(index, `${cidr} is no network: its address must be the first one.`);
    else if (!supernets.some(([, supernet]) => inside(cidr, supernet)))
      report(index, `${cidr} lies in none of the supernets.`);
    const clash = plan.allocations.slice(0, index).find((other) => overlap(other.cidr, cidr));
    if (clash !== undefined) report(index, `${cidr} for ${owner} overlaps ${clash.cidr} for ${clash.for}.`);
  }
  for (const { id, cidr } of cells)
    if (!plan.allocations.some((each) => each.for === id && each.cidr === cidr))
      problems.push({
        file: PLAN,
        line: lineAt(tree, ['allocations']),
        message: `${cidr} is not allocated to ${id}, which declares it; ${allocatable(plan, cidr)}`,
      });
  return problems;
}

/** References to consumers that the topology does not declare. */
function consumerProblems(root: string, problems: Problem[]): Problem[] {
  const topology = readJson<{ readonly consumers: readonly { readonly name: string }[] }>(
    root,
    'infra/topology.json',
    problems,
  );
  const azure = readJson<{ readonly serviceBus: { readonly subscriptions: readonly { readonly name: string }[] } }>(
    root,
    'infra/azure.json',
    problems,
  );
  const objectives = readJson<{
    readonly alarms: Readonly<Record<string, unknown>>;
    readonly consumers: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  }>(root, 'infra/objectives.json', problems);
  if (topology === undefined || azure === undefined || objectives === undefined) return [];
  const names = topology.value.consumers.map(({ name }) => name);
  const subscriptions = names.flatMap((name) => LANE_NAMES.map((lane) => queueOf(name, lane)));
  const found: Problem[] = [];
  for (const [index, { name }] of azure.value.serviceBus.subscriptions.entries())
    if (!subscriptions.includes(name))
      found.push({
        file: 'infra/azure.json',
        line: lineAt(azure.tree, ['serviceBus', 'subscriptions', index, 'name']),
        message: `The topology declares no consumer ${name}; it has ${names.join(', ')}.`,
      });
  const alarms = Object.keys(objectives.value.alarms);
  for (const [consumer, own] of Object.entries(objectives.value.consumers)) {
    const line = lineAt(objectives.tree, ['consumers', consumer]);
    if (!names.includes(consumer))
      found.push({
        file: 'infra/objectives.json',
        line,
        message: `The topology declares no consumer ${consumer}; it has ${names.join(', ')}.`,
      });
    for (const alarm of Object.keys(own))
      if (!alarms.includes(alarm))
        found.push({
          file: 'infra/objectives.json',
          line: lineAt(objectives.tree, ['consumers', consumer, alarm]),
          message: `There is no alarm ${alarm}; there are ${alarms.join(', ')}.`,
        });
  }
  return found;
}
