// Parses media types of HTTP: a type, and parameters whose values may be quoted.

export interface MediaType {
  /** `type/subtype` in lower case. */
  readonly essence: string;
  /** By lower-case name; the first parameter of a name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const ESSENCE = new RegExp(`^[\\t ]*(${TOKEN}/${TOKEN})[\\t ]*`);
/** https://www.rfc-editor.org/rfc/rfc9110#section-5.6.6: a parameter may be missing between two semicolons. */
const PARAMETER = new RegExp(`;[\\t ]*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)"))?[\\t ]*`, 'y');

/** Longer texts are rejected; real ones have less than a hundred characters. */
const MAXIMUM_CHARACTERS = 1024;

/** Parses a media type (https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1), or returns `undefined` for anything else. */
export function parseMediaType(text: string): MediaType | undefined {
  if (text.length > MAXIMUM_CHARACTERS) return undefined;
  const head = ESSENCE.exec(text);
  const essence = head?.[1]?.toLowerCase();
  if (head === null || essence === undefined) return undefined;
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = head[0].length;
  while (PARAMETER.lastIndex < text.length) {
    const match = PARAMETER.exec(text);
    if (match === null) return undefined;
    const [, name, plain, quoted] = match;
    const value = plain ?? quoted?.replace(/\\(.)/gs, '$1');
    const key = name?.toLowerCase();
    if (key !== undefined && value !== undefined && !parameters.has(key)) parameters.set(key, value);
  }
  return { essence, parameters };
}

/** Whether the value of such a type is JSON: `application/json`, `text/json` and every type that ends in `+json`. */
export const isJsonType = ({ essence }: MediaType): boolean => /\/(?:[^/]+\+)?json$/.test(essence);

/** Names of UTF-8, and of ASCII, its subset (https://encoding.spec.whatwg.org/#names-and-labels). */
const UTF8_NAMES: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'unicode-1-1-utf-8', 'us-ascii', 'ascii']);

/** Whether a body of this type is UTF-8, which is the default without a character set. */
export const isUtf8 = ({ parameters }: MediaType): boolean =>
  UTF8_NAMES.has((parameters.get('charset') ?? 'utf-8').trim().toLowerCase());
