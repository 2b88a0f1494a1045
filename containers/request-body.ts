// The body of a request as a web stream that leaves the connection whole when it is not read to its end.
import type { IncomingMessage } from 'node:http';

/** Bytes of a refused body that are read and dropped, so that its sender gets the answer; beyond them the connection is cut. */
export const DISCARD_BYTES = 16 * 1024 * 1024;

export class RequestBody {
  readonly #request: IncomingMessage;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #discarded = 0;
  #listening = false;

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  /** To be read once. Node.js's own conversion cuts the connection when a reader stops early, and the answer with it. */
  get stream(): ReadableStream<Uint8Array> {
    return new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#listen();
          this.#request.resume();
        },
        cancel: () => {
          this.#controller = undefined;
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** What is left of the body is dropped; of a body that was read to its end nothing is. */
  discard(): void {
    if (this.#request.complete || this.#request.destroyed) return;
    this.#controller = undefined;
    this.#listen();
    this.#request.resume();
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    const request = this.#request;
    request.on('data', (chunk: Buffer) => {
      if (this.#controller !== undefined) {
        this.#controller.enqueue(chunk);
        request.pause();
        return;
      }
      this.#discarded += chunk.length;
      if (this.#discarded > DISCARD_BYTES) request.destroy();
    });
    const end = (finish: (controller: ReadableStreamDefaultController<Uint8Array>) => void) => {
      const controller = this.#controller;
      this.#controller = undefined;
      if (controller !== undefined) finish(controller);
    };
    request.on('end', () => end((controller) => controller.close()));
    request.on('error', (error) => end((controller) => controller.error(error)));
    request.on('close', () => end((controller) => controller.error(new Error('The connection broke.'))));
  }
}
