// What the commands that read or change the directory have in common.
import type { CellShown } from '../core/edge/control/control-answers.ts';
import type { DirectoryChange, DirectoryOutcome, Tenant } from '../core/edge/ports/directory-model.ts';
import { sameJson } from '../core/lib/same-json.ts';
import {
  actionOf,
  type CommandContext,
  RefusedError,
  UsageError,
  wholeNumber,
  YES_DESCRIPTION,
  YES_OPTION,
} from './command.ts';
import { confirm } from './edge/confirm.ts';
import { type Connection, connect } from './edge/connection.ts';
import type { Control } from './edge/edge-client.ts';
import { type Column, counted, Table } from './table.ts';

/** A cell, as the control plane shows it. */
export type DirectoryCell = CellShown;

export const CELL_COLUMNS: readonly Column<DirectoryCell>[] = [
  { title: 'cell', of: ({ id }) => id },
  { title: 'state', of: ({ state }) => state },
  { title: 'cloud', of: ({ cloud }) => cloud },
  { title: 'region', of: ({ region }) => region },
  { title: 'area', of: ({ jurisdiction }) => jurisdiction },
  { title: 'homes', of: ({ homes }) => homes },
  { title: 'standbys', of: ({ standbys }) => standbys },
  { title: 'capacity', of: ({ capacity }) => capacity },
  { title: 'price', of: ({ price }) => price },
  { title: 'failover', of: ({ failover }) => failover },
  { title: 'endpoint', of: ({ endpoint }) => endpoint },
];

/** Options of every command that changes something. */
export const CHANGE_OPTIONS = {
  reason: { type: 'string' },
  'dry-run': { type: 'boolean' },
  'if-revision': { type: 'string' },
  ...YES_OPTION,
} as const;

export const CHANGE_DESCRIPTIONS = {
  '--reason TEXT': 'why, for the audit log; the command itself if not given',
  '--dry-run': 'show what would change, without changing it',
  '--if-revision N': 'refuse if the directory has changed since this revision',
  ...YES_DESCRIPTION,
} as const;

/** `takenBy` of those options, for a command whose actions of these names change the directory. */
export const changesTake = (...actions: readonly string[]): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(Object.keys(CHANGE_OPTIONS).map((option) => [option, actions]));

/** A refusal because of events that would stay behind, with the option that accepts it. */
export const withLeaveData = ({ message, code }: RefusedError): RefusedError =>
  new RefusedError(`${message} On the command line, leaveData is --leave-data.`, code);

/** The field of `--leave-data`. */
export const leavingData = ({ options }: Pick<CommandContext, 'options'>): { readonly leaveData?: true } =>
  options['leave-data'] === true ? { leaveData: true } : {};

/** The context of an action. */
export interface ActionContext extends CommandContext {
  readonly connection: Connection;
  readonly control: Control;
  /** Arguments after the action. */
  readonly arguments: readonly string[];
  /** The command as it was given, for the audit log. */
  readonly commandLine: string;
}

export type Action = (context: ActionContext) => Promise<number>;

/** Actions that take no id. */
const WITHOUT_ID: ReadonlySet<string> = new Set(['list', 'approvals', 'failover status']);

/** Picks the action that the first argument names, and runs it at the edge's control plane. */
export async function runAction(
  name: string,
  actions: Readonly<Record<string, Action>>,
  context: CommandContext,
): Promise<number> {
  const [action, ...rest] = context.positionals;
  const run = actionOf(actions, action);
  if (rest.length > 0 && (WITHOUT_ID.has(action ?? '') || WITHOUT_ID.has(`${name} ${action}`)))
    throw new UsageError(`\`${name} ${action}\` takes no argument: ${JSON.stringify(rest[0])}.`);
  const connection = await connect(context.options);
  const commandLine = ['polycell', name, ...context.positionals].join(' ');
  return run({ ...context, connection, control: await connection.control(), arguments: rest, commandLine });
}

/** Every tenant of the directory, as the listing comes. */
export async function* everyTenant(control: Control): AsyncGenerator<Tenant> {
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(PAGE), ...(cursor !== null && { cursor }) });
    const page = await control('GET', `tenants?${query}`);
    yield* page.items;
    cursor = page.next;
  } while (cursor !== null);
}

/** The one argument of an action: the id of a cell or a tenant. */
export function idOf({ arguments: given }: ActionContext, what: string): string {
  const [id, ...more] = given;
  if (id === undefined) throw new UsageError(`Name the ${what}.`);
  if (more.length > 0) throw new UsageError(`Give one ${what}, not ${given.length}.`);
  if (!/^[a-z0-9-]{1,63}$/.test(id))
    throw new UsageError(`${JSON.stringify(id)} cannot be a ${what}: it is 1 to 63 of a-z 0-9 -`);
  return id;
}

type Outcome = Exclude<DirectoryOutcome, { status: 'refused' }>;

/** The revision that a change must find the directory at; `undefined` if any will do. */
export function revisionOf(options: CommandContext['options']): number | undefined {
  const revision = wholeNumber(options, 'if-revision', -1, 0, Number.MAX_SAFE_INTEGER);
  return revision < 0 ? undefined : revision;
}

