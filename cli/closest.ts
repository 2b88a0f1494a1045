// "Did you mean …?": the known word that is closest to a misspelt one.

/** A word may differ in this share of its letters, and in one letter however short it is. */
const SHARE = 0.4;

/** Longer words are not compared: the time grows with the product of the lengths. */
const LONGEST = 100;

/** The known word with the fewest edits from `word`, or `undefined` when none is close. */
export function closest(word: string, known: readonly string[]): string | undefined {
  if (word.length > LONGEST) return undefined;
  const [best] = known
    .map((each) => ({ each, edits: each.startsWith(word) && word.length > 2 ? 0 : edits(word, each) }))
    .filter(({ each, edits: count }) => count <= Math.max(1, Math.floor(each.length * SHARE)))
    .sort((a, b) => a.edits - b.edits);
  return best?.each;
}

/** ` Did you mean …?`, or nothing. `prefix` is shown in front of the word, and is not compared. */
export function suggestion(word: string, known: readonly string[], prefix = ''): string {
  const best = closest(word, known);
  return best === undefined ? '' : ` Did you mean ${prefix}${best}?`;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
function edits(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
        swapped ? (beforeLast[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
