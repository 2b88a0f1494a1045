// Which of a stack's cells this machine can run.

import { dynoxideBinary, NoDynoxide } from '../emulators/dynamodb/dynamodb-emulator.ts';
import type { CellDeclaration } from './cells.ts';
import type { Endpoints } from './endpoints.ts';
import type { Notice } from './local-cell.ts';

/** The cells for whose services there is a server on this machine. */
export function runnableCells(
  {
    cells,
    notice,
    findDynamoDb = dynoxideBinary,
  }: {
    readonly cells: readonly CellDeclaration[];
    readonly notice: (notice: Notice) => void;
    readonly findDynamoDb?: () => string;
  },
  { dynamodb }: Endpoints,
): readonly CellDeclaration[] {
  const onAws = cells.filter(({ cloud }) => cloud === 'aws').map(({ id }) => id);
  if (dynamodb !== undefined || onAws.length === 0) return cells;
  try {
    findDynamoDb();
    return cells;
  } catch (error) {
    if (!(error instanceof NoDynoxide) || onAws.length === cells.length) throw error;
    notice({ level: 'warn', part: onAws.join(', '), message: `left out. ${error.message}` });
    return cells.filter(({ cloud }) => cloud !== 'aws');
  }
}