/**
 * Says where a change of the directory goes, and has it confirmed if the edge is protected: at a terminal by its preview, whose
 * revision the change then carries. Resolves with the revision to carry.
 */
export async function confirmed(
  context: ActionContext,
  previewed: () => Promise<Outcome>,
): Promise<number | undefined> {
  let revision = revisionOf(context.options);
  await confirm(context.connection, context, {
    name: context.arguments[0] ?? 'yes',
    missing: revision === undefined ? '--if-revision N, as --dry-run prints it' : undefined,
    preview: async () => {
      const outcome = await previewed();
      context.err(describe(outcome));
      revision ??= outcome.revision;
    },
  });
  return revision;
}

/** Requests a change and prints its outcome. */
export async function change(
  context: ActionContext,
  method: 'PUT' | 'POST' | 'DELETE',
  what: string,
  body: object = {},
): Promise<number> {
  const { options, control, json, out, commandLine } = context;
  const reason = typeof options.reason === 'string' ? options.reason : commandLine;
  const ask = async (dryRun: boolean, ifRevision: number | undefined) => {
    const query = queryOf(dryRun, ifRevision);
    return (await control(method, `${what}${query}`, { ...body, reason })) as Outcome;
  };
  const outcome =
    options['dry-run'] === true
      ? await ask(true, revisionOf(options))
      : await ask(false, await confirmed(context, () => ask(true, revisionOf(options))));
  out(json ? JSON.stringify(outcome) : describe(outcome));
  return 0;
}

/** The query of a change. */
export function queryOf(dryRun: boolean, ifRevision: number | undefined): string {
  const query = new URLSearchParams({
    ...(dryRun && { dryRun: '1' }),
    ...(ifRevision !== undefined && { ifRevision: String(ifRevision) }),
  });
  return query.size === 0 ? '' : `?${query}`;
}

function describe({ status, revision, changes, movedTenants, notes }: Outcome): string {
  if (status === 'proposed')
    return [
      'Proposed: another operator must approve it (npx polycell cells approvals). It would change:',
      ...changes.map((each) => `  ${describeChange(each)}`),
    ].join('\n');
  if (status === 'unchanged')
    return [
      `Nothing to do: the directory is already in this state (revision ${revision}).`,
      ...notes.map((note) => `  note: ${note}`),
    ].join('\n');
  const would = status === 'previewed';
  const moved = counted(movedTenants, 'tenant');
  return [
    would ? `Would change at revision ${revision} (nothing was changed yet):` : `Done (revision ${revision}).`,
    ...changes.map((each) => `  ${describeChange(each)}`),
    ...(movedTenants === 0
      ? []
      : [
          `  requests of ${moved} ${would ? 'would go' : 'now go'} to ${changes.some(({ after }) => after === null) ? 'no cell' : 'another cell'}`,
        ]),
    ...notes.map((note) => `  note: ${note}`),
  ].join('\n');
}

/** What records mean that do not say it. */
const UNSAID = { onIsolation: 'serve', standbyMode: 'warm' } as const;

/** `cell aws-alpha: state active → down, switches 0 → 1`. */
export function describeChange({ kind, id, before, after }: DirectoryChange): string {
  if (after === null) return `${kind} ${id} removed`;
  const was: Readonly<Record<string, unknown>> = { ...UNSAID, ...before };
  const is: Readonly<Record<string, unknown>> = { ...UNSAID, ...after };
  const unsaid = Object.keys(UNSAID).filter((name) => before !== null && name in before);
  const shown = [...new Set([...Object.keys(after), ...unsaid])]
    .filter((name) => name !== 'revision' && name !== 'id')
    .flatMap((name) => {
      if (before === null) return `${name} ${show(is[name])}`;
      return sameJson(was[name], is[name]) ? [] : `${name} ${show(was[name])} → ${show(is[name])}`;
    });
  return `${kind} ${id}${before === null ? ' added' : ''}: ${shown.join(', ')}`;
}

const show = (value: unknown): string => {
  if (value === null || value === undefined) return 'none';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

/** Prints a listing as it comes: JSON lines, or a table. */
export async function list<T>(
  { json, out, control, options }: ActionContext,
  what: string,
  columns: readonly Column<T>[],
  query: Readonly<Record<string, string>>,
  nothing: string,
): Promise<number> {
  const limit = wholeNumber(options, 'limit', Number.MAX_SAFE_INTEGER, 1, MAXIMUM_LISTED);
  const table = new Table(columns, out);
  let left = limit;
  let cursor: string | null = null;
  do {
    const page = new URLSearchParams({
      ...query,
      limit: String(Math.min(left, PAGE)),
      ...(cursor !== null && { cursor }),
    });
    const { items, next } = (await control('GET', `${what}?${page}`)) as { items: T[]; next: string | null };
    if (json) for (const item of items) out(JSON.stringify(item));
    else if (items.length > 0) table.add(items);
    else if (left === limit) out(nothing);
    left -= items.length;
    cursor = items.length === 0 ? null : next;
  } while (cursor !== null && left > 0);
  return 0;
}

/** Items of a requested page. */
const PAGE = 200;

/** Maximum of `--limit`. */
const MAXIMUM_LISTED = 100_000_000;
