// `polycell failover`: sends a cell's tenants to their standbys, and back.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FencingProgress } from '../../core/edge/monitor/fencing.ts';
import type { MonitorStatus } from '../../core/edge/monitor/monitor.ts';
import type { FailbackView } from '../../core/edge/ports/failback-gate.ts';
import { type Command, RefusedError } from '../command.ts';
import {
  type Action,
  type ActionContext,
  CELL_COLUMNS,
  CHANGE_DESCRIPTIONS,
  CHANGE_OPTIONS,
  change,
  changesTake,
  idOf,
  runAction,
} from '../directory.ts';
import { patientLook } from '../patient-look.ts';
import { type Column, Table } from '../table.ts';

export const failover: Command = {
  summary: "send a cell's tenants to their standbys, and back",
  usage: 'start|status|back [CELL]',
  example: 'npx polycell failover start aws-alpha --reason "its region is down"',
  asks: 'edge',
  options: { partial: { type: 'boolean' }, force: { type: 'boolean' }, ...CHANGE_OPTIONS },
  positionals: 2,
  takenBy: { partial: ['start'], force: ['back'], ...changesTake('start', 'back') },
  describe: {
    'start CELL': 'mark one down: its tenants are served by their standbys at once',
    status: 'the cells that are down, what the monitor sees and proposes, and the fencing under way',
    'back CELL':
      'let one serve its tenants again, once their cells were compared; refused if events that their standbys have would be missing',
    '--partial': 'start: even if some tenants have no standby that can serve them; those go unserved',
    '--force': 'back: even if events are missing until they come; it says how many, as far as is known',
    ...CHANGE_DESCRIPTIONS,
  },
  run: (context) => runAction('failover', actions, context),
};

const actions: Readonly<Record<string, Action>> = {
  start: (context) =>
    change(context, 'POST', 'failovers', {
      cell: idOf(context, 'cell'),
      ...(context.options.partial === true && { partial: true }),
    }),

  async status({ control, json, out }) {
    const { items } = await control('GET', 'failovers');
    const monitor = await control('GET', 'monitor');
    if (json) {
      out(JSON.stringify({ down: items, monitor }));
      return 0;
    }
    if (items.length === 0) out('No cell is down.');
    else new Table(CELL_COLUMNS, out).add(items);
    printMonitor(monitor, out);
    return 0;
  },

  back,
};

/** The pause between two looks at a comparison, in milliseconds, and their number: longer than one takes. */
const LOOK_MS = 500;
const LOOKS = 1500;

/** Looks in a row that may stay unanswered. */
const UNANSWERED_LOOKS = 60;

/** So often a failback is asked for: a comparison that ended well may be too old once it is confirmed. */
const TRIES = 10;

/** Fails a cell back, once no comparison is under way that says whether it may be. */
export async function back(context: ActionContext): Promise<number> {
  const cell = idOf(context, 'cell');
  const ask = () =>
    change(context, 'POST', `failovers/${cell}/back`, { ...(context.options.force === true && { force: true }) });
  let seen: number | null | undefined;
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof RefusedError) || error.code !== 'not_caught_up' || tries === TRIES) throw error;
      const { state, latest } = await compared(context, cell);
      // What has ended since the refusal may have found nothing missing; and a monitor that began anew meanwhile compares when it is asked.
      const isToAsk = state === 'caught-up' || state === 'unknown';
      if (!isToAsk && latest?.endedAt === seen) throw error;
      seen = latest?.endedAt;
    }
  }
}

/** Waits until no comparison of the tenants of a cell is under way, with its progress. */
async function compared({ control, err }: ActionContext, cell: string): Promise<FailbackView> {
  let shown = '';
  // The comparison goes on meanwhile, and a monitor under load answers later.
  const look = patientLook(
    () => control('GET', `failovers/${cell}/comparison`),
    UNANSWERED_LOOKS,
    (message) => err(`How far it is is not known: ${message}`),
  );
  for (let looks = 1; ; looks += 1) {
    const view = await look();
    if (view !== undefined) {
      if (view.state !== 'comparing' || view.running === null || looks >= LOOKS) return view;
      const { looked, tenants, missing } = view.running;
      const line = `The cells of its tenants are being compared: ${looked} of ${tenants} looked at, ${missing} events missing so far.`;
      if (line !== shown) err(line);
      shown = line;
    }
    await sleep(LOOK_MS);
  }
}

type Watched = MonitorStatus['cells'][number];

const WATCHED_COLUMNS: readonly Column<Watched>[] = [
  { title: 'cell', of: ({ id }) => id },
  { title: 'state', of: ({ state }) => state },
  { title: 'failover', of: ({ policy }) => policy },
  { title: 'verdict', of: ({ verdict }) => verdict },
  { title: 'since', of: ({ since }) => since },
  { title: 'probes', of: ({ probes }) => probes },
  { title: 'latest', of: ({ detail }) => detail },
];

const FENCING_COLUMNS: readonly Column<FencingProgress>[] = [
  { title: 'fencing', of: (job) => job.of },
  { title: 'cells', of: ({ whom }) => whom },
  { title: 'since', of: ({ since }) => since ?? '-' },
  { title: 'epoch', of: ({ epoch }) => epoch ?? '-' },
  { title: 'tenants', of: ({ told }) => told },
  { title: 'state', of: ({ state }) => state },
  { title: 'problem', of: ({ problem }) => problem },
];

/** What an operator can do about a cell that the monitor does not fail over. */
const TO_DO: Readonly<Record<NonNullable<Watched['stay']>, (cell: string) => string>> = {
  proposed: (cell) => `its failover is proposed; start it with npx polycell failover start ${cell}`,
  'left-to-operators': (cell) => `its policy leaves it to you: npx polycell failover start ${cell}`,
  grace: () => 'it was failed back a moment ago, and is not failed over again yet',
  held: (cell) =>
    `cells of several clouds do not answer, so the monitor itself may be cut off; if the cell is lost: npx polycell failover start ${cell}`,
  contradicted: (cell) =>
    `another cell reaches it, so the monitor’s own connection may be broken; if clients cannot reach it either: npx polycell failover start ${cell}`,
  refused: () => 'its failover is refused',
};

function printMonitor({ trouble, cells, fencing }: MonitorStatus, out: (line: string) => void): void {
  out('');
  if (trouble !== null) out(`The monitor is in trouble: ${trouble}`);
  if (cells.length > 0) new Table(WATCHED_COLUMNS, out).add(cells);
  for (const { id, stay, refusal } of cells)
    if (stay !== null) out(`${id}: ${TO_DO[stay](id)}${refusal === null ? '' : ` (${refusal})`}`);
  if (fencing.jobs.length === 0) return;
  out('');
  new Table(FENCING_COLUMNS, out).add(fencing.jobs);
}
