// Credentials: who sends a request, told by what only that client can present. Nothing that it merely says is believed.
import type { Scope } from '../../cell/route-token.ts';

/** Somebody whose credential has been verified. */
export type Caller =
  | {
      readonly kind: 'tenant';
      readonly tenant: string;
      /** What a route token for this caller may carry; never empty, in one order always, never `control`. */
      readonly scopes: readonly Scope[];
      /** The device whose certificate it is; none for a token. */
      readonly device?: string;
    }
  | {
      readonly kind: 'operator';
      /** Who it is, for the audit log. */
      readonly subject: string;
      /** `control.read` and `control.write`, or one of them. */
      readonly scopes: readonly string[];
    };

/** What became of a request's credential. */
export type Authentication =
  | { readonly status: 'accepted'; readonly caller: Caller }
  /** This kind of credential was not presented. */
  | { readonly status: 'absent' }
  /** It was presented and is not valid. The reason is for the client, and holds nothing that it did not send. */
  | { readonly status: 'refused'; readonly reason: string }
  /** It is valid, and allows nothing that is served here. */
  | { readonly status: 'powerless'; readonly reason: string };

/** One kind of credential. */
export interface Credentials {
  /**
   * Verifies what the request presents. Answers without a promise when this kind is absent, and when it remembers the credential,
   * because this is done for every request. Rejects with `unavailable` when what verifying needs (keys, a revocation list) cannot be had.
   */
  authenticate(request: Request): Authentication | Promise<Authentication>;
}
