// Certificates made with a library that the product does not use: an authority's, devices', and those of impostors.
import { createHash, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { START } from './fake-clock.ts';

x509.cryptoProvider.set(webcrypto as unknown as Crypto);
type Crypto = Parameters<typeof x509.cryptoProvider.set>[0];

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const ED25519 = { name: 'Ed25519' } as const;
const HOUR_MS = 3_600_000;

type Keys = Awaited<ReturnType<typeof newKeys>>;

const newKeys = (algorithm: { readonly name: string } = ECDSA) =>
  webcrypto.subtle.generateKey(algorithm as typeof ED25519, true, [
    'sign',
    'verify',
  ]) as Promise<webcrypto.CryptoKeyPair>;

export interface Authority {
  readonly pem: string;
  readonly certificate: x509.X509Certificate;
  readonly keys: Keys;
  readonly algorithm: typeof ECDSA | typeof ED25519;
}

export interface CertificateChanges {
  readonly serialNumber?: string;
  readonly uris?: readonly string[];
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly extensions?: readonly x509.Extension[];
  /** Signed by these keys instead, under the authority's name. */
  readonly signedBy?: Keys;
}

export async function authority(
  name = 'Devices',
  { algorithm = ECDSA as typeof ECDSA | typeof ED25519, extensions = undefined as x509.Extension[] | undefined } = {},
): Promise<Authority> {
  const keys = await newKeys(algorithm);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    notBefore: new Date(START - 24 * HOUR_MS),
    notAfter: new Date(START + 24 * HOUR_MS),
    signingAlgorithm: algorithm as typeof ECDSA,
    keys: keys as never,
    extensions: extensions ?? [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { pem: certificate.toString('pem'), certificate, keys, algorithm };
}

export const subjectNames = (uris: readonly string[]): x509.Extension =>
  new x509.SubjectAlternativeNameExtension(uris.map((value) => ({ type: 'url' as const, value })));

/** The DER of a certificate of the device pump-1 of acme, good for two hours around the start, but for what is to be different. */
export async function device(by: Authority, changes: CertificateChanges = {}): Promise<Buffer> {
  const { uris = ['polycell://acme/devices/pump-1'], signedBy = by.keys } = changes;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: changes.serialNumber ?? '1a2b3c',
    subject: 'CN=pump-1',
    issuer: by.certificate.subject,
    notBefore: new Date(changes.notBefore ?? START - HOUR_MS),
    notAfter: new Date(changes.notAfter ?? START + HOUR_MS),
    signingAlgorithm: by.algorithm as typeof ECDSA,
    publicKey: (await newKeys()).publicKey as never,
    signingKey: signedBy.privateKey as never,
    extensions: [
      ...(changes.extensions ?? [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      ]),
      ...(uris.length > 0 ? [subjectNames(uris)] : []),
    ],
  });
  return Buffer.from(certificate.rawData);
}

export { newKeys, x509 };

export const fingerprintOf = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex');

/** A request over a connection that was made with the certificate; `cf` says otherwise where a test wants it to. */
export function connectedWith(der: Uint8Array, cf: Record<string, unknown> = {}): Request {
  const request = new Request('https://edge.example/v1/devices', {
    headers: { 'cf-client-cert-der-base64': Buffer.from(der).toString('base64') },
  });
  const tlsClientAuth = {
    certPresented: '1',
    certVerified: 'SUCCESS',
    certFingerprintSHA256: fingerprintOf(der),
    ...cf,
  };
  return Object.assign(request, { cf: { tlsClientAuth } });
}
