// `polycell cells plan` and `polycell cells scaffold`: work on the files in infra/ that declare cells, without an edge.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type AddressPlan, allocate, describePlan } from '../../build/infra/address-plan.ts';
import type { DeclaredCell } from '../../build/infra/declared.ts';
import { generatedFiles } from '../../build/infra/generate.ts';
import { type CommandContext, UsageError, UserError } from '../command.ts';

const PLAN = 'infra/address-plan.json';
const CELLS = 'infra/cells.json';

type Declared = (root: string, id: string | undefined, context: CommandContext) => Promise<number>;

/** The actions on declarations. */
export const declaredActions: Readonly<Record<string, Declared>> = { plan, scaffold };

/** Whether the first argument is an action on declarations. */
export const isOfDeclarations = ({ positionals: [action = ''] }: CommandContext): boolean =>
  Object.hasOwn(declaredActions, action);

/** Runs the action on the declarations below a folder. */
export async function runOnDeclarations(root: string, context: CommandContext): Promise<number> {
  const [action = '', id] = context.positionals;
  if (id !== undefined && !/^[a-z0-9-]{1,63}$/.test(id))
    throw new UsageError(`${JSON.stringify(id)} cannot be a cell: it is 1 to 63 of a-z 0-9 -`);
  return declaredActions[action]?.(root, id, context) ?? 2;
}

async function readJson<T>(root: string, file: string): Promise<T> {
  const full = path.join(root, file);
  if (!existsSync(full)) throw new UserError(`There is no ${file} here; run this in a checkout.`);
  try {
    return JSON.parse(await readFile(full, 'utf8')) as T;
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserError(`${file} is no JSON: ${error.message}`);
    throw error;
  }
}

async function plan(root: string, id: string | undefined, { options, json, out }: CommandContext): Promise<number> {
  const current = await readJson<AddressPlan>(root, PLAN);
  if (id === undefined) {
    for (const line of json ? [JSON.stringify(current)] : describePlan(current)) out(line);
    return 0;
  }
  const declared = (await readJson<readonly DeclaredCell[]>(root, CELLS)).find((cell) => cell.id === id);
  const cloud = declared?.cloud ?? options.cloud;
  if (typeof cloud !== 'string') throw new UsageError(`${CELLS} declares no cell ${id} yet: give its --cloud.`);
  if (declared !== undefined && options.cloud !== undefined && options.cloud !== declared.cloud)
    throw new UsageError(`${CELLS} declares ${id} in ${declared.cloud}, not in ${options.cloud}.`);
  const { plan: next, cidr } = allocated(current, cloud, id);
  const changed = next !== current;
  const dryRun = options['dry-run'] === true;
  if (changed && !dryRun) await writeFile(path.join(root, PLAN), `${JSON.stringify(next, null, 2)}\n`);
  if (json) out(JSON.stringify({ cell: id, cidr, changed, dryRun }));
  else if (!changed) out(`${cidr} is allocated to ${id} already.`);
  else out(dryRun ? `${cidr} would be allocated to ${id}.` : `${cidr} is allocated to ${id}; write it into ${CELLS}.`);
  return 0;
}

function allocated(current: AddressPlan, cloud: string, id: string): ReturnType<typeof allocate> {
  if (!Object.hasOwn(current.supernets, cloud))
    throw new UsageError(`The plan has no networks for ${cloud}; it has ${Object.keys(current.supernets).join(', ')}.`);
  try {
    return allocate(current, cloud, id);
  } catch (error) {
    throw new UserError((error as Error).message);
  }
}

async function scaffold(root: string, id: string | undefined, { options, json, out }: CommandContext): Promise<number> {
  if (id === undefined) throw new UsageError('Name the cell.');
  const cells = await readJson<readonly DeclaredCell[]>(root, CELLS);
  if (id !== 'edge' && !cells.some((cell) => cell.id === id))
    throw new UserError(
      `${CELLS} declares no cell ${id}; there are ${cells.map((cell) => cell.id).join(', ')}. Add its entry first.`,
    );
  const folders = [`infra/live/${id}/`, `infra/kubernetes/${id}/`];
  const wanted = [...generatedFiles(root)].filter(([file]) => folders.some((folder) => file.startsWith(folder)));
  const dryRun = options['dry-run'] === true;
  const files = await Promise.all(wanted.map(([file, text]) => put(path.join(root, file), file, text, dryRun)));
  if (json) out(JSON.stringify({ cell: id, files, dryRun }));
  else for (const { file, change } of files) out(`${change.padEnd(9)}  ${file}`);
  return 0;
}

/** Writes a file unless it is up to date; returns what changes. */
async function put(
  full: string,
  file: string,
  text: string,
  dryRun: boolean,
): Promise<{ file: string; change: 'new' | 'changed' | 'unchanged' }> {
  const present = existsSync(full) ? await readFile(full, 'utf8') : undefined;
  if (present === text) return { file, change: 'unchanged' };
  if (!dryRun) {
    await mkdir(path.dirname(full), { recursive: true });
    await writeFile(full, text);
  }
  return { file, change: present === undefined ? 'new' : 'changed' };
}
