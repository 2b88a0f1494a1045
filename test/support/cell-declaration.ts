// A declared cell for tests that start one.
import type { CellDeclaration } from '../../local/cells.ts';

type Given = Pick<CellDeclaration, 'id' | 'cloud' | 'region'> & Partial<CellDeclaration>;

/** A declaration whose values matter to no test but for those given. */
export const cellDeclaration = (given: Given): CellDeclaration => ({
  jurisdiction: 'eu',
  capacity: 10,
  price: 1,
  failover: 'automatic',
  cidr: '10.0.0.0/16',
  ...given,
});
