// The serial numbers of revoked device certificates: a list in Workers KV, read again every minute.
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import type { KvNamespace } from './platform.ts';
import { RefreshingValue } from './refreshing-value.ts';

export const REVOCATION_LIMITS = {
  /** A revocation takes effect within this time plus the minute of Workers KV. */
  freshMs: 60_000,
  /** While KV cannot be read, the last list is used for a day; then certificates are no longer accepted. */
  staleMs: 86_400_000,
  pauseMs: 5000,
  timeoutMs: 1000,
  /** Maximum serial numbers in the list; an authority that must revoke more is replaced. */
  serials: 20_000,
  /** Maximum characters of the list. */
  characters: 1_048_576,
} as const;

/** The key of the list: hexadecimal serial numbers, one per line. */
export const REVOCATIONS_KEY = 'revoked/certificates';

/**
 * The cached list. It contains serial numbers and not fingerprints: the holder of a certificate can change bytes that the signature
 * does not cover, which changes the fingerprint. A number applies to each of our authorities.
 */
export const refreshingRevocations = (namespace: KvNamespace, clock: Clock): RefreshingValue<ReadonlySet<string>> =>
  new RefreshingValue({
    load: () => load(namespace),
    clock,
    what: 'The list of revoked certificates',
    ...REVOCATION_LIMITS,
  });

async function load(namespace: KvNamespace): Promise<ReadonlySet<string>> {
  const text = await namespace.get(REVOCATIONS_KEY, { type: 'text' });
  if (text === null) return new Set();
  const lines =
    text.length > REVOCATION_LIMITS.characters
      ? []
      : text
          .split('\n')
          .map(normal)
          .filter((line) => line !== '');
  // A truncated or malformed list must not admit revoked certificates.
  if (
    text.length > REVOCATION_LIMITS.characters ||
    lines.length > REVOCATION_LIMITS.serials ||
    !lines.every((line) => /^[0-9a-f]+$/.test(line))
  )
    throw new PortError('misconfigured', `Under ${REVOCATIONS_KEY} there is no list of serial numbers.`);
  return new Set(lines);
}

/** Normalizes the notations of common tools: upper case, colons, leading zeros. */
const normal = (line: string): string => {
  const digits = line.trim().toLowerCase().replaceAll(':', '');
  return (digits.length % 2 === 1 ? `0${digits}` : digits).replace(/^(?:00)+(?=.)/, '');
};
