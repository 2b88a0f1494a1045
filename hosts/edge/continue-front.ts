// The plain port in front of workerd: passes bytes through, and answers `Expect: 100-continue`, which workerd ignores.
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { Gate } from './gate.ts';

/** Bytes of a request's line and headers that are inspected; https://developers.cloudflare.com/fundamentals/reference/connection-limits/ */
const MAXIMUM_HEAD_BYTES = 128 * 1024;

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** RFC 9110, section 10.1.1: a server sends `100 Continue` only for HTTP/1.1. */
const EXPECTS = /^[^\r\n]+ HTTP\/1\.1\r\n(?:[^\r\n]+\r\n)*?expect:[ \t]*100-continue[ \t]*\r\n/i;

const END_OF_HEAD = Buffer.from('\r\n\r\n');

/** Listens on 127.0.0.1 and passes every connection on to `target`, byte for byte. */
export class ContinueFront {
  readonly #target: number;
  readonly #gate: Gate;
  readonly #connections = new Set<net.Socket>();
  readonly #server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#arrived(client));

  constructor(target: number, gate = new Gate()) {
    this.#target = target;
    this.#gate = gate;
  }

  /** Only after `start`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @throws Error naming the port if it is taken */
  async start(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      throw new Error(
        `Port ${port} is in use: choose another one for the edge, or stop the program that listens on it.`,
        { cause: error },
      );
    }
  }

  /** Cuts every connection. Repeating it is harmless. */
  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #arrived(client: net.Socket): void {
    this.#connections.add(client);
    client.on('error', () => client.destroy());
    client.on('close', () => this.#connections.delete(client));
    this.#gate.pass(() => {
      if (!client.destroyed) this.#pass(client);
    });
  }

  #pass(client: net.Socket): void {
    const upstream = net.connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#connections.add(one);
      one.on('error', () => other.resetAndDestroy());
      one.on('close', () => {
        this.#connections.delete(one);
        other.destroySoon();
      });
    }
    // What the client sends after an answer begins with the head of its next request.
    let head: Buffer | undefined = Buffer.alloc(0);
    upstream.on('data', () => {
      head = Buffer.alloc(0);
    });
    client.on('data', (chunk: Buffer) => {
      if (head === undefined) return;
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(END_OF_HEAD);
      if (end >= 0 && EXPECTS.test(head.toString('latin1', 0, end + END_OF_HEAD.length))) client.write(CONTINUE);
      if (end >= 0 || head.length > MAXIMUM_HEAD_BYTES) head = undefined;
    });
    client.pipe(upstream);
    upstream.pipe(client);
  }
}
