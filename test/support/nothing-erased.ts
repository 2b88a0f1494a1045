// For tests in which nothing is erased.
import { NOTHING_ERASED, type Tombstones } from '../../core/pipeline/tombstones.ts';

export const NO_TOMBSTONES: Pick<Tombstones, 'of'> = { of: async () => NOTHING_ERASED };
