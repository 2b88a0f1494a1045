// Query parameters: what each route takes, checked by the same definitions that the OpenAPI document shows.
import { parseTime } from '../events/time.ts';
import { cutUtf8 } from '../lib/text.ts';
import { type FieldError, Problem } from './problem.ts';

/** A parameter: a JSON Schema for people and machines, and what reads it. */
export interface Parameter<T> {
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
  /** The value, or `undefined` if the text is none. */
  readonly read: (text: string) => T | undefined;
  /** What stands for a parameter that is not given. */
  readonly fallback: T;
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>;

export type ParameterValues<P extends Parameters> = {
  readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never;
};

const optional = <T>(parameter: Omit<Parameter<T>, 'fallback'>): Parameter<T | undefined> => ({
  ...parameter,
  fallback: undefined,
});

export const PAGE_LIMITS = { maximum: 1000, standard: 100 } as const;

/** The two parameters that every listing takes. */
export const paging = {
  limit: {
    description: 'Items in the page, at most. A page may have fewer and still not be the last.',
    schema: { type: 'integer', minimum: 1, maximum: PAGE_LIMITS.maximum, default: PAGE_LIMITS.standard },
    read: (text: string) => {
      const value = /^\d{1,4}$/.test(text) ? Number(text) : 0;
      return value >= 1 && value <= PAGE_LIMITS.maximum ? value : undefined;
    },
    fallback: PAGE_LIMITS.standard as number,
  },
  cursor: optional<string>({
    description: 'The field `next` of the page before.',
    schema: { type: 'string' },
    read: (text) => text,
  }),
};

/** A time, as the sort key that ids are compared with. */
export const time = (description: string): Parameter<string | undefined> =>
  optional({ description, schema: { type: 'string', format: 'date-time' }, read: (text) => parseTime(text)?.sortKey });

/** Any text but the empty one. */
export const text = (description: string): Parameter<string | undefined> =>
  optional({
    description,
    schema: { type: 'string', minLength: 1 },
    read: (value) => (value === '' ? undefined : value),
  });

/** One of a few words. */
export const choice = <const T extends string, const F extends T | undefined>(
  description: string,
  values: readonly T[],
  fallback: F,
): Parameter<T | F> => ({
  description,
  schema: { type: 'string', enum: values, ...(fallback !== undefined && { default: fallback }) },
  read: (value) => values.find((candidate) => candidate === value),
  fallback,
});

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
    throw new Problem('invalid_parameter', `Mend ${errors.map((error) => error.parameter).join(', ')}.`, { errors });
  return Object.fromEntries(values);
}
