// Finds a text in another in linear time: the engine's own search takes time in the product of both for some long texts.
import type { Meter } from './meter.ts';

/** Up to this length of what is looked for, the engine's search is at most this factor from linear. */
const SHORT = 32;

/** Where `part` begins in `text` at or after `from`; -1 when it does not. */
export function indexIn(text: string, part: string, from: number, meter: Meter): number {
  meter.spendOn(text);
  if (part.length <= SHORT) return text.indexOf(part, from);
  for (const at of occurrences(text, part, Math.max(0, from), meter)) return at;
  return -1;
}

/** Where `part` begins for the last time; -1 when it does not. */
export function lastIndexIn(text: string, part: string, meter: Meter): number {
  meter.spendOn(text);
  if (part.length <= SHORT) return text.lastIndexOf(part);
  let last = -1;
  for (const at of occurrences(text, part, 0, meter)) last = at;
  return last;
}

/** The pieces of `text` between occurrences of `part`, which is not empty and is found from the left without overlaps. */
export function pieces(text: string, part: string, meter: Meter): string[] {
  meter.spendOn(text);
  if (part.length <= SHORT) return text.split(part);
  const found: string[] = [];
  let start = 0;
  for (const at of occurrences(text, part, 0, meter)) {
    if (at < start) continue;
    found.push(text.slice(start, at));
    start = at + part.length;
  }
  found.push(text.slice(start));
  return found;
}

/** All occurrences, overlapping ones included, by the algorithm of Knuth, Morris and Pratt. */
function* occurrences(text: string, part: string, from: number, meter: Meter): Generator<number> {
  if (part.length > text.length - from) return;
  meter.spend(Math.ceil((text.length - from + part.length) / 8));
  const fallback = fallbacksOf(part);
  let matched = 0;
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    while (matched > 0 && part.charCodeAt(matched) !== unit) matched = fallback[matched - 1] ?? 0;
    if (part.charCodeAt(matched) === unit) matched += 1;
    if (matched < part.length) continue;
    yield at - part.length + 1;
    matched = fallback[matched - 1] ?? 0;
  }
}

/** For each beginning of a text, the length of the longest other beginning that it ends with. */
function fallbacksOf(part: string): Uint32Array {
  const fallback = new Uint32Array(part.length);
  let length = 0;
  for (let at = 1; at < part.length; at++) {
    const unit = part.charCodeAt(at);
    while (length > 0 && part.charCodeAt(length) !== unit) length = fallback[length - 1] ?? 0;
    if (part.charCodeAt(length) === unit) length += 1;
    fallback[at] = length;
  }
  return fallback;
}
