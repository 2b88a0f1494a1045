// Credentials in the form of device certificates: Cloudflare proves possession of the key, and everything else is verified here.
import { isName } from '../../core/cell/identity.ts';
import type { Authentication, Credentials } from '../../core/edge/ports/credentials.ts';
import { isSubject } from '../../core/events/subject.ts';
import { BoundedCache } from '../../core/lib/bounded-cache.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { type Certificate, isSignedBy, readCertificate } from './certificate.ts';
import { DerError, hex } from './der.ts';
import type { ConnectingRequest } from './platform.ts';
import type { RefreshingValue } from './refreshing-value.ts';

export const CERTIFICATE_LIMITS = {
  /** Characters of a certificate in base64; one of ours has about 800. */
  characters: 8192,
  /** Verified certificates that an isolate caches, about 2 KiB each. */
  remembered: 5000,
} as const;

/** Cloudflare sets it to the client's certificate, if the zone is configured to do so. */
export const CERTIFICATE_HEADER = 'cf-client-cert-der-base64';

export interface CertificateCredentialsOptions {
  /** Certificates of our authorities, as PEM. Throws a `DerError` if one of them is not an authority certificate. */
  readonly authorities: readonly string[];
  /** Revoked serial numbers. */
  readonly revoked: RefreshingValue<ReadonlySet<string>>;
  readonly clock: Clock;
  readonly remembered?: number;
}

interface Device {
  readonly certificate: Certificate;
  readonly authority: Certificate;
  readonly fingerprint: string;
  readonly accepted: Authentication;
}

const ABSENT: Authentication = { status: 'absent' };
const refused = (reason: string): Authentication => ({ status: 'refused', reason });
const NOT_SHOWN = refused('the connection was not made with this certificate');

/** The alternative name of a device's certificate. */
const NAME = /^polycell:\/\/([^/]+)\/devices\/([^/]+)$/;

/** The scopes of a device. It has access to all of its tenant's events: a gateway sends those of many devices. */
const SCOPES = ['ingest', 'read'] as const;

export class CertificateCredentials implements Credentials {
  readonly #options: CertificateCredentialsOptions;
  readonly #authorities: readonly Certificate[];
  readonly #remembered: BoundedCache<string, Device>;

  constructor(options: CertificateCredentialsOptions) {
    this.#options = options;
    this.#remembered = new BoundedCache(options.remembered ?? CERTIFICATE_LIMITS.remembered);
    this.#authorities = options.authorities.map(readAuthority);
  }

  authenticate(request: Request): Authentication | Promise<Authentication> {
    const text = request.headers.get(CERTIFICATE_HEADER);
    if (text === null || text === '') return ABSENT;
    if (this.#authorities.length === 0) return refused('devices cannot connect by certificates here');
    // The header alone proves nothing: Cloudflare's record of the handshake must refer to the same certificate.
    const shown = (request as ConnectingRequest).cf?.tlsClientAuth;
    if (shown?.certPresented !== '1') return NOT_SHOWN;
    const fingerprint = shown.certFingerprintSHA256.toLowerCase();
    const known = this.#remembered.get(text);
    if (known === undefined) return this.#verify(text, fingerprint);
    const revoked = this.#options.revoked.get();
    return 'has' in revoked
      ? this.#judge(known, fingerprint, revoked)
      : revoked.then((list) => this.#judge(known, fingerprint, list));
  }

  /** Checks the conditions that can change between two requests. */
  #judge(
    { certificate, authority, fingerprint, accepted }: Device,
    shown: string,
    revoked: ReadonlySet<string>,
  ): Authentication {
    if (fingerprint !== shown) return NOT_SHOWN;
    const now = this.#options.clock.now();
    if (now < certificate.notBefore || now < authority.notBefore) return refused('it is not valid yet');
    if (now > certificate.notAfter || now > authority.notAfter) return refused('it has expired');
    return revoked.has(certificate.serial) ? refused('it has been revoked') : accepted;
  }

  async #verify(text: string, shown: string): Promise<Authentication> {
    try {
      const device = await this.#read(text);
      if (typeof device === 'string') return refused(device);
      const verdict = this.#judge(device, shown, await this.#options.revoked.get());
      if (verdict.status === 'accepted') this.#remembered.set(text, device);
      return verdict;
    } catch (error) {
      if (error instanceof DerError) return refused('it is no certificate of the form that is believed here');
      throw error;
    }
  }

  /** The device of a certificate, or the fault of the certificate. */
  async #read(text: string): Promise<Device | string> {
    const der = text.length > CERTIFICATE_LIMITS.characters ? undefined : decodeBase64(text);
    if (der === undefined) return 'it is not in base64, or too long';
    const certificate = readCertificate(der);
    const authority = await this.#authorityOf(certificate);
    if (authority === undefined) return 'none of our authorities has signed it';
    if (certificate.isAuthority || !certificate.mayAuthenticate) return 'it is not made for a device';
    const [uri, ...others] = certificate.uris;
    const [, tenant, segment = ''] = NAME.exec(uri ?? '') ?? [];
    const device = decodeSegment(segment);
    if (!isName(tenant) || device === undefined || !isSubject(device) || others.length > 0)
      return 'it does not name one tenant and one device';
    const fingerprint = hex(new Uint8Array(await crypto.subtle.digest('SHA-256', der)));
    const accepted: Authentication = { status: 'accepted', caller: { kind: 'tenant', tenant, scopes: SCOPES, device } };
    return { certificate, authority, fingerprint, accepted };
  }

  /** A name proves nothing; only the signature identifies the authority. */
  async #authorityOf(certificate: Certificate): Promise<Certificate | undefined> {
    for (const authority of this.#authorities)
      if (authority.subject === certificate.issuer && (await isSignedBy(certificate, authority))) return authority;
    return undefined;
  }
}

function readAuthority(pem: string): Certificate {
  const der = decodeBase64(pem.replace(/-----[A-Z ]+-----|\s/g, ''));
  const certificate = der === undefined ? undefined : readCertificate(der);
  if (certificate === undefined || !certificate.isAuthority || !certificate.maySignCertificates)
    throw new DerError('A certificate that is to be an authority’s is not.');
  return certificate;
}

function decodeBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) return undefined;
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
