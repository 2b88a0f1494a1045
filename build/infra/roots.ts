// Holds infra/live/ against the declared cells: no root without a cell. That each cell has its root is up to what is generated.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { DeclaredCell } from './declared.ts';
import type { Problem } from './schema.ts';

/** The root that is no cell's. */
const EDGE = 'edge';

/** Every root that is left over. */
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
