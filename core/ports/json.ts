// The values a store keeps and a message carries: JSON, and nothing that JSON cannot say.

/** Any JSON value. A member that is `undefined` is left out when it is written. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** A JSON value that is an object. */
export type JsonObject = { readonly [key: string]: Json | undefined };

/** Whether a parsed value is an object in JSON's sense: neither null nor an array. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
