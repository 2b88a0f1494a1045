// Binary content mode: how the value of a `ce-` header becomes the value of an attribute.

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes beyond ASCII: what reads the header may already have replaced them, so two different values could look alike. */
const BEYOND_ASCII = /[^\t -~]/;
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/;
const ESCAPES = /(?:%[0-9A-Fa-f]{2})+/g;

/**
 * The attribute's value: taken out of its quotes if it has any, then percent-decoded once. `undefined` if the header holds bytes beyond
 * ASCII, or escapes that are not UTF-8, such as overlong forms
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values). A
 * percent sign that begins no escape stands for itself.
 */
export function attributeValue(header: string): string | undefined {
  if (BEYOND_ASCII.test(header)) return undefined;
  const inner = QUOTED.exec(header)?.[1];
  const text = inner === undefined ? header : inner.replace(/\\(.)/g, '$1');
  if (!text.includes('%')) return text;
  try {
    return text.replace(ESCAPES, (escapes) => decoder.decode(bytesOf(escapes)));
  } catch (error) {
    // What `fatal` makes of malformed UTF-8.
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

const bytesOf = (escapes: string): Uint8Array =>
  Uint8Array.from(escapes.slice(1).split('%'), (digits) => Number.parseInt(digits, 16));
