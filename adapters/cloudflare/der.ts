// Strict parser of the Distinguished Encoding Rules (DER) of ASN.1, as far as certificates need them.

/** Thrown for bytes that are not DER, or not the expected structure. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** `[n]` around other elements. */
  context: (n: number) => 0xa0 | n,
  /** `[n]` in place of an element's own tag. */
  implicit: (n: number) => 0x80 | n,
} as const;

export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag, length and content. */
  readonly whole: Uint8Array;
}

/** Certificates contain no longer elements. */
const LENGTH_BYTES = 2;

/** The elements in `bytes`. */
export function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const start = at;
    const tag = byteAt(bytes, at);
    if ((tag & 0x1f) === 0x1f) throw new DerError('a tag is longer than a byte');
    let length = byteAt(bytes, at + 1);
    at += 2;
    if (length > 0x7f) {
      const size = length & 0x7f;
      if (size === 0 || size > LENGTH_BYTES) throw new DerError('a length is indefinite or too long');
      length = 0;
      for (let index = 0; index < size; index += 1) length = length * 256 + byteAt(bytes, at + index);
      if (length < (size === 1 ? 0x80 : 0x100)) throw new DerError('a length is longer than it need be');
      at += size;
    }
    if (at + length > bytes.length) throw new DerError('an element is longer than what it is in');
    found.push({ tag, content: bytes.subarray(at, at + length), whole: bytes.subarray(start, at + length) });
    at += length;
  }
  return found;
}

/** The single element in `bytes`. */
export function single(bytes: Uint8Array, tag: number): Element {
  const [element, ...more] = elements(bytes);
  if (element === undefined || more.length > 0) throw new DerError('there is not exactly one element');
  return expectTag(element, tag);
}

/** `element`, which must exist and have this tag. */
export function expectTag(element: Element | undefined, tag: number): Element {
  if (element?.tag !== tag) throw new DerError(`an element has not the tag ${tag}`);
  return element;
}

/** The elements in a sequence. */
export const sequence = (element: Element | undefined): Element[] => elements(expectTag(element, TAG.sequence).content);

/** A bit string of whole bytes. */
export function bitString(element: Element | undefined): Uint8Array {
  const { content } = expectTag(element, TAG.bitString);
  if (content[0] !== 0) throw new DerError('a bit string does not end with a byte');
  return content.subarray(1);
}

export function boolean(element: Element | undefined): boolean {
  const { content } = expectTag(element, TAG.boolean);
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new DerError('a truth value is neither');
  return content[0] === 0xff;
}

/** An object identifier as hexadecimal digits of its encoding: they are compared, not shown. */
export const oid = (element: Element | undefined): string => hex(expectTag(element, TAG.oid).content);

/** A time in milliseconds; both forms end in Z and have seconds (https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5). */
export function time(element: Element | undefined): number {
  const text = String.fromCharCode(...(element?.content ?? []));
  const isShort = element?.tag === TAG.utcTime;
  const match = (isShort ? UTC_TIME : GENERALIZED_TIME).exec(text);
  if (match === null || (!isShort && element?.tag !== TAG.generalizedTime))
    throw new DerError('a time has another form');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const century = isShort ? (year < 50 ? 2000 : 1900) : 0;
  return Date.UTC(century + year, month - 1, day, hour, minute, second);
}

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

function byteAt(bytes: Uint8Array, index: number): number {
  const byte = bytes[index];
  if (byte === undefined) throw new DerError('it breaks off');
  return byte;
}
