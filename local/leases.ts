// The way of cells' questions for their leases to the edge of the local stack, whose address is not known when the cells start.
import { systemClock } from '../adapters/system/system.ts';
import { askingCell, readUnsigned } from '../core/cell/lease.ts';
import type { LocalEdge } from './edge.ts';
import type { LocalCell } from './local-cell.ts';

/**
 * Hands a cell's question to the edge, unless the way between them is broken: a cell that the edge does not reach does not reach the
 * edge. Where no edge can run, there is no directory that could move a tenant, and every effect may happen.
 * @throws Error if there is no answer
 */
export async function handOn(
  body: unknown,
  cells: readonly Pick<LocalCell, 'id' | 'url'>[],
  edge: LocalEdge | undefined,
): Promise<unknown> {
  const question = String((body as { readonly question?: unknown } | undefined)?.question);
  if (edge === undefined) {
    const asked = readUnsigned(question, systemClock.now());
    if ('fault' in asked) throw new Error(`The question is refused: ${asked.fault}.`);
    return { tenants: Object.fromEntries(asked.tenants.map((tenant) => [tenant, 'free'])) };
  }
  const cell = cells.find(({ id }) => id === askingCell(question));
  if (edge.isCutOff(cell?.url ?? '')) throw new Error('The way to the edge is broken.');
  return edge.lease(body);
}
