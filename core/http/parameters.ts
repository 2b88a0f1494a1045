// Checks the query parameters of a request against their declarations.

import type { Parameters, ParameterValues } from '../api/parameters.ts';
import { type FieldError, Refusal } from '../api/refusal.ts';
import { cutUtf8 } from '../lib/text.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The parameters of a URL's query. Replacing bytes that are not UTF-8 would make different values equal, so they are refused as
 * `invalid_parameter`. A lone percent sign is literal, as in browsers (https://url.spec.whatwg.org/#percent-decode).
 */
export function queryOf(url: URL): URLSearchParams {
  for (const [run] of url.search.matchAll(/(?:%[0-9A-Fa-f]{2})+/g)) {
    try {
      utf8.decode(Uint8Array.from(run.slice(1).split('%'), (byte) => Number.parseInt(byte, 16)));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new Refusal('invalid_parameter', 'The query holds percent-encoded bytes that are not UTF-8.');
    }
  }
  return url.searchParams;
}

/** Reads all parameters of a request; throws the problem `invalid_parameter`, which lists every fault. */
export function readParameters<P extends Parameters>(parameters: P, query: URLSearchParams): ParameterValues<P> {
  const faults: { readonly name: string; readonly requirement: string }[] = [];
  const known = Object.keys(parameters).join(', ') || 'none';
  for (const name of new Set(query.keys())) {
    if (!Object.hasOwn(parameters, name))
      faults.push({ name: cutUtf8(name, 64), requirement: `is not a parameter of this path (it takes: ${known})` });
    else if (query.getAll(name).length > 1) faults.push({ name, requirement: 'must be given once' });
  }
  const values = Object.entries(parameters).map(([name, parameter]) => {
    const given = query.get(name);
    const value = given === null ? parameter.fallback : parameter.read(given);
    if (given !== null && value === undefined) faults.push({ name, requirement: requirementOf(parameter.schema) });
    return [name, value];
  });
  if (faults.length > 0)
    throw new Refusal(
      'invalid_parameter',
      `Invalid parameters: ${faults.map(({ name, requirement }) => `${name} ${requirement}`).join('; ')}.`,
      {
        errors: faults.map(({ name, requirement }): FieldError => ({ parameter: name, detail: `It ${requirement}.` })),
      },
    );
  return Object.fromEntries(values);
}

/** What a schema allows, in words that follow the name of a parameter. */
function requirementOf({ enum: words, type, minimum, maximum, format, pattern }: Schema): string {
  if (Array.isArray(words)) return `must be one of ${words.join(', ')}`;
  if (type === 'integer')
    return `must be a whole number ${maximum === undefined ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`}`;
  if (format === 'date-time') return 'must be a time such as 2026-01-31T12:00:00Z';
  return pattern === undefined ? 'must not be empty' : `must match ${pattern}`;
}

type Schema = Parameters[string]['schema'];
