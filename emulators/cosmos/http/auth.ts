// Verifies how a request is authorised: the signature that clients compute with the account key, or a Microsoft Entra token.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { CosmosError } from '../errors.ts';
import { MAX_CLOCK_SKEW_MS } from '../limits.ts';
import { type Exchange, header } from './exchange.ts';

const unauthorized = (text: string): CosmosError =>
  new CosmosError(401, `Message: ${JSON.stringify({ Errors: [text] })}`);

const WRONG_KEY =
  "The input authorization token can't serve the request. The wrong key is being used or the expected payload is not built as per the protocol.";

/** The resource type and link that a path is signed with. */
function signedResource(segments: readonly string[]): { type: string; link: string } {
  if (segments.length === 0) return { type: '', link: '' };
  if (segments[0] === 'offers') return { type: 'offers', link: (segments[1] ?? '').toLowerCase() };
  if (segments[4] === 'operations') return { type: 'colls', link: segments.slice(0, 4).join('/') };
  if (segments.length % 2 === 1) return { type: segments.at(-1) ?? '', link: segments.slice(0, -1).join('/') };
  return { type: segments.at(-2) ?? '', link: segments.join('/') };
}

/** A signature is good for a while: a request that is kept and sent again later is refused. */
function checkDate(date: string): void {
  const at = Date.parse(date);
  if (Number.isNaN(at)) throw unauthorized(`The input date header is invalid format: '${date}'.`);
  const now = Date.now();
  if (Math.abs(now - at) <= MAX_CLOCK_SKEW_MS) return;
  const text = (ms: number): string => new Date(ms).toUTCString();
  throw new CosmosError(
    403,
    `Message: ${JSON.stringify({
      Errors: [
        `The authorization token is not valid at the current time. Please create another token and retry (token start time: ${text(at)}, token expiry time: ${text(at + MAX_CLOCK_SKEW_MS)}, current server time: ${text(now)}).`,
      ],
    })}`,
  );
}

/** Audience of tokens that are good for any account; others are good for the account that they name. */
const ANY_ACCOUNT = 'https://cosmos.azure.com';

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

function readClaims(token: string): Readonly<Record<string, unknown>> {
  const parts = token.split('.');
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString());
    if (parts.length === 3 && isRecord(claims)) return claims;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw unauthorized('The provided token is no JSON Web Token.');
}

/**
 * Throws a 401 unless the token is made for this account and valid now. Who signed it is not checked, as there is no directory of
 * identities here, nor are there roles.
 */
function verifyToken(token: string, endpoint: string): void {
  const { aud, exp, nbf = 0 } = readClaims(token);
  const audience = String(aud).replace(/\/$/, '');
  if (audience !== ANY_ACCOUNT && audience !== endpoint)
    throw unauthorized(`The provided token is for the audience '${audience}', which is not this account.`);
  const now = Date.now() / 1000;
  const skew = MAX_CLOCK_SKEW_MS / 1000;
  if (typeof exp !== 'number' || exp <= now) throw unauthorized('The provided token has expired.');
  if (typeof nbf !== 'number' || nbf > now + skew) throw unauthorized('The provided token is not valid yet.');
}

/** Throws the service's 401 unless the request is signed with the key, or has a token for the account at `endpoint`. */
export function verifySignature(exchange: Exchange, key: Buffer, endpoint: string): void {
  const encoded = header(exchange, 'authorization');
  const date = header(exchange, 'x-ms-date');
  if (encoded === undefined) throw unauthorized("Required Header 'authorization' is missing.");
  let token: string;
  try {
    token = decodeURIComponent(encoded);
  } catch {
    throw unauthorized(WRONG_KEY);
  }
  const match = /^type=(\w+)&ver=([\d.]+)&sig=(.*)$/s.exec(token);
  if (match === null) throw unauthorized(WRONG_KEY);
  if (match[1] === 'aad') {
    verifyToken(match[3] ?? '', endpoint);
    return;
  }
  if (match[1] !== 'master')
    throw unauthorized(`Tokens of type '${match[1]}' are not supported by this emulator; use the key or type 'aad'.`);
  if (date === undefined) throw unauthorized("Required Header 'x-ms-date' is missing.");
  checkDate(date);
  const { type, link } = signedResource(exchange.segments);
  const text = `${exchange.method.toLowerCase()}\n${type.toLowerCase()}\n${link}\n${date.toLowerCase()}\n\n`;
  const expected = createHmac('sha256', key).update(text).digest();
  const given = Buffer.from(match[3] ?? '', 'base64');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw unauthorized(WRONG_KEY);
}
