// What of JSON the service stores: numbers that a double holds, and a bounded depth.
import { badRequest } from './errors.ts';
import type { Json } from './json.ts';
import { MAX_DEPTH } from './limits.ts';

/**
 * Refuses what would be stored as something else, or exhaust the stack of what walks it later: `1e400` is read as infinity,
 * which is written as `null`.
 */
export function checkJson(value: Json, depth = 0): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw badRequest('The request payload is invalid: a number is out of the range of a double.');
  }
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_DEPTH) throw badRequest(`The document is nested deeper than ${MAX_DEPTH} levels.`);
  for (const child of Array.isArray(value) ? value : Object.values(value)) checkJson(child, depth + 1);
}
