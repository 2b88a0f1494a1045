// The cells as the platform declares them, in infra/cells.json.
import { readFile } from 'node:fs/promises';
import { isName } from '../core/cell/identity.ts';
import type { FailoverPolicy } from '../core/edge/ports/directory-model.ts';
import { sourceFile } from './source-file.ts';

/** One declared cell. */
export interface CellDeclaration {
  readonly id: string;
  readonly cloud: 'aws' | 'azure';
  readonly region: string;
  /** The legal area whose data it may hold. */
  readonly jurisdiction: string;
  /** Maximum number of tenants. */
  readonly capacity: number;
  /** What a tenant costs there, compared with other cells. */
  readonly price: number;
  /** Who may fail it over. */
  readonly failover: FailoverPolicy;
  /** Its private network. */
  readonly cidr: string;
}

/** Reads the declared cells. Rejects with an error that names what is wrong with the file. */
export async function declaredCells(): Promise<readonly CellDeclaration[]> {
  const cells: unknown = JSON.parse(await readFile(sourceFile('infra/cells.json'), 'utf8'));
  if (!Array.isArray(cells)) throw new Error('infra/cells.json must be an array of cells.');
  for (const cell of cells as CellDeclaration[]) {
    if (!isName(cell.id) || !['aws', 'azure'].includes(cell.cloud) || typeof cell.region !== 'string') {
      throw new Error(
        `infra/cells.json: ${JSON.stringify(cell)} is no cell; it needs id, cloud (aws or azure) and region.`,
      );
    }
  }
  return cells as CellDeclaration[];
}

/** The declared cells of these ids, in the given order; all of them without ids. Throws for an id that is not declared or named twice. */
export function pickCells(declared: readonly CellDeclaration[], ids?: readonly string[]): readonly CellDeclaration[] {
  if (ids === undefined) return declared;
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw new Error(`The cell ${JSON.stringify(twice)} is named twice.`);
  return ids.map((id) => {
    const cell = declared.find((candidate) => candidate.id === id);
    if (cell === undefined)
      throw new Error(
        `There is no cell ${JSON.stringify(id)}; infra/cells.json declares ${declared.map((each) => each.id).join(', ')}.`,
      );
    return cell;
  });
}
