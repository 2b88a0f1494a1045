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
  const errors: FieldError[] = [];
  const known = Object.keys(parameters).join(', ') || 'none';
  for (const name of new Set(query.keys())) {
    if (!Object.hasOwn(parameters, name))
      errors.push({ parameter: cutUtf8(name, 64), detail: `This path takes no such parameter; it takes: ${known}.` });
    else if (query.getAll(name).length > 1) errors.push({ parameter: name, detail: 'It is given more than once.' });
  }
  const values = Object.entries(parameters).map(([name, parameter]) => {
    const given = query.get(name);
    const value = given === null ? parameter.fallback : parameter.read(given);
    if (given !== null && value === undefined)
      errors.push({ parameter: name, detail: `It must match ${JSON.stringify(parameter.schema)}.` });
    return [name, value];
  });
  if (errors.length > 0)
    throw new Refusal(
      'invalid_parameter',
      `Invalid parameters: ${errors.map((error) => error.parameter).join(', ')}.`,
      { errors },
    );
  return Object.fromEntries(values);
}
