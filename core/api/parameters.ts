// Query parameters: one declaration parses the text, gives the type, and describes the parameter in the OpenAPI document.
import { parseTime } from '../events/time.ts';

/** A parameter: a JSON Schema for the document, and a function that parses the text. */
export interface Parameter<T> {
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
  /** The value, or `undefined` if the text is not valid. */
  readonly read: (text: string) => T | undefined;
  /** The default value. */
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

/** Any text that is not empty. */
export const text = (description: string): Parameter<string | undefined> =>
  optional({
    description,
    schema: { type: 'string', minLength: 1 },
    read: (value) => (value === '' ? undefined : value),
  });

/** A text of this form. */
export const matching = (description: string, pattern: string): Parameter<string | undefined> => {
  const form = new RegExp(pattern);
  return optional({
    description,
    schema: { type: 'string', pattern },
    read: (value) => (form.test(value) ? value : undefined),
  });
};

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
