// `polycell replicas`: compares the two cells of a tenant, and brings what one has into the other.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell, Tenant } from '../../core/edge/ports/directory-model.ts';
import type { ReplicaNote } from '../../core/replication/notes.ts';
import type { PushProgress } from '../../core/replication/push.ts';
import { type Command, RefusedError, UserError, YES_DESCRIPTION, YES_OPTION } from '../command.ts';
import { type Action, type ActionContext, everyTenant, idOf, runAction } from '../directory.ts';
import { confirm } from '../edge/confirm.ts';
import { type Column, counted, Table } from '../table.ts';

/** Steps of one direction that bring nothing before the command gives up, each with a pause behind it. */
const IDLE_STEPS = 30;

/** The pause after a step that had to end early, in milliseconds. */
const PAUSE_MS = 2000;

export const replicas: Command = {
  summary: 'show how far tenants’ cells are behind each other, compare them, or bring the events of one into the other',
  usage: 'status|sync|verify [TENANT] [--from CELL]',
  example: 'npx polycell replicas sync acme',
  asks: 'edge',
  options: { from: { type: 'string' }, restart: { type: 'boolean' }, ...YES_OPTION },
  positionals: 2,
  takenBy: { from: ['sync', 'verify'], restart: ['sync'], yes: ['sync'] },
  describe: {
    'status [TENANT]':
      'for each tenant and direction: since when events are left unsent, and when all were last known to be there',
    'sync [TENANT]':
      'send all events of its home to its standby, and those of the standby to the home; of all tenants if none is named',
    'verify [TENANT]': 'compare both cells, and change nothing: 0 only if they have the same',
    '--from CELL': 'only from this one of the two to the other',
    '--restart': 'sync: begin again; otherwise a sync that was interrupted goes on',
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

/** What a cell has noted of a tenant's other cell, to which it sends. */
interface Sent {
  readonly tenant: string;
  readonly from: string;
  readonly to: string;
  readonly failingSince: number | null;
  readonly behindSince: number | null;
  readonly passedAt: number | null;
  readonly lacking: number | null;
  /** Of a cell that leaves copies underived, or has: since when, and how far it is with deriving them. */
  readonly underived?: {
    readonly since: number | null;
    readonly derivesSince: number | null;
    readonly events: number | null;
  };
}

/** What it says of the state that a cell keeps: nothing while that is derived as events come. */
const stateOf = ({ since, derivesSince, events }: NonNullable<Sent['underived']>): string => {
  if (since === null || derivesSince === null) return 'log-only';
  return events === null ? 'to derive' : `deriving, ${counted(events, 'event')} so far`;
};

const ago = (at: number | null, now: number): string =>
  at === null ? '-' : `${new Date(at).toISOString()} (${Math.max(0, Math.round((now - at) / 1000))} s ago)`;

const columnsAt = (now: number): readonly Column<Sent>[] => [
  { title: 'tenant', of: ({ tenant }) => tenant },
  { title: 'from', of: ({ from }) => from },
  { title: 'to', of: ({ to }) => to },
  {
    title: 'state',
    of: ({ failingSince, behindSince, underived }) => {
      if (underived !== undefined) return stateOf(underived);
      return behindSince !== null ? 'behind' : failingSince !== null ? 'retrying' : 'sending';
    },
  },
  {
    title: 'since',
    of: ({ failingSince, behindSince, underived }) => ago(underived?.since ?? behindSince ?? failingSince, now),
  },
  { title: 'all there before', of: ({ passedAt }) => ago(passedAt, now) },
  { title: 'missing then', of: ({ lacking }) => lacking ?? '-' },
];

/** What all cells have noted, page by page; of one that does not answer, a line says so. */
async function* sent(
  { control, err }: ActionContext,
  tenant: string | undefined,
  silent: () => void,
): AsyncGenerator<readonly Sent[]> {
  const { items: cells } = (await control('GET', 'cells')) as { items: readonly Cell[] };
  for (const { id: from, state } of cells) {
    if (state === 'retired') continue;
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams(cursor === null ? {} : { cursor });
      const page = await (control('GET', `cells/${from}/replicas?${query}`) as Promise<NotePage>).catch(
        (error: unknown) => {
          if (!(error instanceof RefusedError)) throw error;
          err(`${from} does not say: ${error.message}`);
          silent();
          return { items: [], next: null };
        },
      );
      yield page.items
        .filter((note) => tenant === undefined || note.tenant === tenant)
        .flatMap((note) => shown(from, note));
      cursor = page.next;
    } while (cursor !== null);
  }
}

/** A note as it is shown: of what a cell sends, and of a state that it has not derived, or leaves underived. */
function shown(from: string, note: ReplicaNote): readonly Sent[] {
  const { tenant, peer: to, failingSince = null, behindSince = null, lacking = null, passedAt } = note;
  const row = { tenant, from, to, failingSince, behindSince, passedAt, lacking };
  if (note.direction === 'to') return [row];
  const { leaves = false, underivedSince: since = null, derivesSince = null, events = null } = note;
  if (note.direction !== 'own' || (since === null && !leaves)) return [];
  return [{ ...row, underived: { since, derivesSince, events } }];
}

interface NotePage {
  readonly items: readonly ReplicaNote[];
  readonly next: string | null;
}

const actions: Readonly<Record<string, Action>> = {
  async status(context) {
    const tenant = context.arguments.length === 0 ? undefined : idOf(context, 'tenant');
    // One that the directory does not know is refused: a misspelt name is no tenant whose cells agree.
    if (tenant !== undefined) await context.control('GET', `tenants/${tenant}`);
    const table = new Table(columnsAt(Date.now()), context.out);
    let rows = 0;
    let behind = 0;
    let silent = 0;
    const fellSilent = () => void (silent += 1);
    for await (const page of sent(context, tenant, fellSilent)) {
      rows += page.length;
      behind += page.filter(({ behindSince }) => behindSince !== null).length;
      if (context.json) for (const each of page) context.out(JSON.stringify(each));
      else if (page.length > 0) table.add(page);
    }
    if (rows === 0 && silent === 0 && !context.json)
      context.out('No cell has noted anything: nothing was sent or compared yet.');
    return behind === 0 && silent === 0 ? 0 : 1;
  },

  async sync(context) {
    await confirm(context.connection, context, { name: context.arguments[0] ?? 'all', missing: undefined });
    for await (const tenant of chosen(context))
      for (const from of senders(context, tenant)) await pushAll(context, tenant.id, from, false);
    return 0;
  },

  async verify(context) {
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
  const { subjects, stored, same, kept, replaced, unproven, refused = 0 } = progress;
  const { missing, different, extra, done, waiting } = progress;
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
    ...(refused > 0 ? [`${refused} that cannot be stored there`] : []),
  ];
  const state = done ? '; done' : waiting === undefined ? '' : `; waiting: ${waiting}`;
  return `${tenant} from ${from}: ${counted(subjects, 'subject')}, ${(verify ? compared : sent).join(', ')}${state}`;
}
