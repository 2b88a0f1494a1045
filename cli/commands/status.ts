// `polycell status`: edge and cells, their health, and how far each consumer is behind.
import type { CellStatus } from '../../local/stack.ts';
import type { Command } from '../command.ts';
import { StackClient } from '../stack-client.ts';

export const status: Command = {
  summary: 'show the edge and the cells: health, state in the directory, backlog and what is parked',
  usage: '[--stack URL]',
  example: 'npx polycell status --json',
  options: { stack: { type: 'string' } },
  describe: { '--stack URL': 'the stack to ask, if not the one started last' },
  async run({ options, json, out }) {
    const stack = await StackClient.find(options.stack as string | undefined);
    const { edge, cells } = await stack.status();
    const parts = [
      ...(edge === null ? [] : [`edge  ${edge.health}  ${edge.url}  ${edge.tlsUrl}`]),
      ...cells.map(describe),
    ];
    out(json ? JSON.stringify({ edge, cells }) : parts.join('\n\n'));
    return [...(edge === null ? [] : [edge]), ...cells].every(({ health }) => health === 'ok') ? 0 : 1;
  },
};

function describe({ id, cloud, region, url, health, directory, consumers }: CellStatus): string {
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
  const inDirectory =
    directory === null ? '' : `  ${directory.state}, home of ${directory.homes}, standby of ${directory.standbys}`;
  return [`${id}  ${health}${inDirectory}  ${cloud} ${region}  ${url}`, ...(rows.length === 0 ? [] : lines)].join('\n');
}
