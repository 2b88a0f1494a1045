// `polycell status`: cells, their health, and how far each consumer is behind.
import type { CellStatus } from '../../local/stack.ts';
import type { Command } from '../command.ts';
import { StackClient } from '../stack-client.ts';

export const status: Command = {
  summary: 'show cells, health, consumers, their backlog and what is parked',
  usage: '[--stack URL]',
  example: 'npx polycell status --json',
  options: { stack: { type: 'string' } },
  describe: { '--stack URL': 'the stack to ask, if not the one started last' },
  async run({ options, json, out }) {
    const stack = await StackClient.find(options.stack as string | undefined);
    const cells = await stack.status();
    out(json ? JSON.stringify({ cells }) : cells.map(describe).join('\n\n'));
    return cells.every(({ health }) => health === 'ok') ? 0 : 1;
  },
};

function describe({ id, cloud, region, url, health, consumers }: CellStatus): string {
  const rows = consumers.map(({ name, backlog, parked, more, deadLetters }) => [
    name,
    String(backlog),
    `${parked}${more ? '+' : ''}`,
    String(deadLetters),
  ]);
  const table = [['consumer', 'backlog', 'parked', 'dead letters'], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = table.map(
    (row) =>
      `  ${row.map((value, column) => (column === 0 ? value.padEnd(widths[column] ?? 0) : value.padStart(widths[column] ?? 0))).join('  ')}`,
  );
  return [`${id}  ${health}  ${cloud} ${region}  ${url}`, ...lines].join('\n');
}
