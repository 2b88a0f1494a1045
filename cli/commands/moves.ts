// `polycell moves`: how far the moves of tenants are, and what becomes of them.
import type { MoveAction, MoveView } from '../../core/edge/ports/mover.ts';
import { type Command, YES_DESCRIPTION, YES_OPTION } from '../command.ts';
import { type Action, type ActionContext, idOf, runAction } from '../directory.ts';
import { confirm } from '../edge/confirm.ts';
import { describeMove } from '../move-text.ts';
import { watchMove } from '../move-watch.ts';

/** Actions that change a move. */
const CHANGING = ['pause', 'resume', 'abort', 'reverse', 'seal'];

export const moves: Command = {
  summary: 'show how far moves of tenants are, and pause, resume, abort, reverse or seal them',
  usage: 'list|show|watch|pause|resume|abort|reverse|seal [TENANT]',
  example: 'npx polycell moves watch acme',
  asks: 'edge',
  options: { reason: { type: 'string' }, wait: { type: 'boolean' }, ...YES_OPTION },
  positionals: 2,
  takenBy: { reason: CHANGING, yes: CHANGING, wait: ['resume', 'reverse'] },
  describe: {
    list: 'all moves that are kept, the latest first',
    'show TENANT': 'the latest move of one',
    'watch TENANT':
      'the same, again and again, until it is verified (or sealed, if it leaves its source), ends or rests',
    'pause TENANT': 'let one rest where it is',
    'resume TENANT': 'let one go on',
    'abort TENANT': 'end one before the switch: the directory is as it was',
    'reverse TENANT': 'bring the tenant back after the switch, in the same steps',
    'seal TENANT': 'end one that is verified: it can no longer be reversed',
    '--wait': 'resume, reverse: go on as watch does',
    '--reason TEXT': 'why, for the audit log; the command itself if not given',
    ...YES_DESCRIPTION,
  },
  run: (context) => runAction('moves', actions, context),
};

const shown = ({ control }: ActionContext, tenant: string) => control('GET', `moves/${tenant}`) as Promise<MoveView>;

const act =
  (action: MoveAction): Action =>
  async (context) => {
    const { control, options, json, out, commandLine } = context;
    const tenant = idOf(context, 'tenant');
    await confirm(context.connection, context, { name: tenant, missing: undefined });
    const reason = typeof options.reason === 'string' ? options.reason : commandLine;
    const move = (await control('POST', `moves/${tenant}/${action}`, { reason })) as MoveView;
    if (options.wait === true) return watchMove(context, tenant);
    out(json ? JSON.stringify(move) : describeMove(move));
    return 0;
  };

const actions: Readonly<Record<string, Action>> = {
  async list(context) {
    const { items } = (await context.control('GET', 'moves')) as { items: readonly MoveView[] };
    for (const move of items) context.out(context.json ? JSON.stringify(move) : describeMove(move));
    if (items.length === 0 && !context.json) context.out('No tenant has been moved.');
    return 0;
  },

  async show(context) {
    const move = await shown(context, idOf(context, 'tenant'));
    context.out(context.json ? JSON.stringify(move) : describeMove(move));
    return 0;
  },

  watch: (context) => watchMove(context, idOf(context, 'tenant')),

  pause: act('pause'),
  resume: act('resume'),
  abort: act('abort'),
  reverse: act('reverse'),
  seal: act('seal'),
};
