// Holds infra/live/ against the declared cells: a root for each, as the scaffold makes it, and none without a cell.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { DeclaredCell } from './declared.ts';
import { cellRoot } from './scaffold.ts';
import type { Problem } from './schema.ts';

/** The root that is no cell's. */
const EDGE = 'edge';

/** Every root that is missing, left over, or not what the scaffold makes of its cell. */
export function checkRoots(root: string, cells: readonly DeclaredCell[]): Problem[] {
  const live = path.join(root, 'infra/live');
  const present = existsSync(live)
    ? readdirSync(live, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
    : [];
  const leftOver = present
    .filter((name) => name !== EDGE && !cells.some(({ id }) => id === name))
    .map((name) => ({
      file: `infra/live/${name}`,
      line: 1,
      message: `infra/cells.json declares no cell ${name}: destroy what the root has made, then remove it.`,
    }));
  const stale = cells.flatMap((cell) =>
    Object.entries(cellRoot(cell)).flatMap(([name, wanted]): Problem[] => {
      const file = `infra/live/${cell.id}/${name}`;
      const text = existsSync(path.join(root, file)) ? readFileSync(path.join(root, file), 'utf8') : undefined;
      if (text === wanted) return [];
      const lines = (text ?? '').split('\n');
      const line = wanted.split('\n').findIndex((each, index) => each !== lines[index]) + 1;
      return [
        {
          file,
          line: text === undefined ? 1 : line,
          message: `It is ${text === undefined ? 'missing' : 'not what the scaffold makes'}: run npx polycell cells scaffold ${cell.id}.`,
        },
      ];
    }),
  );
  return [...leftOver, ...stale];
}
