// Credentials: identify the sender of a request by something that only it can present. Mere claims are never trusted.
import type { Scope } from '../../cell/route-token.ts';

/** How far an issuer's clock and the edge's may differ, in seconds. */
export const ISSUER_SKEW_SECONDS = 5;

/** The scopes of the control API; none implies another. */
export const CONTROL_SCOPES = ['control.read', 'control.write', 'control.endpoints', 'control.erase'] as const;
/** One of them. */
export type ControlScope = (typeof CONTROL_SCOPES)[number];

/** The scopes by which an operator may make requests for tenants, and the tenant's scope that each gives. */
export const FOR_TENANTS = {
  'tenants.ingest': 'ingest',
  'tenants.read': 'read',
  'tenants.operate': 'operate',
} as const satisfies Readonly<Record<string, Scope>>;

/** Their names. */
export const FOR_TENANTS_SCOPES = Object.keys(FOR_TENANTS) as readonly (keyof typeof FOR_TENANTS)[];

/** All scopes that an operator's token can have. */
export const OPERATOR_SCOPES: readonly string[] = [...CONTROL_SCOPES, ...FOR_TENANTS_SCOPES];

/** A tenant or operator whose credential has been verified. */
export type Caller =
  | {
      readonly kind: 'tenant';
      readonly tenant: string;
      /** The scopes that a route token for this caller may carry; never empty, always in the same order, never `control`. */
      readonly scopes: readonly Scope[];
      /** The device that the certificate belongs to; absent for a token. */
      readonly device?: string;
    }
  | {
      readonly kind: 'operator';
      /** The name for the audit log. */
      readonly subject: string;
      /** At least one of `OPERATOR_SCOPES`. */
      readonly scopes: readonly string[];
    };

/** The outcome of authenticating a request. */
export type Authentication =
  | { readonly status: 'accepted'; readonly caller: Caller }
  /** This kind of credential was not presented. */
  | { readonly status: 'absent' }
  /** It was presented and is not valid. The reason is shown to the client, and contains nothing that it did not send. */
  | { readonly status: 'refused'; readonly reason: string }
  /** It is valid, but has none of the scopes that are served here. */
  | { readonly status: 'insufficient-scope'; readonly reason: string };

/** One kind of credential. */
export interface Credentials {
  /**
   * Verifies the credential of a request. Returns without a promise when this kind is absent or the credential is cached, because this
   * runs for every request. Rejects with `unavailable` when the keys or revocation list that it needs are not available.
   */
  authenticate(request: Request): Authentication | Promise<Authentication>;
}
