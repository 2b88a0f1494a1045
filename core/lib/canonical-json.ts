// Canonical JSON (RFC 8785): one text for each JSON value, so that equal values have equal hashes.
import type { Json } from '../ports/json.ts';

/** The text: members sorted by the UTF-16 code units of their names, numbers and strings as ECMAScript writes them. */
export function canonicalJson(value: Json | undefined): string {
  // A store keeps -0 as 0, and so does JSON.stringify.
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map((each: Json) => canonicalJson(each)).join(',')}]`;
  const members = Object.entries(value as { readonly [name: string]: Json | undefined })
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
