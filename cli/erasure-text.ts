// An erasure as a person reads it.
import type { CellErasure, Erasure } from '../core/edge/ports/erasures.ts';

const what = ({ tenant, subject, until }: Erasure): string =>
  `${subject === null ? `all events of ${tenant}` : `the events of ${subject} of ${tenant}`} up to ${until}`;

/** What would be done. */
export const describeErasurePlan = (erasure: Erasure): string =>
  [
    `Would erase ${what(erasure)} (nothing was erased yet):`,
    `  in ${Object.keys(erasure.cells).join(' and ')}; what is sent of them again will be refused`,
    '  not in backups, until they expire, and not in exports',
  ].join('\n');

const stepOf = ({ step, pass, removed, notBefore, problem }: CellErasure): string => {
  const until = step === 'drain' ? ` until ${new Date(notBefore).toISOString()}` : '';
  const sweep = step === 'sweep' ? ` ${pass}` : step === 'drain' ? `, then sweep ${pass}` : '';
  const why = problem === null ? '' : `; it waits: ${problem}`;
  return `${step}${until}${sweep}, ${removed} documents removed${why}`;
};

/** How far it is. */
export function describeErasure(erasure: Erasure): string {
  const { id, state, cells, notBefore, problem, certificate } = erasure;
  const lines = Object.entries(cells).map(([cell, found]) => `  ${cell}: ${stepOf(found)}`);
  if (problem !== null) lines.push(`  it waits: ${problem}`);
  if (state === 'erased')
    lines.push(
      `  nothing is left in any cell; certified at ${new Date(notBefore).toISOString()}, when queues have let go of it`,
    );
  if (certificate !== null)
    lines.push(`  certified at ${certificate.certifiedAt}; backups expire until ${certificate.backupsExpireAt}`);
  return [`${id}: ${what(erasure)}: ${state}`, ...lines].join('\n');
}

/** The same in one line. */
export const describeErasureShort = (erasure: Erasure): string =>
  `${erasure.id}  ${new Date(erasure.orderedAt).toISOString()}  ${erasure.state.padEnd(9)}  ${what(erasure)}`;
