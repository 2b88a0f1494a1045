// `polycell keys`: which keys edge and cells have, and their rotation without an interruption.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeysShown } from '../../core/edge/control/keys.ts';
import { isSameKey, type PublicKey } from '../../core/ports/keys.ts';
import { sourceFile } from '../../local/source-file.ts';
import { type Command, EXIT, UsageError, UserError, YES_DESCRIPTION, YES_OPTION } from '../command.ts';
import { type Action, type ActionContext, idOf, runAction } from '../directory.ts';
import { confirm } from '../edge/confirm.ts';
import { deployedPlace, stackPlace } from '../keys/places.ts';
import { abandon, type RotateDeps, rotate, type Told } from '../keys/rotate.ts';
import { ROTATION_LIMITS } from '../keys/rotation.ts';
import { RotationFiles } from '../keys/rotation-files.ts';
import { type Column, Table } from '../table.ts';

/** Actions that change keys. */
const CHANGING = ['rotate', 'abandon'];

export const keys: Command = {
  summary: 'show the keys of edge and cells, and rotate them without an interruption',
  usage: 'list | show KEY | rotate [CELL] [--wait] | abandon [CELL]',
  example: 'npx polycell keys rotate --wait',
  asks: 'edge',
  options: {
    wait: { type: 'boolean' },
    except: { type: 'string' },
    kid: { type: 'string' },
    reason: { type: 'string' },
    ...YES_OPTION,
  },
  positionals: 2,
  takenBy: { wait: ['rotate'], kid: ['rotate'], except: CHANGING, reason: CHANGING, yes: CHANGING },
  describe: {
    list: 'the keys by which edge and cells sign, and what takes each of them',
    'show KEY': 'one of them by its id, with its public part',
    rotate: 'replace the key that the edge signs with; again: go on where it was interrupted',
    'rotate CELL': 'replace the key by which a cell proves its identity',
    'abandon [CELL]': 'before the new key is signed with: leave the old one alone in place',
    '--wait': 'go on until it is done; otherwise it ends where it has to wait',
    '--except CELLS':
      'leave these cells out, with commas in between: they must be deployed with the new key before they serve',
    '--kid NAME': 'the id of the new key; what it is of and the date unless given',
    '--reason TEXT': 'why, for the audit log; the command itself if not given',
    ...YES_DESCRIPTION,
  },
  run: (context) => runAction('keys', actions, context),
};

/** A key, and what it is for. */
interface Listed {
  readonly kid: string;
  readonly of: string;
  /** Who signs with it now. */
  readonly signs: readonly string[];
  /** Who verifies by it: cells, or the directory for a cell's own key. */
  readonly verifies: readonly string[];
  readonly key: PublicKey;
}

function listed({ signing, cells }: KeysShown): readonly Listed[] {
  const all = [...signing.map(({ key }) => key), ...cells.flatMap(({ accepts }) => accepts ?? [])];
  const different = all.filter((key, index) => all.findIndex((other) => isSameKey(key, other)) === index);
  const ofEdge = different.map((key) => ({
    kid: key.kid,
    of: 'the edge',
    signs: signing.some((each) => isSameKey(each.key, key)) ? ['the edge'] : [],
    verifies: cells.filter(({ accepts }) => accepts?.some((each) => isSameKey(each, key))).map(({ id }) => id),
    key,
  }));
  const ofCells = cells.flatMap(({ id, declared, proves }) =>
    declared.map((key) => ({
      kid: key.kid,
      of: id,
      signs: proves === key.kid ? [id] : [],
      verifies: ['the directory'],
      key,
    })),
  );
  return [...ofEdge, ...ofCells];
}

const orNone = (names: readonly string[]): string => (names.length === 0 ? '-' : names.join(', '));

const COLUMNS: readonly Column<Listed>[] = [
  { title: 'key', of: ({ kid }) => kid },
  { title: 'of', of: ({ of }) => of },
  { title: 'signs', of: ({ signs }) => orNone(signs) },
  { title: 'taken by', of: ({ verifies }) => orNone(verifies) },
];

