// A development authority: certificates of the local edge's server and of devices, worth something on this machine only.
import * as x509 from '@peculiar/x509';

/** A certificate and its private key, both in PEM. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateRequest {
  /** Common name of the subject. */
  readonly name: string;
  /** URIs, DNS names and addresses that it speaks for. */
  readonly uris?: readonly string[];
  readonly hosts?: readonly string[];
  readonly addresses?: readonly string[];
  readonly usage: 'server' | 'client';
  /** From an hour ago to a year ahead unless given. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
/** Bytes of a serial number, the first below 0x80 so that it is positive. */
const SERIAL_BYTES = 16;

export class DevelopmentCa {
  /** Its own certificate, in PEM. */
  readonly certificate: string;
  /** Its private key, in PEM. */
  readonly key: string;
  readonly #issuer: x509.X509Certificate;
  readonly #signingKey: CryptoKey;

  private constructor(issuer: x509.X509Certificate, signingKey: CryptoKey, key: string) {
    this.#issuer = issuer;
    this.#signingKey = signingKey;
    this.certificate = issuer.toString('pem');
    this.key = key;
  }

  /** Makes an authority with a key of its own. */
  static async create(name = 'Polycell development'): Promise<DevelopmentCa> {
    const keys = await newKeys();
    const issuer = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: `CN=${name}`,
      ...validity({}),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new DevelopmentCa(issuer, keys.privateKey, await pemOf(keys.privateKey));
  }

  /** Takes up an authority that was made before. */
  static async load({ certificate, key }: IssuedCertificate): Promise<DevelopmentCa> {
    const [der] = x509.PemConverter.decode(key);
    if (der === undefined) throw new TypeError('The key of the development authority is no PEM.');
    const signingKey = await crypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
    return new DevelopmentCa(new x509.X509Certificate(certificate), signingKey, key);
  }

  /** Issues a certificate with a key of its own. */
  async issue(request: CertificateRequest): Promise<IssuedCertificate> {
    const { name, uris = [], hosts = [], addresses = [], usage } = request;
    const keys = await newKeys();
    const names: x509.JsonGeneralName[] = [
      ...uris.map((value) => ({ type: 'url' as const, value })),
      ...hosts.map((value) => ({ type: 'dns' as const, value })),
      ...addresses.map((value) => ({ type: 'ip' as const, value })),
    ];
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: [{ CN: [name] }],
      issuer: this.#issuer.subject,
      ...validity(request),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: this.#signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[usage === 'server' ? 'serverAuth' : 'clientAuth']]),
        new x509.SubjectAlternativeNameExtension(names),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(this.#issuer),
      ],
    });
    return { certificate: certificate.toString('pem'), key: await pemOf(keys.privateKey) };
  }

  /** A certificate for the local edge. */
  issueServer(): Promise<IssuedCertificate> {
    return this.issue({ name: 'localhost', hosts: ['localhost'], addresses: ['127.0.0.1'], usage: 'server' });
  }

  /** A certificate by which a device shows whose it is. */
  issueDevice(tenant: string, device: string): Promise<IssuedCertificate> {
    const uri = `polycell://${tenant}/devices/${encodeURIComponent(device)}`;
    return this.issue({ name: device, uris: [uri], usage: 'client' });
  }
}

type CryptoKey = CryptoKeyPair['privateKey'];
type CryptoKeyPair = Awaited<ReturnType<typeof newKeys>>;

async function newKeys() {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function pemOf(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  return `5${Buffer.from(bytes).toString('hex').slice(1)}`;
}

const validity = ({ notBefore, notAfter }: Pick<CertificateRequest, 'notBefore' | 'notAfter'>) => ({
  notBefore: notBefore ?? new Date(Date.now() - HOUR_MS),
  notAfter: notAfter ?? new Date(Date.now() + YEAR_MS),
});
