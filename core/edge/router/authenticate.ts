// Authenticates a request by the single credential that it presents, of any kind, or says why it is refused.

import { Refusal } from '../../api/refusal.ts';
import { describeError, isPortError } from '../../ports/errors.ts';
import type { Log } from '../../ports/log.ts';
import {
  type Authentication,
  type Caller,
  type Credentials,
  FOR_TENANTS,
  FOR_TENANTS_SCOPES,
} from '../ports/credentials.ts';

export type TenantCaller = Extract<Caller, { kind: 'tenant' }>;
export type OperatorCaller = Extract<Caller, { kind: 'operator' }>;

/** Retry-After while a credential cannot be verified, in seconds. */
const RETRY_AFTER_SECONDS = 5;

const ABSENT: Authentication = { status: 'absent' };
/** Two credentials are ambiguous: a component that sees only one of them would decide differently. */
const AMBIGUOUS: Authentication = {
  status: 'refused',
  reason: 'there is more than one; send a token or a certificate',
};

/** Returns a function that finds the one credential of a request. */
export function authenticator(
  kinds: readonly Credentials[],
): (request: Request) => Authentication | Promise<Authentication> {
  return (request) => {
    let found: Authentication | Promise<Authentication> | undefined;
    for (const kind of kinds) {
      const result = kind.authenticate(request);
      if ('status' in result && result.status === 'absent') continue;
      if (found !== undefined) {
        // Neither result is awaited any more.
        for (const each of [found, result]) if (!('status' in each)) each.catch(() => undefined);
        return AMBIGUOUS;
      }
      found = result;
    }
    return found ?? ABSENT;
  };
}

/** Returns the caller of a successful authentication. Throws the refusal for any other outcome. */
export function admitted<K extends Caller['kind']>(
  authentication: Authentication,
  kind: K,
): Extract<Caller, { kind: K }> {
  if (authentication.status === 'accepted') {
    const { caller } = authentication;
    if (caller.kind === kind) return caller as Extract<Caller, { kind: K }>;
    throw new Refusal('invalid_credential', 'The credential is not for this part of the API.');
  }
  if (authentication.status === 'insufficient-scope')
    throw new Refusal('missing_scope', `The credential is not enough: ${authentication.reason}.`);
  if (authentication.status === 'refused')
    throw new Refusal('invalid_credential', `The credential is refused: ${authentication.reason}.`);
  throw new Refusal(
    'missing_credential',
    'Send a token of the issuer as `Authorization: Bearer …`, or connect with a device certificate.',
  );
}

/** A tenant's caller that stands for an operator. Throws the refusal for an operator without a scope for it. */
export function actingFor({ scopes: given }: OperatorCaller, tenant: string): TenantCaller {
  const scopes = FOR_TENANTS_SCOPES.filter((scope) => given.includes(scope)).map((scope) => FOR_TENANTS[scope]);
  if (scopes.length === 0)
    throw new Refusal('missing_scope', `This needs a token with one of the scopes ${FOR_TENANTS_SCOPES.join(', ')}.`);
  return { kind: 'tenant', tenant, scopes };
}

/** Turns a failed verification into a refusal. */
export function unverifiable(error: unknown, log: Log): unknown {
  if (!isPortError(error)) return error;
  log.warn('a credential could not be verified', describeError(error));
  return new Refusal('issuer_unavailable', 'What verifying the credential needs cannot be had now.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
