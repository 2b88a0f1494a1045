// `polycell status`: edge and cells, their health, and at a local stack how far each consumer is behind.

import type { MonitorStatus } from '../../core/edge/monitor/monitor.ts';
import type { CellStatus } from '../../local/stack.ts';
import { type Command, EXIT } from '../command.ts';
import type { DirectoryCell } from '../directory.ts';
import { type Connection, connect } from '../edge/connection.ts';
import { healthOfEdge } from '../edge/edge-health.ts';
import type { StackClient } from '../stack-client.ts';
import { type Column, Table } from '../table.ts';

export const status: Command = {
  summary: 'show the edge and the cells: health, state in the directory, backlog and what is parked',
  usage: '[--edge URL | --profile NAME | --stack URL]',
  example: 'npx polycell status --json',
  asks: 'edge',
  options: {},
  describe: {},
  async run({ options, json, out }) {
    const connection = await connect(options);
    const { stack } = connection;
    return stack === undefined ? ofEdge(connection, json, out) : ofStack(stack, json, out);
  },
};

type Out = (line: string) => void;

async function ofStack(stack: StackClient, json: boolean, out: Out): Promise<number> {
  const { edge, cells } = await stack.status();
  const parts = [
    ...(edge === null ? [] : [`edge  ${edge.health}  ${edge.url}  ${edge.tlsUrl}`]),
    ...cells.map(describe),
  ];
  out(json ? JSON.stringify({ edge, cells }) : parts.join('\n\n'));
  return [...(edge === null ? [] : [edge]), ...cells].every(({ health }) => health === 'ok') ? EXIT.done : EXIT.failed;
}

/** A cell, as the directory and the monitor have it: a deployed cell answers its tenants only. */
interface Watched {
  readonly id: string;
  readonly cloud: string;
  readonly region: string;
  readonly url: string;
  readonly health: string;
  readonly detail: string;
  readonly directory: { readonly state: string; readonly homes: number; readonly standbys: number };
}

const COLUMNS: readonly Column<Watched>[] = [
  { title: 'cell', of: ({ id }) => id },
  { title: 'verdict', of: ({ health }) => health },
  { title: 'state', of: ({ directory }) => directory.state },
  { title: 'cloud', of: ({ cloud }) => cloud },
  { title: 'region', of: ({ region }) => region },
  { title: 'homes', of: ({ directory }) => directory.homes },
  { title: 'standbys', of: ({ directory }) => directory.standbys },
  { title: 'endpoint', of: ({ url }) => url },
  { title: 'latest', of: ({ detail }) => detail },
];

/** What the monitor says of a cell that is well. */
const WELL = 'up';

async function ofEdge(connection: Connection, json: boolean, out: Out): Promise<number> {
  const url = connection.deployed?.edge ?? '';
  const health = await healthOfEdge(url);
  const control = await connection.control();
  const { items } = (await control('GET', 'cells')) as { items: readonly DirectoryCell[] };
  const monitor = (await control('GET', 'monitor')) as MonitorStatus;
  const cells = items
    .filter(({ state }) => state !== 'retired')
    .map(({ id, cloud, region, endpoint, state, homes, standbys }): Watched => {
      const seen = monitor.cells.find((cell) => cell.id === id);
      const detail = seen?.detail ?? '';
      return {
        id,
        cloud,
        region,
        url: endpoint,
        health: seen?.verdict ?? 'unknown',
        detail,
        directory: { state, homes, standbys },
      };
    });
  if (json) out(JSON.stringify({ edge: { url, health: health.status, version: health.version }, cells }));
  else {
    out(`edge  ${health.status}  version ${health.version}  ${url}`);
    if (monitor.trouble !== null) out(`The monitor is in trouble: ${monitor.trouble}`);
    if (cells.length > 0) new Table(COLUMNS, out).add(cells);
  }
  const isWell = health.status === 'ok' && monitor.trouble === null && cells.every((cell) => cell.health === WELL);
  return isWell ? EXIT.done : EXIT.failed;
}

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
