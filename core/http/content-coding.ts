// Compressed request bodies: the accepted codings, and inflation in small steps, so that the reader can stop a decompression bomb.
import { Refusal } from '../api/refusal.ts';

/** The `Accept-Encoding` header of a refusal (https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3). */
export const ACCEPTED_CODINGS = 'gzip, deflate';

/** Bytes passed to the decompressor at a time: its output can be a thousand times as large before it can be counted. */
const SLICE = 4096;

type Coding = 'gzip' | 'deflate';

/** The coding named by the header, `undefined` for none; throws the problem `unsupported_encoding` for others, and for several at once. */
export function codingOf(contentEncoding: string | null): Coding | undefined {
  const names = (contentEncoding ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  const [name] = names;
  if (name === undefined) return undefined;
  if (names.length === 1) {
    // https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.3: the old name is equivalent to the new one.
    if (name === 'gzip' || name === 'x-gzip') return 'gzip';
    if (name === 'deflate') return 'deflate';
  }
  throw new Refusal('unsupported_encoding', `A body may be compressed once, by one of ${ACCEPTED_CODINGS}.`, {
    headers: { 'accept-encoding': ACCEPTED_CODINGS },
  });
}

/**
 * The inflated bytes, in chunks, produced only as fast as they are consumed, so the consumer can count and stop. Throws the problem
 * `invalid_body` if the bytes are not a complete body of this coding.
 */
export async function* inflate(
  coding: Coding,
  compressed: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  const stream = new DecompressionStream(coding);
  const writer = stream.writable.getWriter();
  let fault: unknown;
  let fed = 0;
  const feeding = (async () => {
    for await (const chunk of compressed) {
      fed += chunk.length;
      for (let from = 0; from < chunk.length; from += SLICE)
        await writer.write(chunk.slice(from, from + SLICE) as Uint8Array<ArrayBuffer>);
    }
    await writer.close();
  })().catch((error: unknown) => {
    fault = error;
    return writer.abort(error).catch(() => undefined);
  });
  const reader = stream.readable.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
  } catch (error) {
    // A fault of the body itself, such as a disconnected client, is not a fault of its coding.
    if (fault instanceof Refusal) throw fault;
    if (error instanceof Refusal) throw error;
    // Not every platform distinguishes an empty body from none.
    if (fed === 0) return;
    throw new Refusal('invalid_body', `The body is not ${coding}, as its Content-Encoding says.`);
  } finally {
    await reader.cancel().catch(() => undefined);
    await feeding;
  }
}
