// Checks infra/live/ against the declared cells: every root has a cell. The generator ensures that every cell has a root.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { DeclaredCell } from './declared.ts';
import type { Problem } from './schema.ts';

/** The root that does not belong to a cell. */
const EDGE = 'edge';

/** Every root without a cell. */
export function checkRoots(root: string, cells: readonly DeclaredCell[]): Problem[] {
  const live = path.join(root, 'infra/live');
  const present = existsSync(live)
    ? readdirSync(live, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
    : [];
  return present
    .filter((name) => name !== EDGE && !cells.some(({ id }) => id === name))
    .map((name) => ({
      file: `infra/live/${name}`,
      line: 1,
      message: `infra/cells.json declares no cell ${name}: destroy what the root has made, then remove it.`,
    }));
}
