// `polycell audit`: who changed what in the directory, when and why.
import type { AuditEntry } from '../../core/edge/ports/directory-model.ts';
import type { Command } from '../command.ts';
import { describeChange, list, runAction } from '../directory.ts';
import type { Column } from '../table.ts';

export const audit: Command = {
  summary: 'show who changed the directory, when and why, newest first',
  usage: '[--limit N]',
  example: 'npx polycell audit --limit 20',
  asks: 'edge',
  options: { limit: { type: 'string' } },
  describe: {
    '--limit N': 'the number of entries; 50 if not given',
  },
  run: (context) =>
    runAction(
      'audit',
      { show: (each) => list(each, 'audit', COLUMNS, {}, 'Nothing has been changed.') },
      {
        ...context,
        positionals: ['show'],
        options: { limit: String(DEFAULT_LINES), ...context.options },
      },
    ),
};

const DEFAULT_LINES = 50;

const COLUMNS: readonly Column<AuditEntry>[] = [
  { title: 'at', of: ({ at }) => at },
  { title: 'revision', of: ({ revision }) => revision },
  { title: 'who', of: ({ actor }) => actor },
  { title: 'what', of: ({ command }) => command.kind },
  { title: 'outcome', of: ({ outcome, refusal }) => (refusal === undefined ? outcome : `${outcome}: ${refusal.code}`) },
  { title: 'why', of: ({ reason }) => reason },
  { title: 'changes', of: ({ changes }) => changes.map(describeChange).join('; ') },
];
