// Signs in at an OAuth issuer: the device authorization grant (RFC 8628), and new tokens by refresh token.
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '../command.ts';
import { secureAddress } from './address.ts';
import { causeOf } from './edge-client.ts';
import type { SignIn } from './profiles.ts';

export interface Tokens {
  readonly token: string;
  readonly refreshToken?: string;
}

export interface DeviceFlowDeps {
  /** Shows the user what to do. */
  readonly say: (line: string) => void;
  /** Waits so many milliseconds. */
  readonly sleep?: (ms: number) => Promise<unknown>;
}

export const DEVICE_FLOW_LIMITS = {
  /** The issuer answers within this, in milliseconds. */
  timeoutMs: 15_000,
  /** Characters of an answer of the issuer. */
  characters: 65_536,
  /** Seconds between two questions when the issuer does not say (RFC 8628, 3.2), and what it adds by `slow_down` (3.5). */
  intervalSeconds: 5,
  /** The user has this long at most, in seconds, whatever the issuer says. */
  seconds: 1800,
} as const;

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

interface Metadata {
  readonly issuer?: unknown;
  readonly token_endpoint?: unknown;
  readonly device_authorization_endpoint?: unknown;
}

/** Signs in: shows an address and a code, and waits until the user has entered it there. */
export async function signInByDevice(signIn: SignIn, { say, sleep = delay }: DeviceFlowDeps): Promise<Tokens> {
  const { clientId, scope, audience, resource } = signIn;
  const metadata = await metadataOf(signIn.issuer);
  const target = { ...(audience !== undefined && { audience }), ...(resource !== undefined && { resource }) };
  const begun = await post(endpointOf(metadata, 'device_authorization_endpoint'), {
    client_id: clientId,
    scope,
    ...target,
  });
  const {
    device_code: deviceCode,
    user_code: userCode,
    verification_uri: uri,
    verification_uri_complete: complete,
  } = begun;
  if (typeof deviceCode !== 'string' || typeof userCode !== 'string' || typeof uri !== 'string') throw refused(begun);
  say(`Open ${printable(uri)} in a browser and enter the code ${printable(userCode)}`);
  if (typeof complete === 'string') say(`or open ${printable(complete)}`);

  const lifeSeconds = Math.min(secondsOf(begun.expires_in, DEVICE_FLOW_LIMITS.seconds), DEVICE_FLOW_LIMITS.seconds);
  let intervalSeconds = secondsOf(begun.interval, DEVICE_FLOW_LIMITS.intervalSeconds);
  for (let waited = 0; waited < lifeSeconds; ) {
    await sleep(intervalSeconds * 1000);
    waited += intervalSeconds;
    const answer = await post(endpointOf(metadata, 'token_endpoint'), {
      grant_type: DEVICE_GRANT,
      device_code: deviceCode,
      client_id: clientId,
      ...target,
    });
    if (typeof answer.access_token === 'string') return tokensOf(answer);
    if (answer.error === 'slow_down') intervalSeconds += DEVICE_FLOW_LIMITS.intervalSeconds;
    else if (answer.error !== 'authorization_pending') throw refused(answer);
  }
  throw new UserError('The code has expired; log in again.');
}

/** New tokens in place of those that expire. Rejects if the user has to sign in again. */
export async function renewed(signIn: SignIn, refreshToken: string): Promise<Tokens> {
  const answer = await post(endpointOf(await metadataOf(signIn.issuer), 'token_endpoint'), {
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: signIn.clientId,
    scope: signIn.scope,
    ...(signIn.resource !== undefined && { resource: signIn.resource }),
  });
  if (typeof answer.access_token !== 'string') throw refused(answer);
  return { refreshToken, ...tokensOf(answer) };
}

const tokensOf = ({ access_token: token, refresh_token: refreshToken }: Answer): Tokens => ({
  token: String(token),
  ...(typeof refreshToken === 'string' && { refreshToken }),
});

/** A whole number of seconds from 1. */
const secondsOf = (value: unknown, fallback: number): number =>
  typeof value === 'number' && value >= 1 ? Math.ceil(value) : fallback;

type Answer = Readonly<Record<string, unknown>>;

/** The issuer's metadata, which must be its own (https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation). */
async function metadataOf(issuer: string): Promise<Metadata> {
  const metadata: Metadata = await ask(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {});
  if (metadata.issuer !== issuer)
    throw new UserError(
      `The issuer at ${issuer} calls itself ${printable(JSON.stringify(metadata.issuer) ?? 'nothing')}.`,
    );
  return metadata;
}

function endpointOf(metadata: Metadata, name: 'token_endpoint' | 'device_authorization_endpoint'): string {
  const endpoint = metadata[name];
  if (typeof endpoint !== 'string')
    throw new UserError(`The issuer names no ${name}; is the device flow allowed there?`);
  return secureAddress(`The issuer’s ${name}`, endpoint);
}

const post = (url: string, fields: Readonly<Record<string, string>>): Promise<Answer> =>
  ask(url, { method: 'POST', body: new URLSearchParams(fields) });

async function ask(url: string, init: RequestInit): Promise<Answer> {
  let text: string;
  let status: number;
  try {
    const response = await fetch(url, {
      ...init,
      headers: { accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(DEVICE_FLOW_LIMITS.timeoutMs),
    });
    status = response.status;
    text = await readAtMost(response, DEVICE_FLOW_LIMITS.characters);
  } catch (error) {
    throw new UserError(`The issuer does not answer at ${url}: ${causeOf(error)}.`);
  }
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === 'object' && answer !== null && !Array.isArray(answer)) return answer as Answer;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new UserError(`The issuer answered ${status} at ${url}, with something else than a JSON object.`);
}

async function readAtMost(response: Response, characters: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > characters) throw new Error(`more than ${characters} characters`);
  }
  return text;
}

/** What an issuer says is shown on a terminal, which would obey control characters. */
const printable = (text: string): string => text.replace(/\p{Cc}/gu, '\ufffd');

/** The issuer's refusal (RFC 6749, 5.2). */
function refused({ error, error_description: description }: Answer): UserError {
  if (error === 'access_denied') return new UserError('The sign-in was denied.');
  if (error === 'expired_token') return new UserError('The code has expired; log in again.');
  const text = [error, description].filter((each) => typeof each === 'string').join(': ');
  return new UserError(`The issuer refuses the sign-in: ${printable(text === '' ? 'it gives no reason' : text)}.`);
}
