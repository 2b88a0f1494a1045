// Reads a client's body as it arrives: counts its bytes, and attributes the fault if it does not arrive completely.
import { withTimeout } from '../../lib/timeout.ts';
import type { Clock } from '../../ports/clock.ts';

/** `late` while waiting for the client. */
export type StreamFault = 'late' | 'broken' | 'too-large';

export class BodySource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #limit: number;
  readonly #held: Uint8Array[] = [];
  #size = 0;
  #fault: StreamFault | undefined;

  /** @param limit bytes that the body may have at most */
  constructor(body: ReadableStream<Uint8Array>, limit: number) {
    this.#reader = body.getReader();
    this.#limit = limit;
  }

  /** The current fault of the body. A receiver that does not ask for more is not the client's fault. */
  get fault(): StreamFault | undefined {
    return this.#fault;
  }

  /** The next chunk, or `undefined` after the last one. Rejects if the body breaks off or exceeds the limit. */
  async next(): Promise<Uint8Array | undefined> {
    const held = this.#held.shift();
    if (held !== undefined) return held;
    this.#fault = 'late';
    let chunk: Uint8Array | undefined;
    try {
      chunk = (await this.#reader.read()).value;
    } catch (error) {
      this.#fault = 'broken';
      throw error;
    }
    this.#fault = undefined;
    this.#size += chunk?.length ?? 0;
    if (this.#size > this.#limit) {
      this.#fault = 'too-large';
      await this.#reader.cancel().catch(() => undefined);
      throw new RangeError(`The body has more than ${this.#limit} bytes.`);
    }
    return chunk;
  }

  /** The whole body if it has at most `limit` bytes; otherwise the bytes read are kept for `next`. */
  async beginning(limit: number): Promise<ArrayBuffer | undefined> {
    const chunks: Uint8Array[] = [];
    for (let size = 0; size <= limit; ) {
      const chunk = await this.next();
      if (chunk === undefined) return joined(chunks, size);
      chunks.push(chunk);
      size += chunk.length;
    }
    this.#held.push(...chunks);
    return undefined;
  }

  /** The rest of the body, read as fast as it is consumed. */
  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const chunk = await this.next();
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
        cancel: (reason) => this.#reader.cancel(reason),
      },
      // No read-ahead: a pending read means that the receiver is waiting for the client.
      { highWaterMark: 0 },
    );
  }
}

/**
 * Reads and drops a body: `limit` bytes of it, for `withinMs` milliseconds at most. Never rejects: what is wrong with the body does not
 * matter to its request. The runtime closes a connection whose request is answered while much of its body is still to come, and its
 * client may then see a reset in place of the answer.
 */
export async function discard(
  body: ReadableStream<Uint8Array>,
  limit: number,
  withinMs: number,
  clock: Clock,
): Promise<void> {
  const source = new BodySource(body, limit);
  const all = async () => {
    while ((await source.next()) !== undefined);
  };
  const late = () => new RangeError(`The body has not come within ${withinMs} ms.`);
  await withTimeout(clock, withinMs, all(), late).catch(() => undefined);
}

function joined(chunks: readonly Uint8Array[], size: number): ArrayBuffer {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole.buffer;
}
