// The stack's own HTTP interface for the command line: where things are, how they are, development tokens, and drills.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What is asked. */
export interface ControlCall {
  readonly query: URLSearchParams;
  /** The JSON that was posted; undefined if there is none. */
  readonly body: unknown;
}

/** Method and path → what it answers. A rejection becomes an answer with status 400 and its message. */
export type ControlRoutes = Readonly<Record<`${'GET' | 'POST'} /${string}`, (call: ControlCall) => Promise<unknown>>>;

/** Bytes of a posted body. */
const MAXIMUM_BODY_BYTES = 65_536;

export class ControlServer {
  readonly #server: Server;
  #starting: Promise<string> | undefined;

  constructor(routes: ControlRoutes) {
    this.#server = createServer((request, response) => {
      respond(routes, request, response).catch((error: unknown) =>
        response.destroy(error instanceof Error ? error : undefined),
      );
    });
  }

  /** Listens on a free port of 127.0.0.1; resolves with its address. */
  start(): Promise<string> {
    this.#starting ??= this.#listen();
    return this.#starting;
  }

  async #listen(): Promise<string> {
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
}

/** A page in a browser must not be able to mint tokens or to make up traces, be it by its own origin or by a name that leads here. */
export function isFromProgram({ headers }: IncomingMessage): boolean {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  return headers.origin === undefined && (host === '127.0.0.1' || host === 'localhost');
}

async function respond(routes: ControlRoutes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const send = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  if (!isFromProgram(request)) {
    send(403, { error: 'Only programs on this machine may ask.' });
    return;
  }
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const name = `${request.method} ${url.pathname}` as keyof ControlRoutes;
  const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
  if (route === undefined) {
    send(404, { error: `There are: ${Object.keys(routes).join(', ')}.` });
    return;
  }
  try {
    send(200, (await route({ query: url.searchParams, body: await readJson(request) })) ?? {});
  } catch (error) {
    send(400, { error: error instanceof Error ? error.message : String(error) });
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAXIMUM_BODY_BYTES) throw new Error(`A body has ${MAXIMUM_BODY_BYTES} bytes at most.`);
    chunks.push(chunk);
  }
  return bytes === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
