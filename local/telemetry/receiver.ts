// An OTLP/HTTP receiver on loopback: keeps the newest traces of the stack, and forwards everything to another collector if there is one.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Post } from '../../adapters/otlp/otlp-telemetry.ts';
import { isFromProgram } from '../control.ts';
import { type WayStep, wayOf } from './event-way.ts';
import { readSpans } from './otlp-spans.ts';
import { TraceRing } from './trace-ring.ts';

export const RECEIVER_LIMITS = {
  /** Bytes of one request: a function's whole queue, and what is around it. */
  bodyBytes: 4 * 1024 * 1024,
  /** Requests that are forwarded at once; those beyond are not forwarded. */
  forwarded: 8,
  /** How long the other collector may take, in milliseconds. */
  forwardMs: 10_000,
} as const;

const PATHS: ReadonlySet<string> = new Set(['/v1/traces', '/v1/metrics']);

export interface ReceiverOptions {
  /** Sends to the other collector. */
  readonly forward?: Post;
  /** Called once the other collector does not take something, and not again before it has. */
  readonly onLost: () => void;
  readonly ring?: TraceRing;
}

export class TelemetryReceiver {
  readonly #options: ReceiverOptions;
  readonly #ring: TraceRing;
  readonly #server: Server;
  #forwarding = 0;
  #losing = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#ring = options.ring ?? new TraceRing();
    this.#server = createServer((request, response) => {
      this.#receive(request, response).catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
      });
    });
  }

  /** Listens on a free port of 127.0.0.1; resolves with its address. */
  async start(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Repeating it, or stopping what was never started, is harmless. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** The way of an event, as far as its traces are still kept. */
  way(event: string): readonly WayStep[] {
    return wayOf(event, this.#ring.spans());
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isFromProgram(request)) {
      response.writeHead(403).end();
      return;
    }
    const path = request.url ?? '';
    if (request.method !== 'POST' || !PATHS.has(path)) {
      response.writeHead(404).end();
      return;
    }
    const body = await readBody(request);
    const content: unknown = JSON.parse(body);
    if (path === '/v1/traces') this.#ring.keep(readSpans(content));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    await this.#forward(path, body);
  }

  async #forward(path: string, body: string): Promise<void> {
    const { forward, onLost } = this.#options;
    if (forward === undefined) return;
    const hasRoom = this.#forwarding < RECEIVER_LIMITS.forwarded;
    this.#forwarding += 1;
    const isTaken = hasRoom && (await forward(path, body, RECEIVER_LIMITS.forwardMs));
    this.#forwarding -= 1;
    if (!isTaken && !this.#losing) onLost();
    this.#losing = !isTaken;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > RECEIVER_LIMITS.bodyBytes)
      throw new RangeError(`A body has ${RECEIVER_LIMITS.bodyBytes} bytes at most.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
