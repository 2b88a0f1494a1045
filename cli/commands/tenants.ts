// `polycell tenants`: which cell serves which tenant, and how that is changed.

import type { Resolution, Tenant } from '../../core/edge/ports/directory-model.ts';
import type { MoveView } from '../../core/edge/ports/mover.ts';
import { type Command, RefusedError, required, UsageError, UserError, wholeNumber } from '../command.ts';
import {
  type Action,
  CHANGE_DESCRIPTIONS,
  CHANGE_OPTIONS,
  change,
  changesTake,
  idOf,
  leavingData,
  list,
  queryOf,
  runAction,
  withLeaveData,
} from '../directory.ts';
import { confirm } from '../edge/confirm.ts';
import { describeMove, describePlan } from '../move-text.ts';
import { watchMove } from '../move-watch.ts';
import type { Column } from '../table.ts';

export const tenants: Command = {
  summary:
    'list, show, add, move, place, pin, unpin or remove tenants, and say what isolated routers and their standbys do for them',
  usage: 'list|show|add|move|place|pin|unpin|on-isolation|standby-mode|remove [TENANT]',
  example: 'npx polycell tenants place acme --cell azure-beta --reason "closer to its users"',
  asks: 'edge',
  options: {
    cell: { type: 'string' },
    standby: { type: 'string' },
    residency: { type: 'string' },
    to: { type: 'string' },
    leave: { type: 'boolean' },
    rate: { type: 'string' },
    'pause-before': { type: 'string' },
    tier: { type: 'string' },
    policy: { type: 'string' },
    mode: { type: 'string' },
    'keep-data': { type: 'boolean' },
    'leave-data': { type: 'boolean' },
    limit: { type: 'string' },
    wait: { type: 'boolean' },
    ...CHANGE_OPTIONS,
  },
  positionals: 2,
  takenBy: {
    ...changesTake('add', 'move', 'place', 'pin', 'unpin', 'on-isolation', 'standby-mode', 'remove'),
    'if-revision': ['add', 'place', 'pin', 'unpin', 'on-isolation', 'standby-mode', 'remove'],
    cell: ['list', 'add', 'place'],
    standby: ['add', 'place'],
    residency: ['add'],
    to: ['move'],
    leave: ['move'],
    rate: ['move'],
    'pause-before': ['move'],
    wait: ['move'],
    tier: ['add'],
    policy: ['on-isolation'],
    mode: ['add', 'standby-mode'],
    'keep-data': ['remove'],
    'leave-data': ['place'],
    limit: ['list'],
  },
  describe: {
    list: 'all tenants, or with --cell those whose home it is',
    'show TENANT': 'what the directory knows of one, and where its requests go now',
    'add TENANT': 'add one; home and standby are chosen unless they are given',
    'move TENANT': 'bring one with its events to another cell; `polycell moves` shows how far it is',
    'place TENANT': 'give one another home, another standby, or both',
    'pin TENANT': 'keep one in its home',
    'unpin TENANT': 'let one be moved again',
    'on-isolation TENANT': 'what routers that are cut off from the directory do for one',
    'standby-mode TENANT': 'whether the standby of one derives state as events come, or only once it takes over',
    'remove TENANT': 'take one out of the directory, with --keep-data: its requests are refused from then on',
    '--cell C': 'list: this home alone; add, place: the home',
    '--standby C': 'add, place: the cell that serves the tenant while its home is down; "none" for no standby',
    '--to C': 'move: the cell that becomes its home; the present home is its standby then',
    '--leave':
      'move: the present home is not the standby in the end, but another cell, if one fits; to the present home: only the standby changes',
    '--rate N': 'move: send at most so many events a second; no limit if not given',
    '--pause-before STEP': 'move: rest before one of seeding, following, switched, fenced, drained and verified',
    '--wait': 'move: go on as `polycell moves watch` does, until it is verified, with --leave sealed, ends or rests',
    '--residency J': 'add: the jurisdiction that its data must stay in; any if not given',
    '--tier T': 'add: standard or premium; standard if not given',
    '--policy P': 'on-isolation: serve (go on, as logs merge) or refuse (no writes after 60 s)',
    '--mode M':
      'add, standby-mode: warm (the standby derives state as events come) or log-only (once it takes over: cheaper, and reads wait for it); warm if not given',
    '--leave-data': 'place: events may stay in the cell that the tenant leaves, where no request reaches them',
    '--keep-data': 'remove: confirms that the tenant’s data stay in its cells, unless `polycell erase` has erased them',
    '--limit N': 'list: at most this many; all if not given',
    ...CHANGE_DESCRIPTIONS,
  },
  run: (context) => runAction('tenants', actions, context),
};

const COLUMNS: readonly Column<Tenant>[] = [
  { title: 'tenant', of: ({ id }) => id },
  { title: 'home', of: ({ cell }) => cell },
  { title: 'standby', of: ({ standby }) => standby ?? '-' },
  { title: 'residency', of: ({ residency }) => residency },
  { title: 'tier', of: ({ tier }) => tier },
  { title: 'pinned', of: ({ pinned }) => (pinned ? 'yes' : 'no') },
  { title: 'isolated', of: ({ onIsolation }) => onIsolation ?? 'serve' },
  { title: 'mode', of: ({ standbyMode }) => standbyMode ?? 'warm' },
];

