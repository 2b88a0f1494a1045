// Reports to the platform how a container is: /healthz while it lives, /readyz while it should get work.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Limits of the server: only the platform asks. */
const LIMITS = { connections: 50, headerBytes: 4096, requestMs: 5000 } as const;

export class HealthServer {
  readonly #server: Server;
  readonly #port: number;

  /** @param notReady why the container should get no work, part by part; none if it should */
  constructor(port: number, notReady: () => Readonly<Record<string, string>>) {
    this.#port = port;
    this.#server = createServer(
      { maxHeaderSize: LIMITS.headerBytes, headersTimeout: LIMITS.requestMs, requestTimeout: LIMITS.requestMs },
      ({ url }, response) => {
        const faults = notReady();
        const answer = (status: number, body: object) =>
          response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
        // A process that hangs does not answer, and one that cannot go on has ended: an answer is all there is to say.
        if (url === '/healthz') answer(200, { status: 'alive' });
        else if (url !== '/readyz') answer(404, { status: 'not found' });
        else if (Object.keys(faults).length === 0) answer(200, { status: 'ready' });
        else answer(503, { status: 'not ready', parts: faults });
      },
    );
    this.#server.maxConnections = LIMITS.connections;
  }

  /** Where it listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, () => resolve());
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
