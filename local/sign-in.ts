// Signs the developer in to the console of a local stack: OAuth's code flow with PKCE, as at a real issuer, but without an account.
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The console, as the edge's configuration names it. */
export const CONSOLE_CLIENT = 'polycell-console';

export const SIGN_IN_LIMITS = {
  /** Codes and refresh tokens that are valid at the same time, of each; the oldest go first. */
  kept: 100,
  /** How long a code may be exchanged, in milliseconds. */
  codeMs: 60_000,
  /** Bytes of a request for a token. */
  bodyBytes: 8192,
  /** Characters of a parameter. */
  characters: 512,
} as const;

export interface SignInOptions {
  /** The one address that codes are sent to, and whose page may exchange them. Known once the edge has started. */
  readonly redirectUri: () => string;
  /** Signs an operator's token, and says how long it is valid. */
  readonly token: () => Promise<{ readonly token: string; readonly lifeSeconds: number }>;
  readonly now: () => number;
}

/** A refusal as OAuth has it (https://www.rfc-editor.org/rfc/rfc6749#section-5.2). */
const refusal = (error: string, status = 400) => ({ status, body: { error } });

/** What the server answers, without the server. */
export class SignInDesk {
  readonly #options: SignInOptions;
  /** Code → the challenge that its verifier must meet, and when it ends. */
  readonly #codes = new Map<string, { readonly challenge: string; readonly until: number }>();
  readonly #refreshTokens = new Set<string>();

  constructor(options: SignInOptions) {
    this.#options = options;
  }

  /** The address to go on to, with a code. Every program of this machine may sign in, as with the commands. */
  authorize(query: URLSearchParams) {
    const { redirectUri, now } = this.#options;
    const given = (name: string) => query.get(name) ?? '';
    // An address that is not ours is never redirected to.
    if (given('client_id') !== CONSOLE_CLIENT || given('redirect_uri') !== redirectUri())
      return refusal('invalid_request');
    const challenge = given('code_challenge');
    const isWhole =
      given('response_type') === 'code' &&
      given('code_challenge_method') === 'S256' &&
      /^[\w-]{43}$/.test(challenge) &&
      given('state').length <= SIGN_IN_LIMITS.characters;
    const back = new URL(redirectUri());
    back.searchParams.set('state', given('state').slice(0, SIGN_IN_LIMITS.characters));
    if (!isWhole) back.searchParams.set('error', 'invalid_request');
    else {
      const code = randomBytes(24).toString('base64url');
      this.#codes.set(code, { challenge, until: now() + SIGN_IN_LIMITS.codeMs });
      dropOldest(this.#codes);
      back.searchParams.set('code', code);
    }
    return back.href;
  }

  /** What a request for a token is answered. */
  async exchange(form: URLSearchParams) {
    if (form.get('client_id') !== CONSOLE_CLIENT) return refusal('invalid_client', 401);
    const grant = form.get('grant_type');
    if (grant === 'authorization_code') {
      const code = form.get('code') ?? '';
      const known = this.#codes.get(code);
      // A code is worth one attempt.
      this.#codes.delete(code);
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      const isValid = known !== undefined && known.until > this.#options.now() && known.challenge === challenge;
      if (!isValid || form.get('redirect_uri') !== this.#options.redirectUri()) return refusal('invalid_grant');
    } else if (grant === 'refresh_token') {
      if (!this.#refreshTokens.delete(form.get('refresh_token') ?? '')) return refusal('invalid_grant');
    } else return refusal('unsupported_grant_type');
    const refreshToken = randomBytes(24).toString('base64url');
    this.#refreshTokens.add(refreshToken);
    dropOldest(this.#refreshTokens);
    const { token, lifeSeconds } = await this.#options.token();
    const body = { access_token: token, token_type: 'Bearer', expires_in: lifeSeconds, refresh_token: refreshToken };
    return { status: 200, body };
  }
}

export class SignIn {
  readonly #redirectUri: () => string;
  readonly #desk: SignInDesk;
  readonly #server: Server;

  constructor(options: SignInOptions) {
    this.#redirectUri = options.redirectUri;
    this.#desk = new SignInDesk(options);
    this.#server = createServer((request, response) => {
      this.#respond(request, response).catch((error: unknown) =>
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

  /** Repeating it, or stopping what was never started, is harmless. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const origin = new URL(this.#redirectUri()).origin;
    const headers: Record<string, string> = { 'cache-control': 'no-store', 'content-type': 'application/json' };
    // Another name that leads here, and pages of other origins, get nothing.
    const isOurs = (request.headers.host ?? '').replace(/:\d+$/, '') === '127.0.0.1';
    const asksFrom = request.headers.origin;
    if (!isOurs || (asksFrom !== undefined && asksFrom !== origin)) {
      response.writeHead(403, headers).end(JSON.stringify({ error: 'access_denied' }));
      return;
    }
    if (asksFrom !== undefined) Object.assign(headers, { 'access-control-allow-origin': origin, vary: 'Origin' });
    if (request.method === 'GET' && url.pathname === '/authorize') {
      const answer = this.#desk.authorize(url.searchParams);
      if (typeof answer === 'string') response.writeHead(302, { ...headers, location: answer }).end();
      else response.writeHead(answer.status, headers).end(JSON.stringify(answer.body));
      return;
    }
    if (request.method === 'POST' && url.pathname === '/token') {
      const { status, body } = await this.#desk.exchange(await readForm(request));
      response.writeHead(status, headers).end(JSON.stringify(body));
      return;
    }
    response.writeHead(404, headers).end(JSON.stringify({ error: 'There are GET /authorize and POST /token.' }));
  }
}

function dropOldest(entries: Map<string, unknown> | Set<string>): void {
  for (const key of entries.keys()) {
    if (entries.size <= SIGN_IN_LIMITS.kept) return;
    entries.delete(key);
  }
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > SIGN_IN_LIMITS.bodyBytes) throw new Error(`A request has ${SIGN_IN_LIMITS.bodyBytes} bytes at most.`);
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
