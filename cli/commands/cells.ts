// `polycell cells`: the cells as the directory knows them, what may be done with them, and the files that declare them.
import { root } from '../../build/bundles.mjs';
import { FAILOVER_POLICIES, type Proposal } from '../../core/edge/ports/directory-model.ts';
import type { IndexProgress } from '../../core/pipeline/subject-index.ts';
import { actionOf, type Command, RefusedError, UsageError, UserError, wholeNumber } from '../command.ts';
import {
  type Action,
  CELL_COLUMNS,
  CHANGE_DESCRIPTIONS,
  CHANGE_OPTIONS,
  change,
  changesTake,
  idOf,
  leavingData,
  runAction,
  withLeaveData,
} from '../directory.ts';
import { confirm } from '../edge/confirm.ts';
import { evacuate } from '../evacuate.ts';
import { counted, Table } from '../table.ts';
import { declaredActions, isOfDeclarations, runOnDeclarations } from './cells-declared.ts';

export const cells: Command = {
  summary: 'list, add, drain, evacuate, resume or retire cells; plan and scaffold new ones',
  usage: 'list|add|approvals|approve|drain|evacuate|resume|retire|index|plan|scaffold [CELL]',
  example: 'npx polycell cells drain azure-gamma --dry-run',
  asks: 'edge',
  options: {
    cloud: { type: 'string' },
    region: { type: 'string' },
    jurisdiction: { type: 'string' },
    endpoint: { type: 'string' },
    capacity: { type: 'string' },
    price: { type: 'string' },
    failover: { type: 'string' },
    keys: { type: 'string' },
    to: { type: 'string' },
    parallel: { type: 'string' },
    'leave-data': { type: 'boolean' },
    ...CHANGE_OPTIONS,
  },
  positionals: 2,
  takenBy: {
    ...changesTake('add', 'approve', 'drain', 'evacuate', 'resume', 'retire'),
    'dry-run': ['add', 'approve', 'drain', 'evacuate', 'resume', 'retire', 'plan', 'scaffold'],
    yes: ['add', 'approve', 'drain', 'evacuate', 'resume', 'retire', 'index'],
    cloud: ['add', 'plan'],
    ...Object.fromEntries(
      ['region', 'jurisdiction', 'endpoint', 'keys', 'capacity', 'price', 'failover'].map((option) => [
        option,
        ['add'],
      ]),
    ),
    to: ['evacuate'],
    parallel: ['evacuate'],
    'leave-data': ['evacuate', 'retire'],
  },
  describe: {
    list: 'all cells, their state, and how many tenants have them as home and as standby',
    'add CELL':
      'add one; or change endpoint, keys, capacity, price or failover policy of one, and keep what is not given',
    approvals: 'the changes of endpoints and keys that wait for another operator',
    'approve ID': 'apply such a change, as an operator other than the one who proposed it',
    'drain CELL': 'let it take no more tenants',
    'evacuate CELL':
      'drain it, then move its tenants with their events, and give those that have it as standby another one',
    'resume CELL': 'let it take tenants again',
    'retire CELL': 'take an empty cell out of service for good',
    'index CELL': 'make it index the events that a release without an index has stored, to the end',
    '--to CELL': 'evacuate: where tenants go; each one’s standby if not given',
    '--parallel N': 'evacuate: tenants that are moved at the same time, at most 50; 10 if not given',
    '--leave-data': 'evacuate, retire: events may stay in the cell, where no request reaches them',
    plan: 'the networks of infra/address-plan.json, without the edge',
    'plan CELL': 'allocate a network to a cell, in that file',
    'scaffold CELL': 'write the Terraform root of a cell that infra/cells.json declares, or of the edge',
    '--cloud NAME': 'add, and plan for a cell that is not declared yet: aws or azure',
    '--region NAME': 'add: where it is',
    '--jurisdiction NAME': 'add: the legal area whose data it may hold',
    '--endpoint URL': 'add: the address of its API, without a path',
    '--keys JSON': 'add: an array of the one or two public keys with which it proves its identity',
    '--capacity N': 'add: tenants that may have it as home; 1000 for a new cell',
    '--price X': 'add: what a tenant costs there, compared with others; 1 for a new cell',
    '--failover P': `add: ${FAILOVER_POLICIES.join(', ')}; approve for a new cell`,
    ...CHANGE_DESCRIPTIONS,
  },
  async run(context) {
    actionOf({ ...actions, ...declaredActions }, context.positionals[0]);
    return isOfDeclarations(context) ? runOnDeclarations(root, context) : runAction('cells', actions, context);
  },
};

