// What a benchmark finds out, as data, and how a person reads it: tables, notes and verdicts.
import type { Spread } from './statistics.ts';

export type Cell = string | number | Spread | null;

export interface Column {
  readonly key: string;
  readonly title: string;
  /** Digits after the point; 0 unless given. */
  readonly digits?: number;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  /** What one must know to read the figures. */
  readonly notes?: readonly string[];
}

/** A target, and whether it was met. */
export interface Verdict {
  readonly target: string;
  readonly found: string;
  readonly met: boolean;
}

export interface Report {
  readonly benchmark: string;
  readonly tables: readonly Table[];
  readonly verdicts: readonly Verdict[];
}

const isSpread = (cell: Cell | undefined): cell is Spread => typeof cell === 'object' && cell !== null;

function text(cell: Cell | undefined, digits: number): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'string') return cell;
  const number = (value: number) =>
    Number.isNaN(value)
      ? '–'
      : value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return isSpread(cell) ? `${number(cell.median)} (${number(cell.low)}–${number(cell.high)})` : number(cell);
}

/** A table as lines of aligned text: words to the left, figures to the right. */
export function tableLines({ title, columns, rows, notes = [] }: Table): string[] {
  const grid = columns.map(({ key, title: head, digits = 0 }) => {
    const cells = rows.map((row) => text(row[key], digits));
    const width = Math.max(head.length, ...cells.map((cell) => cell.length));
    const isText = rows.every((row) => typeof row[key] === 'string' || row[key] == null);
    const pad = (cell: string) => (isText ? cell.padEnd(width) : cell.padStart(width));
    return { head: pad(head), rule: '─'.repeat(width), cells: cells.map(pad) };
  });
  const line = (pick: (column: (typeof grid)[number]) => string) => `  ${grid.map(pick).join('  ')}`.trimEnd();
  return [
    title,
    line(({ head }) => head),
    line(({ rule }) => rule),
    ...rows.map((_, index) => line(({ cells }) => cells[index] ?? '')),
    ...notes.map((note) => `  · ${note}`),
    '',
  ];
}

/** The whole report as text. */
export function reportText({ benchmark, tables, verdicts }: Report): string {
  return [
    '',
    `${benchmark}: figures are medians (quartiles in brackets); only ratios of one run compare.`,
    '',
    ...tables.flatMap(tableLines),
    ...verdicts.map(({ target, found, met }) => `${met ? 'met   ' : 'MISSED'}  ${target}: ${found}`),
    '',
  ].join('\n');
}
