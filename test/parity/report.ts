// The result of a comparison as text.
import type { ParityResult } from './run.ts';

/** Longer values are cut; --json has all of them. */
const SHOWN = 400;

export function reportText({ counts, unexpected, allowed, unused }: ParityResult): string {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const lines = [`${total} answers of each cloud compared:`];
  for (const [group, count] of Object.entries(counts)) lines.push(`${String(count).padStart(7)}  ${group}`);
  lines.push('', 'Allowed differences:');
  for (const { id, at, times, reason } of allowed)
    if (times > 0) lines.push(`${String(times).padStart(7)}  ${id} (${at}): ${reason}`);
  if (unused.length > 0) {
    lines.push('', 'Allowed, but they did not occur; take them out of test/parity/allowed.json:');
    for (const { id, at } of unused) lines.push(`         ${id} (${at})`);
  }
  lines.push('', unexpected.length === 0 ? 'No other difference.' : `${unexpected.length} unexpected differences:`);
  for (const { group, name, page, at, aws, azure } of unexpected) {
    const part = page === 1 ? '' : `, page ${page}`;
    lines.push(`  [${group}] ${cut(name)}${part}: ${at}`, `      aws    ${cut(aws)}`, `      azure  ${cut(azure)}`);
  }
  return `${lines.join('\n')}\n`;
}

const cut = (text: string): string =>
  JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text).slice(1, -1);