const post =
  (verb: string): Action =>
  (context) =>
    change(context, 'POST', `cells/${idOf(context, 'cell')}/${verb}`);

/** Steps of the index that one command asks for. */
const INDEX_STEPS = 100_000;

/** What a new cell must be given; a change keeps what is known. */
const PLACE = ['cloud', 'region', 'jurisdiction', 'endpoint'] as const;

/** The directory checks what they are. */
function keysOf(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError('--keys must be a JSON array of one or two public keys.');
  }
}

const describeProposal = ({ id, actor, reason, command, expiresAt }: Proposal): string =>
  `${id}  ${actor}: ${command.kind === 'add-cell' ? `${command.cell.id} at ${command.cell.endpoint}` : command.kind} (${reason}), until ${expiresAt}`;

const actions: Readonly<Record<string, Action>> = {
  async list({ control, json, out }) {
    const { items } = await control('GET', 'cells');
    if (json) for (const item of items) out(JSON.stringify(item));
    else if (items.length === 0) out('There are no cells.');
    else new Table(CELL_COLUMNS, out).add(items);
    return 0;
  },

  async add(context) {
    const { control, options } = context;
    const id = idOf(context, 'cell');
    const price = Number(options.price ?? 1);
    if (!(price >= 0)) throw new UsageError(`--price must be a number from 0, not ${JSON.stringify(options.price)}.`);
    const capacity = wholeNumber(options, 'capacity', 1000, 1, Number.MAX_SAFE_INTEGER);
    const keys = options.keys === undefined ? {} : { keys: keysOf(options.keys) };
    const { items } = await control('GET', 'cells');
    const known = items.find((cell) => cell.id === id);
    const field = (name: (typeof PLACE)[number]) => options[name] ?? known?.[name];
    const missing = PLACE.filter((name) => field(name) === undefined);
    if (missing.length > 0)
      throw new UsageError(`There is no cell ${id} yet: give its ${missing.map((name) => `--${name}`).join(', ')}.`);
    return change(context, 'PUT', `cells/${id}`, {
      ...Object.fromEntries(PLACE.map((name) => [name, field(name)])),
      capacity: options.capacity === undefined ? (known?.capacity ?? capacity) : capacity,
      price: options.price === undefined ? (known?.price ?? price) : price,
      failover: options.failover ?? known?.failover ?? 'approve',
      ...keys,
    });
  },

  async approvals({ control, json, out }) {
    const { items } = await control('GET', 'approvals');
    for (const item of items) out(json ? JSON.stringify(item) : describeProposal(item));
    if (!json && items.length === 0) out('No change waits for approval.');
    return 0;
  },

  approve: (context) => {
    if (context.arguments.length === 0)
      throw new UsageError('Give the id of the change; `npx polycell cells approvals` lists them.');
    return change(context, 'POST', `approvals/${idOf(context, 'change')}`);
  },

  drain: post('drain'),
  evacuate,
  resume: post('resume'),
  async retire(context) {
    try {
      return await change(context, 'POST', `cells/${idOf(context, 'cell')}/retire`, leavingData(context));
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      if (error.code === 'cell_has_data') throw withLeaveData(error);
      if (error.code !== 'cell_not_empty') throw error;
      const move = `npx polycell cells evacuate ${context.arguments.join(' ')}`;
      throw new RefusedError(`${error.message} Move its tenants with ${move}`, error.code);
    }
  },

  async index(context) {
    const { control, json, out } = context;
    const id = idOf(context, 'cell');
    await confirm(context.connection, context, { name: id, missing: undefined });
    for (let steps = 0; steps < INDEX_STEPS; steps += 1) {
      const progress = (await control('POST', `cells/${id}/index`)) as IndexProgress;
      const { documents, subjects, done } = progress;
      if (json) out(JSON.stringify(progress));
      else
        out(
          `${counted(documents, 'document')} looked at, ${counted(subjects, 'subject')} added${done ? ': the index is complete' : ''}.`,
        );
      if (done) return 0;
    }
    throw new UserError(`The index is not complete after ${INDEX_STEPS} steps; repeat the command to go on.`);
  },
};
