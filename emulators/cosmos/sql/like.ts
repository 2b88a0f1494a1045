// LIKE without backtracking: each piece between `%` is taken where it first fits, which is never worse than a later place.
import type { Value } from '../json.ts';
import { PATTERN_CACHE_CHARS } from '../limits.ts';
import type { Meter } from './meter.ts';
import { PatternCache } from './pattern-cache.ts';
import { indexIn } from './text-search.ts';

/** One place of a pattern: a code unit, any, or one of a set. */
type Place =
  | number
  | undefined
  | { readonly inverse: boolean; readonly ranges: readonly (readonly [number, number])[] };

/** What stands between two `%`. */
interface Piece {
  readonly places: readonly Place[];
  /** The piece as text, when it is nothing but that. */
  readonly literal: string | undefined;
}

const cache = new PatternCache<readonly Piece[]>(PATTERN_CACHE_CHARS);

/** LIKE: `%` any text, `_` one character, `[a-z]` and `[^a-z]` one of a set; an escape character takes the next literally. */
export function like(value: Value, pattern: Value, escapeChar: Value, meter: Meter): Value {
  if (typeof value !== 'string' || typeof pattern !== 'string') return undefined;
  if (escapeChar !== undefined && (typeof escapeChar !== 'string' || escapeChar.length !== 1)) return undefined;
  const compiled = cache.get(`${escapeChar ?? ''} ${pattern}`, () => compile(pattern, escapeChar));
  return matches(value, compiled, meter);
}

function matches(text: string, pieces: readonly Piece[], meter: Meter): boolean {
  const [first, ...others] = pieces;
  const last = others.pop();
  if (first === undefined) return false;
  if (last === undefined) return text.length === first.places.length && fits(text, first, 0, meter);
  if (!fits(text, first, 0, meter)) return false;
  let from = first.places.length;
  for (const piece of others) {
    const at = find(text, piece, from, meter);
    if (at < 0) return false;
    from = at + piece.places.length;
  }
  const end = text.length - last.places.length;
  return end >= from && fits(text, last, end, meter);
}

function find(text: string, piece: Piece, from: number, meter: Meter): number {
  if (piece.literal !== undefined) return indexIn(text, piece.literal, from, meter);
  for (let at = from; at + piece.places.length <= text.length; at++) if (fits(text, piece, at, meter)) return at;
  return -1;
}

/** Whether a piece stands at a place; what is compared is counted, as a text may be compared from each of its places. */
function fits(text: string, { places }: Piece, start: number, meter: Meter): boolean {
  if (start + places.length > text.length) return false;
  let at = 0;
  while (at < places.length && holds(text.charCodeAt(start + at), places[at])) at += 1;
  meter.spend(Math.ceil((at + 1) / 8));
  return at === places.length;
}

function holds(unit: number, place: Place): boolean {
  if (place === undefined) return true;
  if (typeof place === 'number') return place === unit;
  return place.ranges.some(([low, high]) => unit >= low && unit <= high) !== place.inverse;
}

function compile(pattern: string, escapeChar: string | undefined): readonly Piece[] {
  const pieces: Piece[] = [];
  let places: Place[] = [];
  const close = (): void => {
    const literal = places.every((place) => typeof place === 'number');
    pieces.push({ places, literal: literal ? textOf(places as readonly number[]) : undefined });
    places = [];
  };
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at);
    const end = char === '[' ? pattern.indexOf(']', at + 1) : -1;
    if (char === escapeChar && at + 1 < pattern.length) {
      at += 1;
      places.push(pattern.charCodeAt(at));
    } else if (char === '%') close();
    else if (char === '_') places.push(undefined);
    else if (end > at) {
      places.push(setOf(pattern.slice(at + 1, end)));
      at = end;
    } else places.push(pattern.charCodeAt(at));
  }
  close();
  return pieces;
}

const textOf = (units: readonly number[]): string => units.map((unit) => String.fromCharCode(unit)).join('');

function setOf(body: string): Place {
  const inverse = body.startsWith('^');
  const text = inverse ? body.slice(1) : body;
  const ranges: [number, number][] = [];
  for (let at = 0; at < text.length; at++) {
    const low = text.charCodeAt(at);
    if (text.charAt(at + 1) === '-' && at + 2 < text.length) {
      ranges.push([low, text.charCodeAt(at + 2)]);
      at += 2;
    } else ranges.push([low, low]);
  }
  return { inverse, ranges };
}
