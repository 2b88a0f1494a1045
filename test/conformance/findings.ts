// What was seen of each promise, and where: the report of `npm run conformance`.

/** `exempt`: the adapter cannot keep it, and what holds in its place was seen; `not run`: it could not be tried. */
export type Outcome = 'held' | 'exempt' | 'broken' | 'not run';

export interface Finding {
  readonly promise: string;
  /** The server or the cell. */
  readonly where: string;
  readonly outcome: Outcome;
  /** Why it is exempt or was not run, or how it was broken; empty if it was held. */
  readonly detail: string;
}

const LETTERS: Readonly<Record<Outcome, string>> = { held: '+', exempt: '~', broken: '!', 'not run': '-' };

/** Lines of a detail that are shown; the rest is in the JSON. */
const DETAIL_LINES = 6;

/** The report as text: each place with its promises, the broken ones explained, and the sum at the end. */
export function reportText(findings: readonly Finding[]): string {
  const places = [...new Set(findings.map(({ where }) => where))];
  const lines = places.flatMap((where) => [
    where,
    ...findings.filter((each) => each.where === where).flatMap((each) => lineOf(each)),
    '',
  ]);
  const counts = (Object.keys(LETTERS) as Outcome[]).map(
    (outcome) => `${findings.filter((each) => each.outcome === outcome).length} ${outcome}`,
  );
  return [...lines, counts.join(', ')].join('\n');
}

function lineOf({ promise, outcome, detail }: Finding): readonly string[] {
  const line = `  ${LETTERS[outcome]} ${promise}`;
  if (detail === '') return [line];
  if (outcome !== 'broken') return [`${line} (${outcome}: ${detail})`];
  return [
    line,
    ...detail
      .split('\n')
      .slice(0, DETAIL_LINES)
      .map((each) => `      ${each}`),
  ];
}