/** Home and standby, where given. */
const placeOf = ({ cell, standby }: Readonly<Record<string, string | boolean | undefined>>) => ({
  ...(cell !== undefined && { cell }),
  ...(standby !== undefined && { standby: standby === 'none' ? null : standby }),
});

const pin =
  (pinned: boolean): Action =>
  (context) =>
    change(context, 'POST', `tenants/${idOf(context, 'tenant')}/pin`, { pinned });

const actions: Readonly<Record<string, Action>> = {
  async list(context) {
    const { cell } = context.options;
    if (typeof cell !== 'string') return list(context, 'tenants', COLUMNS, {}, 'There are no tenants.');
    const { items: cells } = await context.control('GET', 'cells');
    if (!cells.some(({ id }) => id === cell))
      throw new UserError(
        `There is no cell ${JSON.stringify(cell)}; there are ${cells.map(({ id }) => id).join(', ')}.`,
      );
    return list(context, 'tenants', COLUMNS, { cell }, `No tenant has ${JSON.stringify(cell)} as its home.`);
  },

  async show(context) {
    const { control, json, out } = context;
    const found = (await control('GET', `tenants/${idOf(context, 'tenant')}`)) as ShownTenant;
    out(json ? JSON.stringify(found) : describe(found));
    return 0;
  },

  add: (context) =>
    change(context, 'PUT', `tenants/${idOf(context, 'tenant')}`, {
      residency: context.options.residency ?? 'any',
      tier: context.options.tier ?? 'standard',
      ...(context.options.mode !== undefined && { standbyMode: modeOf(context.options.mode) }),
      ...placeOf(context.options),
    }),

  async place(context) {
    const place = placeOf(context.options);
    if (Object.keys(place).length === 0) throw new UsageError('Give --cell, --standby, or both.');
    const what = `tenants/${idOf(context, 'tenant')}/place`;
    return change(context, 'POST', what, { ...place, ...leavingData(context) }).catch((error: unknown) => {
      throw error instanceof RefusedError && error.message.includes('leaveData') ? withLeaveData(error) : error;
    });
  },

  async move(context) {
    const { options, control, json, out, err, commandLine } = context;
    const id = idOf(context, 'tenant');
    const rate = wholeNumber(options, 'rate', 0, 1, Number.MAX_SAFE_INTEGER);
    const pauseBefore = options['pause-before'];
    const body = {
      to: required(options, 'to'),
      reason: typeof options.reason === 'string' ? options.reason : commandLine,
      ...(rate > 0 && { rate }),
      ...(options.leave === true && { leave: true }),
      ...(pauseBefore !== undefined && { pauseBefore }),
    };
    const ask = async (dryRun: boolean) =>
      (await control('POST', `tenants/${id}/move${queryOf(dryRun, undefined)}`, body)) as MoveView;
    const isPreview = options['dry-run'] === true;
    if (!isPreview) {
      const preview = async () => err(describePlan(await ask(true)));
      await confirm(context.connection, context, { name: id, missing: undefined, preview });
    }
    const move = await ask(isPreview);
    if (options.wait === true && !isPreview) return watchMove(context, id);
    out(json ? JSON.stringify(move) : isPreview ? describePlan(move) : describeMove(move));
    return 0;
  },

  pin: pin(true),
  unpin: pin(false),

  'on-isolation': (context) =>
    change(context, 'POST', `tenants/${idOf(context, 'tenant')}/on-isolation`, {
      onIsolation: policyOf(required(context.options, 'policy')),
    }),

  'standby-mode': (context) =>
    change(context, 'POST', `tenants/${idOf(context, 'tenant')}/standby-mode`, {
      standbyMode: modeOf(context.options.mode),
    }),

  remove: (context) => {
    const id = idOf(context, 'tenant');
    if (context.options['keep-data'] !== true)
      throw new UsageError(
        `Removing a tenant does not erase its data, which stay in its cells. Give --keep-data to confirm that; erase them with \`npx polycell erase ${id}\`.`,
      );
    return change(context, 'DELETE', `tenants/${id}`, { keepData: true });
  },
};

/** Checked here, because the directory's refusal names the option differently. */
function policyOf(given: string): string {
  if (given === 'serve' || given === 'refuse') return given;
  throw new UsageError(`--policy must be serve or refuse, not ${JSON.stringify(given)}.`);
}

/** See `policyOf`. */
function modeOf(given: unknown): string {
  if (given === undefined) throw new UsageError('Give --mode warm or --mode log-only.');
  if (given === 'warm' || given === 'log-only') return given;
  throw new UsageError(`--mode must be warm or log-only, not ${JSON.stringify(given)}.`);
}

type ShownTenant = Tenant & { readonly resolution: Resolution; readonly epoch: number | null };

function describe(tenant: ShownTenant): string {
  const { resolution } = tenant;
  const rows = COLUMNS.slice(1).map(({ title, of }) => `  ${title.padEnd(9)}  ${of(tenant)}`);
  const now =
    resolution.status === 'served'
      ? `${resolution.cell} (epoch ${resolution.epoch}), ${resolution.endpoint}`
      : `no cell: ${resolution.reason}`;
  return [tenant.id, ...rows, `  ${'served by'.padEnd(9)}  ${now}`].join('\n');
}
