// `polycell replicas`: compares the two cells of a tenant, and brings what one has into the other.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tenant } from '../../core/edge/ports/directory-model.ts';
import type { PushProgress } from '../../core/replication/push.ts';
import { type Command, UsageError, UserError, YES_DESCRIPTION, YES_OPTION } from '../command.ts';
import { type Action, type ActionContext, everyTenant, idOf, runAction } from '../directory.ts';
import { confirm } from '../edge/confirm.ts';
import { counted } from '../table.ts';

/** Steps of one direction that bring nothing before the command gives up, each with a pause behind it. */
const IDLE_STEPS = 30;

/** The pause after a step that had to end early, in milliseconds. */
const PAUSE_MS = 2000;

export const replicas: Command = {
  summary: 'compare the two cells of a tenant, or bring the events of one into the other',
  usage: 'sync|verify [TENANT] [--from CELL]',
  example: 'npx polycell replicas sync acme',
  asks: 'edge',
  options: { from: { type: 'string' }, restart: { type: 'boolean' }, ...YES_OPTION },
  positionals: 2,
  describe: {
    'sync [TENANT]':
      'send all events of its home to its standby, and those of the standby to the home; of all tenants if none is named',
    'verify [TENANT]': 'compare both cells, and change nothing: 0 only if they have the same',
    '--from CELL': 'only from this one of the two to the other',
    '--restart': 'begin again; otherwise a sync that was interrupted goes on',
    ...YES_DESCRIPTION,
  },
  run: (context) => runAction('replicas', actions, context),
};

/** The tenant that is named, or all that have a standby. */
async function* chosen(context: ActionContext): AsyncGenerator<Tenant> {
  if (context.arguments.length === 0) {
    for await (const tenant of everyTenant(context.control)) if (tenant.standby !== null) yield tenant;
    return;
  }
  const id = idOf(context, 'tenant');
  const tenant = await context.control('GET', `tenants/${id}`);
  if (tenant.standby === null)
    throw new UserError(`${id} has no standby; give it one with \`polycell tenants place\`.`);
  yield tenant;
}

/** The cells that send: both, or the one that is asked for. */
const senders = ({ options }: ActionContext, { cell, standby }: Tenant): readonly string[] =>
  typeof options.from === 'string' ? [options.from] : [cell, standby ?? ''];

const actions: Readonly<Record<string, Action>> = {
  async sync(context) {
    await confirm(context.connection, context, { name: context.arguments[0] ?? 'all', missing: undefined });
    for await (const tenant of chosen(context))
      for (const from of senders(context, tenant)) await pushAll(context, tenant.id, from, false);
    return 0;
  },

  async verify(context) {
    if (context.options.yes === true) throw new UsageError('--yes is for sync.');
    let differences = 0;
    for await (const tenant of chosen(context))
      for (const from of senders(context, tenant)) {
        const { missing, different, extra } = await pushAll(context, tenant.id, from, true);
        differences += missing + different + extra;
      }
    return differences === 0 ? 0 : 1;
  },
};

/** Asks for one step after the other until the direction is done. */
async function pushAll(
  { control, options, json, out }: ActionContext,
  tenant: string,
  from: string,
  verify: boolean,
): Promise<PushProgress> {
  let before = '';
  let idle = 0;
  // A comparison says how it is now, and not when one began that was interrupted.
  for (let restart = options.restart === true || verify; ; restart = false) {
    const query = new URLSearchParams({ from, ...(restart && { restart: '1' }), ...(verify && { verify: '1' }) });
    const progress = (await control('POST', `tenants/${tenant}/push?${query}`)) as PushProgress;
    const { waiting, ...counts } = progress;
    out(json ? JSON.stringify({ tenant, from, ...progress }) : describe(tenant, from, progress, verify));
    if (progress.done) return progress;
    const now = JSON.stringify(counts);
    idle = now === before && waiting !== undefined ? idle + 1 : 0;
    if (idle >= IDLE_STEPS) throw new UserError(`It does not get on: ${waiting}. Repeat the command to go on.`);
    before = now;
    if (waiting !== undefined) await sleep(PAUSE_MS);
  }
}

function describe(tenant: string, from: string, progress: PushProgress, verify: boolean): string {
  const { subjects, stored, same, kept, replaced, unproven, missing, different, extra, done, waiting } = progress;
  const compared = [
    `${same} equal`,
    `${missing} missing in the other`,
    `${different} different`,
    `${extra} missing here`,
  ];
  const sent = [
    `${stored} new`,
    `${same} known`,
    ...(replaced > 0 ? [`${replaced} replaced`] : []),
    ...(kept > 0 ? [`${kept} in conflict`] : []),
    ...(unproven > 0 ? [`${unproven} not taken`] : []),
  ];
  const state = done ? '; done' : waiting === undefined ? '' : `; waiting: ${waiting}`;
  return `${tenant} from ${from}: ${counted(subjects, 'subject')}, ${(verify ? compared : sent).join(', ')}${state}`;
}
