// The claims of a JSON Web Token, unverified: for messages, and for what depends on whose token it is. The edge verifies it.

export interface Claims {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: string | readonly string[];
  readonly exp?: number;
  readonly tenant?: string;
  readonly scope?: string | readonly string[];
  readonly scp?: string | readonly string[];
  readonly roles?: readonly string[];
}

/** Characters of a token that the edge takes. */
export const TOKEN_CHARACTERS = 4096;

/** The claims; `undefined` for a text that is no JSON Web Token. */
export function claimsOf(token: string): Claims | undefined {
  if (token.length > TOKEN_CHARACTERS || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null ? (claims as Claims) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The scopes, whatever the issuer calls them. */
export const scopesOf = ({ scope, scp, roles }: Claims): readonly string[] =>
  [scope, scp, roles].flatMap((claim) => (typeof claim === 'string' ? claim.split(' ') : (claim ?? [])));

/** When it expires, RFC 3339; `null` if it does not say so. */
export const expiryOf = ({ exp }: Claims): string | null =>
  typeof exp === 'number' ? new Date(exp * 1000).toISOString() : null;
