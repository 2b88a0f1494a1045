// Values of JSON whose form is not known: what the API of a cloud answers, read without trusting it.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** What lies below these names; `undefined` where nothing does. */
export function at(value: Json | undefined, ...names: readonly string[]): Json | undefined {
  let found = value;
  for (const name of names) {
    if (found === null || typeof found !== 'object' || Array.isArray(found)) return undefined;
    found = (found as { readonly [name: string]: Json })[name];
  }
  return found;
}

/** The elements of a list; none if there is no list, or an empty element of XML. */
export const items = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as Json[]) : []);

/** A string or number as text; '' for all else. */
export const text = (value: Json | undefined): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

/** What a text of JSON means; the text if it is none. */
export function meaning(value: Json | undefined): Json {
  if (typeof value !== 'string') return value ?? null;
  try {
    return JSON.parse(value) as Json;
  } catch {
    return value;
  }
}

/** The same for equal values, whatever the order of their names is. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${(value as Json[]).map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`).join(',')}}`;
}
