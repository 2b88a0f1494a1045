// The endpoint that App Service gives an app for the tokens of its identities, on this machine.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request for a token as the endpoint saw it. */
export interface TokenRequest {
  readonly query: Readonly<Record<string, string>>;
  readonly header: string | undefined;
}

type Answer = (request: TokenRequest, response: ServerResponse) => void;

/** An unsigned JSON Web Token. */
export const unsignedToken = (claims: object): string =>
  [{ alg: 'none', typ: 'JWT' }, claims, {}]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');

/** The platform's answer with a token that is good until `expires`, in seconds since 1970. */
export const tokenAnswer = (resource: string, expires: number) => ({
  access_token: unsignedToken({ aud: resource, exp: expires }),
  client_id: '5e29463d-71da-4fe0-8e69-999b57db23b0',
  expires_on: String(expires),
  not_before: String(expires - 86_400),
  resource,
  token_type: 'Bearer',
});

/** A hour from now on the machine's clock, in seconds. */
export const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3600;

/** Answers as the platform does unless `answers` has something else for the next request. */
export class IdentityEndpoint {
  readonly requests: TokenRequest[] = [];
  /** What the next requests are answered with, in order. */
  readonly answers: Answer[] = [];
  readonly header = '853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a';
  #server = createServer((request, response) => this.#serve(request, response));

  /** Starts; the answer is the address for `IDENTITY_ENDPOINT`. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/msi/token/`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(incoming: IncomingMessage, response: ServerResponse): void {
    const query = Object.fromEntries(new URL(incoming.url ?? '', 'http://127.0.0.1').searchParams);
    const header = incoming.headers['x-identity-header']?.toString();
    const request = { query, header };
    this.requests.push(request);
    const answer = this.answers.shift();
    if (answer !== undefined) answer(request, response);
    else if (header !== this.header) response.writeHead(401).end('{"error":"no header"}');
    else response.end(JSON.stringify(tokenAnswer(query.resource ?? '', inAnHour())));
  }
}
