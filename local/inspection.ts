// The names by which functions of the stack are picked for a debugger, and the ports on which they are inspected.
import type { Topology } from '../core/cell/topology.ts';
import { freePort } from '../hosts/processes/free-port.ts';
import type { CellDeclaration } from './cells.ts';

/** Every function that can be inspected: `aws-alpha/http`, `aws-alpha/worker:device-state`, `azure-beta/worker`. */
export function inspectable(cells: readonly CellDeclaration[], { consumers }: Topology): readonly string[] {
  const workers = { aws: consumers.map(({ name }) => `worker:${name}`), azure: ['worker'] };
  return cells.flatMap(({ id, cloud }) => ['http', 'relay', ...workers[cloud]].map((name) => `${id}/${name}`));
}

/**
 * Gives each of the named functions a free port. An Azure cell's functions share one process, and so one port.
 * @throws Error that lists the names there are, if one is unknown
 */
export async function inspectionPorts(
  names: readonly string[],
  cells: readonly CellDeclaration[],
  topology: Topology,
): Promise<ReadonlyMap<string, number>> {
  const known = inspectable(cells, topology);
  const azure = new Set(cells.filter(({ cloud }) => cloud === 'azure').map(({ id }) => id));
  const ports = new Map<string, number>();
  const shared = new Map<string, number>();
  for (const name of names) {
    if (!known.includes(name))
      throw new Error(`There is no function ${JSON.stringify(name)}; there are ${known.join(', ')}.`);
    const [cell = ''] = name.split('/', 1);
    const port = shared.get(cell) ?? (await freePort());
    if (azure.has(cell)) shared.set(cell, port);
    ports.set(name, port);
  }
  return ports;
}

/** The inspected functions of one cell, by the names that the cell has for them: consumers without `worker:`. */
export function inspectedIn(cell: string, ports: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const own = [...ports].filter(([name]) => name.startsWith(`${cell}/`));
  return new Map(own.map(([name, port]) => [name.slice(cell.length + 1).replace(/^worker:/, ''), port]));
}
