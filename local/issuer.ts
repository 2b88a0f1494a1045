// The development issuer: signs the tokens by which tenants and operators show who they are, worth something on this machine only.
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { Scope } from '../core/cell/route-token.ts';
import { type Clock, toEpochSeconds } from '../core/ports/clock.ts';

/** The claim `iss`. */
export const DEVELOPMENT_ISSUER = 'urn:polycell:development';

/** The scopes of a tenant's token; `control` is the edge's own. */
export const TENANT_SCOPES = ['ingest', 'read', 'operate'] as const satisfies readonly Scope[];

const OPERATORS_SCOPE = 'control.read control.write control.endpoints control.erase';
const FOR_TENANTS_SCOPE = 'tenants.read tenants.operate';

export const TOKEN_LIFE_SECONDS = {
  /** Default lifetime of a tenant's token. */
  tenant: 3600,
  /** Its maximum lifetime. */
  tenantAtMost: 86_400,
  operator: 300,
} as const;

export interface DevelopmentIssuer {
  /** What the edge verifies with. */
  readonly jwks: { readonly keys: readonly JWK[] };
  /** A token for a tenant's client. */
  tenantToken(request: {
    readonly tenant: string;
    readonly scopes: readonly string[];
    readonly lifeSeconds?: number;
  }): Promise<string>;
  /** A token for an operator, who may change cells and tenants; with `forTenants`, also act for tenants. */
  operatorToken(subject: string, forTenants?: 'for tenants'): Promise<string>;
}

/** Makes an issuer with a key of its own, which is kept nowhere. */
export async function makeIssuer(clock: Clock): Promise<DevelopmentIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const kid = 'development';
  const sign = (claims: Readonly<Record<string, unknown>>, audience: string, lifeSeconds: number) => {
    const issuedAt = toEpochSeconds(clock.now());
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'EdDSA', kid, typ: 'JWT' })
      .setIssuer(DEVELOPMENT_ISSUER)
      .setAudience(audience)
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(issuedAt + lifeSeconds)
      .sign(privateKey);
  };
  return {
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' }] },
    tenantToken: ({ tenant, scopes, lifeSeconds = TOKEN_LIFE_SECONDS.tenant }) =>
      sign({ sub: `tenant:${tenant}`, tenant, scope: scopes.join(' ') }, 'polycell', lifeSeconds),
    operatorToken: (subject, forTenants) =>
      sign(
        { sub: subject, scope: forTenants === undefined ? OPERATORS_SCOPE : `${OPERATORS_SCOPE} ${FOR_TENANTS_SCOPE}` },
        'polycell-control',
        TOKEN_LIFE_SECONDS.operator,
      ),
  };
}
