// The drills by name, each with what it breaks and what has to hold; `polycell drill list` prints them.
import { DATA_DRILLS, type DataDrill } from './data-verdict.ts';
import { DRILLS, type DrillKind } from './verdict.ts';

/** The name of any drill. */
export type DrillName = DrillKind | DataDrill;

/** All names, in the order in which they are shown. */
export const DRILL_NAMES: readonly DrillName[] = [...DRILLS, ...DATA_DRILLS];

/** Whether the drill is one about copies of data. */
export const isDataDrill = (name: DrillName): name is DataDrill => (DATA_DRILLS as readonly string[]).includes(name);

interface DrillText {
  readonly broken: string;
  readonly holds: string;
}

/** Beginnings of lines under the help of `polycell drill`, and the rows of its list. */
export const DRILL_TEXTS: Readonly<Record<DrillName, DrillText>> = {
  'cell-loss': { broken: 'the processes of a cell are killed', holds: 'its tenants are served again within 5 s' },
  'region-loss': { broken: 'the same for every cell of its region', holds: 'the same, where a standby lies outside' },
  'cloud-loss': { broken: 'the same for every cell of its cloud', holds: 'the same, where a standby lies outside' },
  'map-loss': { broken: 'neither directory nor cache answers', holds: 'every request is served, by the right cell' },
  'slow-cell': { broken: 'each request to a cell takes longer', holds: 'tenants of other cells do not notice' },
  partition: { broken: 'the edge cannot reach a cell', holds: 'served again within 15 s, and the cell is fenced' },
  'move-under-load': {
    broken: 'nothing: tenants are moved to another cell',
    holds: 'no request fails, and all events are at the target, once',
  },
  'failback-union': {
    broken: 'a cell is failed over and back by an operator',
    holds: 'at each stage clients see all that was acknowledged, once',
  },
  'standby-loss': {
    broken: 'a standby is killed, and its stored events are deleted',
    holds: 'no request fails, and it gets everything again',
  },
  'long-outage': {
    broken: 'a standby is away for longer than its home is patient',
    holds: 'no request fails, and a comparison brings what was left unsent',
  },
  'hostile-administrator': {
    broken: 'all credentials of one cell are used against the other one',
    holds: 'nothing of the other cell is deleted or rewritten',
  },
};
