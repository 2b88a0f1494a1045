// Parses the parts of an X.509 certificate that are needed for a device or its authority, and verifies its signature.
import {
  bitString,
  boolean,
  DerError,
  type Element,
  elements,
  expectTag,
  hex,
  oid,
  sequence,
  single,
  TAG,
  time,
} from './der.ts';

export interface Certificate {
  /** Hexadecimal, without leading zeros. */
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly issuer: string;
  readonly subject: string;
  readonly isAuthority: boolean;
  /** Whether its key may sign certificates, and whether it may sign in a handshake, according to the certificate. */
  readonly maySignCertificates: boolean;
  readonly mayAuthenticate: boolean;
  /** The URIs among its alternative names. */
  readonly uris: readonly string[];
  readonly publicKey: Uint8Array;
  readonly signed: Uint8Array;
  readonly algorithm: string;
  readonly signature: Uint8Array;
}

/** Object identifiers, as the hexadecimal digits of their encoding. */
const OID = {
  ecdsaWithSha256: '2a8648ce3d040302',
  ed25519: '2b6570',
  subjectAlternativeName: '551d11',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  clientAuthentication: '2b06010505070302',
} as const;

/** Bits of the key usage, from the first (https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.3). */
const USAGE = { digitalSignature: 0x80, keyCertSign: 0x04 } as const;

const URI_NAME = TAG.implicit(6);

/** Parses a version 3 certificate. Throws a `DerError` for anything else, and for an unsupported critical extension. */
export function readCertificate(der: Uint8Array): Certificate {
  const [toBeSigned, algorithm, signature] = sequence(single(der, TAG.sequence));
  const fields = sequence(toBeSigned);
  const version = single(expectTag(fields[0], TAG.context(0)).content, TAG.integer).content;
  if (hex(version) !== '02') throw new DerError('it is not of version 3');
  const [, serial, inner, issuer, validity, subject, publicKey, ...rest] = fields;
  if (algorithm === undefined || inner === undefined || hex(inner.whole) !== hex(algorithm.whole))
    throw new DerError('it names two algorithms');
  const [notBefore, notAfter] = sequence(validity);
  return {
    serial: hex(expectTag(serial, TAG.integer).content).replace(/^(?:00)+(?=.)/, ''),
    issuer: hex(expectTag(issuer, TAG.sequence).whole),
    subject: hex(expectTag(subject, TAG.sequence).whole),
    notBefore: time(notBefore),
    notAfter: time(notAfter),
    publicKey: expectTag(publicKey, TAG.sequence).whole,
    signed: expectTag(toBeSigned, TAG.sequence).whole,
    algorithm: oid(sequence(algorithm)[0]),
    signature: bitString(signature),
    ...readExtensions(rest.find(({ tag }) => tag === TAG.context(3))),
  };
}

type Extensions = Pick<Certificate, 'isAuthority' | 'maySignCertificates' | 'mayAuthenticate' | 'uris'>;

function readExtensions(wrapper: Element | undefined): Extensions {
  const values = new Map<string, Uint8Array>();
  for (const extension of wrapper === undefined ? [] : sequence(single(wrapper.content, TAG.sequence))) {
    const parts = sequence(extension);
    const name = oid(parts[0]);
    const isCritical = parts.length === 3 && boolean(parts[1]);
    if (values.has(name)) throw new DerError('it has an extension twice');
    if (isCritical && !UNDERSTOOD.has(name)) throw new DerError('it has a critical extension that is not understood');
    values.set(name, expectTag(parts.at(-1), TAG.octetString).content);
  }
  const constraints = values.get(OID.basicConstraints);
  const usage = values.get(OID.keyUsage);
  const purposes = values.get(OID.extendedKeyUsage);
  const names = values.get(OID.subjectAlternativeName);
  const bits = usage === undefined ? 0xff : (single(usage, TAG.bitString).content[1] ?? 0);
  const first = constraints === undefined ? undefined : sequence(single(constraints, TAG.sequence))[0];
  return {
    isAuthority: first?.tag === TAG.boolean && boolean(first),
    maySignCertificates: (bits & USAGE.keyCertSign) !== 0,
    mayAuthenticate:
      (bits & USAGE.digitalSignature) !== 0 &&
      (purposes === undefined || sequence(single(purposes, TAG.sequence)).map(oid).includes(OID.clientAuthentication)),
    uris:
      names === undefined
        ? []
        : elements(single(names, TAG.sequence).content)
            .filter(({ tag }) => tag === URI_NAME)
            .map(({ content }) => String.fromCharCode(...content)),
  };
}

const UNDERSTOOD: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extendedKeyUsage,
  OID.subjectAlternativeName,
]);

const P256_BYTES = 32;
const ED25519_BYTES = 64;

/** The accepted signature algorithms: those of our authorities, and nothing older; `signer` is the matching key algorithm. */
const ALGORITHMS = {
  [OID.ecdsaWithSha256]: {
    // ecPublicKey with prime256v1
    signer: '301306072a8648ce3d020106082a8648ce3d030107',
    key: { name: 'ECDSA', namedCurve: 'P-256' },
    verify: { name: 'ECDSA', hash: 'SHA-256' },
    signature: (der: Uint8Array) => fixedWidth(der),
  },
  [OID.ed25519]: {
    signer: '300506032b6570',
    key: { name: 'Ed25519' },
    verify: { name: 'Ed25519' },
    signature: (bytes: Uint8Array) => {
      if (bytes.length !== ED25519_BYTES) throw new DerError('its signature has another form');
      return bytes;
    },
  },
} as const;

/** Whether `authority` has signed `certificate`. Does not check names and times. */
export async function isSignedBy(certificate: Certificate, authority: Certificate): Promise<boolean> {
  const algorithm = ALGORITHMS[certificate.algorithm as keyof typeof ALGORITHMS];
  if (algorithm === undefined) throw new DerError('it is not signed by ECDSA with P-256 and SHA-256 or by Ed25519');
  // Checked here and not by WebCrypto: each runtime has a different error for a key of another kind.
  const [signer] = sequence(single(authority.publicKey, TAG.sequence));
  if (signer === undefined || hex(signer.whole) !== algorithm.signer) return false;
  const signature = algorithm.signature(certificate.signature);
  const key = await crypto.subtle.importKey('spki', authority.publicKey, algorithm.key, false, ['verify']);
  return crypto.subtle.verify(algorithm.verify, key, signature, certificate.signed);
}

/** Converts an ECDSA signature from two DER integers, as in certificates, to two numbers of 32 bytes, as in WebCrypto. */
function fixedWidth(der: Uint8Array): Uint8Array {
  const numbers = sequence(single(der, TAG.sequence));
  const result = new Uint8Array(2 * P256_BYTES);
  if (numbers.length !== 2) throw new DerError('its signature has another form');
  numbers.forEach((element, index) => {
    const { content } = expectTag(element, TAG.integer);
    const value = content[0] === 0 ? content.subarray(1) : content;
    if (value.length > P256_BYTES) throw new DerError('its signature has another form');
    result.set(value, (index + 1) * P256_BYTES - value.length);
  });
  return result;
}
