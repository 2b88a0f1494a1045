// Signs an operator in at the issuer: OAuth's code flow with PKCE. Tokens are in memory only, and gone with the page.

/** @typedef {{ clientId: string, authorizationUrl: string, tokenUrl: string, scope: string, resource?: string }} Settings */

/** A token is renewed this long before it ends, in milliseconds. */
const RENEW_MS = 30_000;

/** What must outlast the way to the issuer and back; removed at once. No token is ever kept here. */
const ATTEMPT = 'polycell-sign-in';

/** Where the issuer sends the operator back to. */
const here = () => `${location.origin}/console/`;

/** @param {Uint8Array<ArrayBuffer>} bytes */
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** The claims of a token, for display only: the edge is what verifies it. @param {string} token @returns {Record<string, any>} */
function claimsOf(token) {
  try {
    const text = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
  } catch {
    return {};
  }
}

/** Why a sign-in failed, for the operator. */
export class SignInError extends Error {}

export class Session {
  /** @type {Settings} */ #settings;
  /** @type {{ token: string, refreshToken: string | undefined, until: number } | undefined} */ #tokens;
  /** @type {Promise<void> | undefined} */ #renewing;

  /** @param {Settings} settings */
  constructor(settings) {
    this.#settings = settings;
  }

  get isSignedIn() {
    return this.#tokens !== undefined;
  }

  /** The operator's name in the token. */
  get name() {
    const { sub, email, preferred_username: name } = claimsOf(this.#tokens?.token ?? '');
    return String(name ?? email ?? sub ?? '');
  }

  /** Whether the token has a scope. @param {string} scope */
  may(scope) {
    // Where issuers put them, as the edge reads them.
    const { scope: text, scp, roles } = claimsOf(this.#tokens?.token ?? '');
    return [text, scp, roles].some((each) =>
      (Array.isArray(each) ? each : String(each ?? '').split(' ')).includes(scope),
    );
  }

  /** Goes to the issuer. `route` is where the operator wants to be afterwards. @param {string} route */
  async begin(route) {
    const verifier = random();
    const state = random();
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
    sessionStorage.setItem(ATTEMPT, JSON.stringify({ verifier, state, route }));
    const { authorizationUrl, clientId, scope, resource } = this.#settings;
    const url = new URL(authorizationUrl);
    const query = {
      response_type: 'code',
      client_id: clientId,
      redirect_uri: here(),
      scope,
      state,
      code_challenge: base64url(new Uint8Array(digest)),
      code_challenge_method: 'S256',
      ...(resource !== undefined && { resource }),
    };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    location.assign(url);
  }

  /**
   * Completes a sign-in if the issuer has just sent the operator back, and cleans the address. Resolves with where the operator wanted to be.
   * @throws SignInError
   */
  async complete() {
    const query = new URLSearchParams(location.search);
    const attempt = JSON.parse(sessionStorage.getItem(ATTEMPT) ?? 'null');
    sessionStorage.removeItem(ATTEMPT);
    const [code, error, state] = ['code', 'error', 'state'].map((name) => query.get(name));
    if (code === null && error === null) return undefined;
    history.replaceState(null, '', `${location.pathname}${attempt?.route ?? location.hash}`);
    if (attempt === null || state !== attempt.state)
      throw new SignInError('The answer does not belong to a sign-in that began in this tab. Sign in again.');
    if (error !== null) throw new SignInError(`The issuer refuses: ${query.get('error_description') ?? error}.`);
    await this.#obtain({
      grant_type: 'authorization_code',
      code: code ?? '',
      redirect_uri: here(),
      code_verifier: attempt.verifier,
    });
    return attempt.route;
  }

  /** A token that is valid now. @throws SignInError if the operator has to sign in again */
  async token() {
    if (this.#tokens === undefined) throw new SignInError('Sign in first.');
    if (this.#tokens.until - Date.now() < RENEW_MS) {
      this.#renewing ??= this.#renew().finally(() => {
        this.#renewing = undefined;
      });
      await this.#renewing;
    }
    return this.#tokens.token;
  }

  end() {
    this.#tokens = undefined;
  }

  async #renew() {
    const { refreshToken, until } = this.#tokens ?? { until: 0 };
    if (refreshToken !== undefined) {
      await this.#obtain({ grant_type: 'refresh_token', refresh_token: refreshToken });
    } else if (until <= Date.now()) {
      this.end();
      throw new SignInError('Your sign-in has expired.');
    }
  }

  /** @param {Record<string, string>} fields */
  async #obtain(fields) {
    const { tokenUrl, clientId, resource } = this.#settings;
    const body = new URLSearchParams({ ...fields, client_id: clientId, ...(resource !== undefined && { resource }) });
    let answer;
    try {
      const response = await fetch(tokenUrl, { method: 'POST', body, credentials: 'omit', redirect: 'error' });
      answer = await response.json();
    } catch {
      throw new SignInError('The issuer does not answer.');
    }
    if (typeof answer.access_token !== 'string') {
      this.end();
      throw new SignInError(`The issuer refuses: ${answer.error_description ?? answer.error ?? 'no reason given'}.`);
    }
    const { exp } = claimsOf(answer.access_token);
    const lifeMs = typeof answer.expires_in === 'number' ? answer.expires_in * 1000 : undefined;
    this.#tokens = {
      token: answer.access_token,
      refreshToken: answer.refresh_token ?? fields.refresh_token,
      until:
        lifeMs !== undefined ? Date.now() + lifeMs : typeof exp === 'number' ? exp * 1000 : Number.POSITIVE_INFINITY,
    };
  }
}
