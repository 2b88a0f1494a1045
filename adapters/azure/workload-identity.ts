// Tokens for a workload in Kubernetes: its cluster's token is exchanged for one of Microsoft Entra ID.
import type { Clock } from '../../core/ports/clock.ts';
import { type ErrorCode, PortError } from '../../core/ports/errors.ts';
import { type IdentityToken, request } from './token-request.ts';

/** What the cluster gives a workload (https://azure.github.io/azure-workload-identity/docs/installation/mutating-admission-webhook.html). */
export interface FederatedIdentity {
  /** The platform's `AZURE_AUTHORITY_HOST`. */
  readonly authority: string;
  /** The platform's `AZURE_TENANT_ID`. */
  readonly tenant: string;
  /** The platform's `AZURE_CLIENT_ID`, or that of the connection. */
  readonly clientId: string;
  /** Reads the cluster's token anew: it is replaced every hour. */
  readonly assertion: () => Promise<string>;
}

/** Refusals that may be different the next time; a federation that was made a moment ago is unknown at first. */
const TRANSIENT: Readonly<Record<number, ErrorCode>> = { 429: 'throttled' };

/** One exchange (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow). */
export async function federatedToken(
  { authority, tenant, clientId, assertion, resource }: FederatedIdentity & { readonly resource: string },
  clock: Clock,
): Promise<IdentityToken> {
  const url = new URL(
    `${encodeURIComponent(tenant)}/oauth2/v2.0/token`,
    authority.endsWith('/') ? authority : `${authority}/`,
  );
  const now = clock.now();
  const { status, body } = await request(url, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      scope: `${resource}/.default`,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: (await assertion()).trim(),
    }),
  });
  if (status !== 200) {
    const code = TRANSIENT[status] ?? (status >= 500 ? 'unavailable' : 'denied');
    throw new PortError(code, `Microsoft Entra ID answered with ${status}: ${body.slice(0, 500)}`);
  }
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch (error) {
    throw new PortError('unavailable', 'The answer of Microsoft Entra ID is no JSON.', { cause: error });
  }
  const { access_token: token, expires_in: seconds } = (answer ?? {}) as {
    access_token?: unknown;
    expires_in?: unknown;
  };
  if (typeof token !== 'string' || token === '' || typeof seconds !== 'number' || seconds <= 0)
    throw new PortError('unavailable', 'The answer of Microsoft Entra ID has no token with an end.');
  return { token, expiresOnTimestamp: now + seconds * 1000 };
}
