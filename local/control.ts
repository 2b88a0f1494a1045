// The stack's own HTTP interface for the command line: where things are, how they are, and development tokens.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Path → what it answers. A rejection is told to the caller as status 400 with its message. */
export type ControlRoutes = Readonly<Record<string, (query: URLSearchParams) => Promise<unknown>>>;

export class ControlServer {
  readonly #server: Server;

  constructor(routes: ControlRoutes) {
    this.#server = createServer((request, response) => {
      respond(routes, request, response).catch((error: unknown) =>
        response.destroy(error instanceof Error ? error : undefined),
      );
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

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function respond(routes: ControlRoutes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const send = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  // A page in a browser must not be able to mint tokens, be it by its own origin or by a name that leads here.
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (request.headers.origin !== undefined || (host !== '127.0.0.1' && host !== 'localhost')) {
    send(403, { error: 'Only programs on this machine may ask.' });
    return;
  }
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const route = Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
  if (route === undefined || request.method !== 'GET') {
    send(404, { error: `There are: ${Object.keys(routes).join(', ')}.` });
    return;
  }
  try {
    send(200, await route(url.searchParams));
  } catch (error) {
    send(400, { error: error instanceof Error ? error.message : String(error) });
  }
}
