// Binary content mode: decodes the value of a `ce-` header into the value of an attribute.

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes beyond ASCII: a header parser may already have replaced them, so two different values could look alike. */
const BEYOND_ASCII = /[^\t -~]/;
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/;
const ESCAPES = /(?:%[0-9A-Fa-f]{2})+/g;

/**
 * The attribute's value: unquoted if quoted, then percent-decoded once. `undefined` if the header contains bytes beyond ASCII, or
 * escapes that are not UTF-8, such as overlong forms
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values). A
 * percent sign that does not begin an escape is literal.
 */
export function attributeValue(header: string): string | undefined {
  if (BEYOND_ASCII.test(header)) return undefined;
  const inner = QUOTED.exec(header)?.[1];
  const text = inner === undefined ? header : inner.replace(/\\(.)/g, '$1');
  if (!text.includes('%')) return text;
  try {
    return text.replace(ESCAPES, (escapes) => decoder.decode(bytesOf(escapes)));
  } catch (error) {
    // Thrown for malformed UTF-8 because of `fatal`.
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

const bytesOf = (escapes: string): Uint8Array =>
  Uint8Array.from(escapes.slice(1).split('%'), (digits) => Number.parseInt(digits, 16));
