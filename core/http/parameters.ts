// Checks the query parameters of a request against their declarations.
import type { Parameters, ParameterValues } from '../api/parameters.ts';
import { cutUtf8 } from '../lib/text.ts';
import { type FieldError, Problem } from './problem.ts';

/** Reads all parameters of a request at once; the problem `invalid_parameter` lists everything that is wrong with them. */
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
    throw new Problem(
      'invalid_parameter',
      `Invalid parameters: ${errors.map((error) => error.parameter).join(', ')}.`,
      { errors },
    );
  return Object.fromEntries(values);
}
