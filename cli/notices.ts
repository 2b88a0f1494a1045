// The stack's notices as lines: repetitions are printed once, and counted.
import { DELAY_LINE } from '../core/cell/delays.ts';
import type { Notice } from '../local/local-cell.ts';

/** A repeated notice is printed again after this, in milliseconds, with its count since. */
const QUIET_MS = 5000;

/** Frames of a stack trace that are shown. */
const SHOWN_FRAMES = 4;

/** Maximum number of notices remembered as printed. */
const REMEMBERED = 200;

/** Lines that are there to be measured, many and always: `npx polycell logs` has them. */
const MEASURES: ReadonlySet<string> = new Set([DELAY_LINE]);

/** Returns a function that prints a notice, unless a similar one was just printed. `now`: in milliseconds. */
export function noticePrinter(say: (line: string) => void, now: () => number): (notice: Notice) => void {
  const said = new Map<string, { at: number; more: number }>();
  return (notice) => {
    if (MEASURES.has(notice.message)) return;
    const key = JSON.stringify([notice.part, notice.message, notice.fields?.cell]);
    const known = said.get(key);
    if (known !== undefined && now() - known.at < QUIET_MS) {
      known.more += 1;
      return;
    }
    said.delete(key);
    said.set(key, { at: now(), more: 0 });
    const [oldest] = said.keys();
    if (said.size > REMEMBERED && oldest !== undefined) said.delete(oldest);
    const line = describeNotice(notice, now());
    say(known === undefined || known.more === 0 ? line : `${line} (and ${known.more} more like it before)`);
  };
}

/** Drops notices while `quiet` holds. */
export const unless =
  (quiet: () => boolean, print: (notice: Notice) => void): ((notice: Notice) => void) =>
  (notice) => {
    if (!quiet()) print(notice);
  };

/** A notice as a line, and below it the innermost frames of a failure. */
export function describeNotice({ level, part, message, fields = {} }: Notice, at: number): string {
  const { stack, traceparent: _traceparent, span_id: _spanId, ...others } = fields;
  const more = Object.entries(others)
    .filter(([name, value]) => value !== undefined && !(name === 'cell' && value === part.split(' ')[0]))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const time = new Date(at).toISOString().slice(11, 19);
  const line = [time, level === 'info' ? '' : level.toUpperCase(), part, message, ...more]
    .filter((word) => word !== '')
    .join(' ');
  return [line, ...framesOf(stack)].join('\n');
}

/** The innermost frames of a stack trace, without the message, which is already in the line. */
export function framesOf(stack: unknown): readonly string[] {
  if (typeof stack !== 'string') return [];
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, SHOWN_FRAMES)
    .map((line) => `  ${line.trim()}`);
}