const tell =
  ({ json, out }: ActionContext) =>
  (told: Told): void => {
    if (json) out(JSON.stringify(told));
    else for (const line of [told.message, ...(told.commands ?? []).map((command) => `  ${command}`)]) out(line);
  };

/** The name of the Worker as this checkout declares it. */
async function workerName(): Promise<string> {
  const { name } = JSON.parse(await readFile(sourceFile('infra/edge.json'), 'utf8')) as { name: string };
  return name;
}

const NAMES = /^[a-z0-9-]{1,63}(?:,[a-z0-9-]{1,63})*$/;
const KID = /^[\w.-]{1,64}$/;

async function prepared(context: ActionContext): Promise<RotateDeps> {
  const { connection, control, options, commandLine } = context;
  const cell = context.arguments.length === 0 ? null : idOf(context, 'cell');
  const { except, kid, reason } = options;
  if (except !== undefined && cell !== null) throw new UsageError('--except is for the key of the edge.');
  if (except !== undefined && !NAMES.test(String(except)))
    throw new UsageError(`--except must be ids of cells with commas in between, not ${JSON.stringify(except)}.`);
  if (kid !== undefined && !KID.test(String(kid)))
    throw new UsageError(`--kid must be 1 to 64 of A-Z a-z 0-9 . _ -, not ${JSON.stringify(kid)}.`);
  const { items } = await control('GET', 'cells');
  const left = except === undefined ? [] : String(except).split(',');
  const unknown = left.find((id) => !items.some((each) => each.id === id));
  if (unknown !== undefined) throw new UsageError(`There is no cell ${JSON.stringify(unknown)} to leave out.`);
  const { stack, deployed } = connection;
  const edge = deployed?.edge ?? (await stack?.info())?.edge?.url;
  if (edge === undefined) throw new UserError('This stack has no edge, and without one there is no key to rotate.');
  return {
    control,
    place: stack === undefined ? deployedPlace(items, await workerName()) : stackPlace(stack),
    files: new RotationFiles(edge, cell),
    edge,
    cell,
    except: left,
    kid: kid === undefined ? undefined : String(kid),
    wait: options.wait === true,
    reason: typeof reason === 'string' ? reason : commandLine,
    // A stack has replaced every process when it answers.
    settleMs: stack === undefined ? ROTATION_LIMITS.settleMs : 0,
    tell: tell(context),
    now: Date.now,
    sleep,
  };
}

const changing =
  (work: (deps: RotateDeps) => Promise<boolean>): Action =>
  async (context) => {
    const deps = await prepared(context);
    await confirm(context.connection, context, { name: deps.cell ?? 'edge', missing: undefined });
    const done = await work(deps);
    if (!done) context.err('To go on, repeat the command, or give --wait.');
    return EXIT.done;
  };

const actions: Readonly<Record<string, Action>> = {
  async list(context) {
    const shown = await context.control('GET', 'keys');
    const { json, out, err } = context;
    const all = listed(shown);
    if (json) for (const each of all) out(JSON.stringify(each));
    else new Table(COLUMNS, out).add(all);
    for (const { id, problem } of shown.cells) if (problem !== null) err(`${id}: ${problem}`);
    return EXIT.done;
  },

  async show(context) {
    const [kid, ...more] = context.arguments;
    if (kid === undefined || more.length > 0)
      throw new UsageError('Give the id of one key; `npx polycell keys list` has them.');
    const found = listed(await context.control('GET', 'keys')).filter((each) => each.kid === kid);
    if (found.length === 0)
      throw new UserError(`There is no key ${JSON.stringify(kid)}; \`npx polycell keys list\` has all of them.`);
    for (const each of found) {
      const { of, signs, verifies, key } = each;
      if (context.json) context.out(JSON.stringify(each));
      else {
        context.out(`${kid} of ${of}: signs ${orNone(signs)}; taken by ${orNone(verifies)}`);
        context.out(JSON.stringify(key));
      }
    }
    return EXIT.done;
  },

  rotate: changing(rotate),

  abandon: changing(abandon),
};
