// The serial numbers of devices' certificates that are no longer believed: a list in Workers KV, read again every minute.
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import type { KvNamespace } from './platform.ts';
import { RefreshingValue } from './refreshing-value.ts';

export const REVOCATION_LIMITS = {
  /** A revocation counts after this and Workers KV's own minute at the latest. */
  freshMs: 60_000,
  /** While KV cannot be read, the last list counts for a day; then certificates are not believed any more. */
  staleMs: 86_400_000,
  pauseMs: 5000,
  timeoutMs: 1000,
  /** Serial numbers of a list; an authority that has to revoke more than this is changed for another one. */
  serials: 20_000,
  /** Characters of the list. */
  characters: 1_048_576,
} as const;

/** The key of the list: serial numbers in hexadecimal digits, one a line. */
export const REVOCATIONS_KEY = 'revoked/certificates';

/**
 * The list, kept. By serial number and not by fingerprint: whoever holds a certificate can change its bytes where the signature does not
 * reach, and would have another fingerprint. A number counts for each of our authorities.
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
  // A list that is cut or malformed must not let in those whom it was to keep out.
  if (
    text.length > REVOCATION_LIMITS.characters ||
    lines.length > REVOCATION_LIMITS.serials ||
    !lines.every((line) => /^[0-9a-f]+$/.test(line))
  )
    throw new PortError('misconfigured', `Under ${REVOCATIONS_KEY} there is no list of serial numbers.`);
  return new Set(lines);
}

/** As tools write them: upper case, colons, zeros in front. */
const normal = (line: string): string => {
  const digits = line.trim().toLowerCase().replaceAll(':', '');
  return (digits.length % 2 === 1 ? `0${digits}` : digits).replace(/^(?:00)+(?=.)/, '');
};
