// `polycell failover`: sends a cell's tenants to their standbys, and back.
import { type Command, UsageError } from '../command.ts';
import {
  type Action,
  CELL_COLUMNS,
  CHANGE_DESCRIPTIONS,
  CHANGE_OPTIONS,
  change,
  type DirectoryCell,
  idOf,
  runAction,
} from '../directory.ts';
import { Table } from '../table.ts';

export const failover: Command = {
  summary: "send a cell's tenants to their standbys, and back",
  usage: 'start|status|back [CELL]',
  example: 'npx polycell failover start aws-alpha --reason "its region is down"',
  options: { partial: { type: 'boolean' }, ...CHANGE_OPTIONS },
  positionals: 2,
  describe: {
    'start CELL': 'mark one down: its tenants are served by their standbys at once',
    status: 'the cells that are down',
    'back CELL': 'let one serve its tenants again',
    '--partial': 'start: also if some tenants have nobody who can stand in; those go unserved',
    ...CHANGE_DESCRIPTIONS,
  },
  run(context) {
    if (context.options.partial === true && context.positionals[0] !== 'start')
      throw new UsageError('--partial is for start.');
    return runAction('failover', actions, context);
  },
};

const actions: Readonly<Record<string, Action>> = {
  start: (context) =>
    change(context, 'POST', 'failovers', {
      cell: idOf(context, 'cell'),
      ...(context.options.partial === true && { partial: true }),
    }),

  async status({ control, json, out }) {
    const { items } = (await control('GET', 'failovers')) as { items: DirectoryCell[] };
    if (json) for (const item of items) out(JSON.stringify(item));
    else if (items.length === 0) out('No cell is down.');
    else new Table(CELL_COLUMNS, out).add(items);
    return 0;
  },

  back: (context) => change(context, 'POST', `failovers/${idOf(context, 'cell')}/back`),
};
