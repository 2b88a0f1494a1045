// The type of stored values and message contents: exactly what JSON can represent.

/** Any JSON value. Members that are `undefined` are omitted when written. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** A JSON value that is an object. */
export type JsonObject = { readonly [key: string]: Json | undefined };

/** Whether a parsed value is a JSON object: neither null nor an array. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
