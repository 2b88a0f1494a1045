// Continuation tokens of queries: where the last page ended, by value, so that later writes do not shift them.
import { badRequest } from '../errors.ts';
import { murmur32 } from '../hash/murmur.ts';
import { isObject, type Json, type Value } from '../json.ts';

/** A position in a query's results. */
export interface Position {
  /** Insertion number of the document of the last row. */
  readonly sequence: number;
  /** Number of the last row among those of its document, for sorted rows. */
  readonly rows: number;
  /** Place of the last row that was looked at in the sources of its document, for rows in the order of documents. */
  readonly place: readonly number[];
  /** ORDER BY keys of the last row; left out when they are long, and then looked up in its document. */
  readonly keys: readonly Value[];
  /** Id of the last row's document, when rows come in the order of ids. */
  readonly id: string | undefined;
  /** Rows returned so far, for TOP and LIMIT, or, for grouped queries, the position itself. */
  readonly taken: number;
  /** Rows passed over so far for OFFSET. */
  readonly skipped: number;
}

/** Longest keys a token carries: it travels in a header, which clients limit to 16 KiB. */
const MAX_TOKEN_KEYS = 1500;

const fingerprint = (query: string): string => murmur32(Buffer.from(query)).toString(36);

/**
 * Writes a token; `undefined` among the keys is an empty array. `query` is the part of the text that a position depends
 * on: sources and order, but not the filter, which the SDK changes when it resumes an ORDER BY over several ranges.
 */
export function writeToken(query: string, position: Position): string {
  const { sequence, rows, place, keys, id, taken, skipped } = position;
  return JSON.stringify({
    q: fingerprint(query),
    s: sequence,
    r: rows,
    ...(place.length === 0 ? {} : { p: place }),
    ...(keys.length === 0 || JSON.stringify(keys).length > MAX_TOKEN_KEYS
      ? {}
      : { k: keys.map((key) => (key === undefined ? [] : [key])) }),
    ...(id === undefined ? {} : { i: id }),
    t: taken,
    o: skipped,
  }).replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The refusal of a token that is not for this query, or can no longer be followed. */
export const invalidToken = (): Error => badRequest('Invalid Continuation Token');

/** Reads a token back; a token of another query, or anything else, is the service's 400. */
export function readToken(query: string, token: string): Position {
  let value: Json;
  try {
    value = JSON.parse(token) as Json;
  } catch {
    throw invalidToken();
  }
  if (!isObject(value) || value.q !== fingerprint(query)) throw invalidToken();
  const { s, r, p = [], k = [], i, t, o } = value;
  if (!Array.isArray(p)) throw invalidToken();
  const numbers = [s, r, t, o, ...p].every((part) => Number.isSafeInteger(part) && Number(part) >= 0);
  if (!numbers || !Array.isArray(k) || (i !== undefined && typeof i !== 'string')) throw invalidToken();
  const keys = k.map((key) => {
    if (!Array.isArray(key)) throw invalidToken();
    return key[0];
  });
  return {
    sequence: Number(s),
    rows: Number(r),
    place: p.map(Number),
    keys,
    id: i,
    taken: Number(t),
    skipped: Number(o),
  };
}
