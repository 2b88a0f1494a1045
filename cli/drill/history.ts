// What drills have shown, as the edge keeps it: as a table, and the last one in a line.
import type { DrillRecord } from '../../core/edge/ports/drills.ts';
import { RefusedError, UserError } from '../command.ts';
import type { Control } from '../edge/edge-client.ts';
import type { Column } from '../table.ts';
import { SHOWN } from './report.ts';
import { seconds } from './verdict.ts';

/** The columns of the history. */
export const HISTORY_COLUMNS: readonly Column<DrillRecord>[] = [
  { title: 'ended', of: ({ endedAt }) => endedAt },
  { title: 'drill', of: ({ kind }) => kind },
  { title: 'cell', of: ({ cell }) => cell ?? '-' },
  { title: 'outcome', of: ({ outcome }) => SHOWN[outcome] },
  { title: 'RTO', of: ({ rtoMs }) => (rtoMs === null ? '-' : seconds(rtoMs)) },
  { title: 'by', of: ({ actor }) => actor },
  { title: 'missed', of: ({ missed }) => missed.join('; ') },
];

/** The drills that the edge keeps, the latest first. Rejects with a `UserError` if it does not say. */
export async function drillsOf(control: Control): Promise<readonly DrillRecord[]> {
  try {
    return (await control('GET', 'drills?limit=100')).items;
  } catch (error) {
    if (!(error instanceof RefusedError) || error.code !== 'not_found') throw error;
    throw new UserError('This edge is of an earlier release, which keeps no drills: deploy it.');
  }
}

/** The last drill; `null` if none is known, and why it cannot be said. */
export type LastDrill = { readonly drill: DrillRecord | null } | { readonly unknown: string };

/** Asks for the last drill. Rejects for nothing that the user can fix: a status is worth showing without it. */
export async function lastDrill(control: Control): Promise<LastDrill> {
  try {
    const [drill = null] = (await control('GET', 'drills?limit=1')).items;
    return { drill };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const isEarlier = error instanceof RefusedError && error.code === 'not_found';
    return { unknown: isEarlier ? 'the edge is of an earlier release.' : error.message };
  }
}

/** The last drill in a line. `now`: in milliseconds. */
export function lastDrillLine(last: LastDrill, now: number): string {
  if ('unknown' in last) return `Last drill: not known, as ${last.unknown}`;
  if (last.drill === null) return 'Last drill: no drill is known';
  const { kind, cell, outcome, endedAt } = last.drill;
  const what = `${kind}${cell === null ? '' : ` of ${cell}`}`;
  return `Last drill: ${what} ${outcome === 'inconclusive' ? 'was ' : ''}${SHOWN[outcome]} ${ago(now - Date.parse(endedAt))} ago`;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** An age in the unit of which there are two at least; one that clocks make negative is none. */
function ago(milliseconds: number): string {
  const age = Math.max(0, milliseconds);
  if (age < 2 * MINUTE_MS) return `${Math.floor(age / SECOND_MS)} s`;
  if (age < 2 * HOUR_MS) return `${Math.floor(age / MINUTE_MS)} min`;
  return age < 2 * DAY_MS ? `${Math.floor(age / HOUR_MS)} h` : `${Math.floor(age / DAY_MS)} days`;
}
