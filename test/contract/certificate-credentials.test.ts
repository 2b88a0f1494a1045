// Devices' certificates: the contract of credentials, and every way to come in without a valid one.

import fc from 'fast-check';
import { readCertificate } from '../../adapters/cloudflare/certificate.ts';
import { CertificateCredentials } from '../../adapters/cloudflare/certificate-credentials.ts';
import { REVOCATION_LIMITS, REVOCATIONS_KEY, refreshingRevocations } from '../../adapters/cloudflare/revocations.ts';
import {
  type Authority,
  authority,
  type CertificateChanges,
  connectedWith,
  device,
  fingerprintOf,
  newKeys,
  x509,
} from '../support/device-certificates.ts';
import { FakeClock, START } from '../support/fake-clock.ts';
import { property } from '../support/properties.ts';
import { credentialsContract } from './credentials.contract.ts';

let ours: Authority;
let second: Authority;
beforeAll(async () => {
  ours = await authority();
  second = await authority('Devices 2', { algorithm: { name: 'Ed25519' } });
});

function trusting(authorities: readonly string[] = [ours.pem, second.pem]) {
  const clock = new FakeClock();
  const kv = { list: null as string | null, isGone: false, asked: 0 };
  const namespace = {
    get: async (key: string) => {
      expect(key).toBe(REVOCATIONS_KEY);
      kv.asked += 1;
      if (kv.isGone) throw new Error('KV GET failed: 503 Service Unavailable');
      return kv.list;
    },
    put: async () => undefined,
    delete: async () => undefined,
  };
  const revoked = refreshingRevocations(namespace, clock);
  return { clock, kv, credentials: new CertificateCredentials({ authorities, revoked, clock }) };
}

const ACCEPTED = {
  status: 'accepted',
  caller: { kind: 'tenant', tenant: 'acme', scopes: ['ingest', 'read'], device: 'pump-1' },
} as const;

credentialsContract('device certificates', async () => {
  const { clock, kv, credentials } = trusting();
  return {
    credentials,
    clock,
    valid: [
      { request: connectedWith(await device(ours)), caller: ACCEPTED.caller },
      {
        request: connectedWith(await device(second, { uris: ['polycell://globex/devices/a%3Ab'] })),
        caller: { kind: 'tenant', tenant: 'globex', scopes: ['ingest', 'read'], device: 'a:b' },
      },
    ],
    lifeMs: 3_601_000,
    presenting: (text) => {
      const request = new Request('https://edge.example/', { headers: { 'cf-client-cert-der-base64': text } });
      return Object.assign(request, { cf: { tlsClientAuth: { certPresented: '1', certFingerprintSHA256: 'ff' } } });
    },
    disconnect: () => {
      kv.isGone = true;
    },
    heal: () => {
      kv.isGone = false;
    },
    close: async () => undefined,
  };
});

const outcome = async (request: Request, authorities?: readonly string[]): Promise<string> => {
  const result = await trusting(authorities).credentials.authenticate(request);
  return 'reason' in result ? result.reason : result.status;
};

const FORM = 'it is no certificate of the form that is believed here';
const UNNAMED = 'it does not name one tenant and one device';
const UNSIGNED = 'none of our authorities has signed it';
const MADE_FOR_OTHERS = 'it is not made for a device';

const refusals: readonly (readonly [string, () => Promise<CertificateChanges>, string])[] = [
  ['signed by another party under our authority’s name', async () => ({ signedBy: await newKeys() }), UNSIGNED],
  ['that has expired', async () => ({ notBefore: START - 2000, notAfter: START - 1000 }), 'it has expired'],
  ['that is not valid yet', async () => ({ notBefore: START + 1000 }), 'it is not valid yet'],
  ['without a name', async () => ({ uris: [] }), UNNAMED],
  ['of two devices', async () => ({ uris: ['polycell://acme/devices/a', 'polycell://globex/devices/a'] }), UNNAMED],
  ['of a tenant that is no name', async () => ({ uris: ['polycell://ACME/devices/a'] }), UNNAMED],
  ['of a device that is no subject', async () => ({ uris: ['polycell://acme/devices/a%2Fb'] }), UNNAMED],
  ['whose name is not encoded', async () => ({ uris: ['polycell://acme/devices/%zz'] }), UNNAMED],
  ['of another scheme', async () => ({ uris: ['https://acme/devices/a'] }), UNNAMED],
  ['with more behind the name', async () => ({ uris: ['polycell://acme/devices/a/b'] }), UNNAMED],
  [
    'that is an authority itself',
    async () => ({ extensions: [new x509.BasicConstraintsExtension(true, 0, true)] }),
    MADE_FOR_OTHERS,
  ],
  [
    'for servers',
    async () => ({ extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth])] }),
    MADE_FOR_OTHERS,
  ],
  [
    'whose key may not sign',
    async () => ({ extensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyEncipherment, true)] }),
    MADE_FOR_OTHERS,
  ],
  [
    'with an unknown critical extension',
    async () => ({ extensions: [new x509.Extension('1.2.3.4', true, new Uint8Array([5, 0]))] }),
    FORM,
  ],
];

test.each(refusals)('a certificate %s is refused', async (_name, changes, reason) => {
  expect(await outcome(connectedWith(await device(ours, await changes())))).toBe(reason);
});

test('a certificate of another authority of the same name, and one that is its own authority, are refused', async () => {
  const theirs = await authority();
  expect(await outcome(connectedWith(await device(theirs)))).toBe(UNSIGNED);
  expect(await outcome(connectedWith(Buffer.from(theirs.certificate.rawData)))).toBe(UNSIGNED);
  expect(await outcome(connectedWith(await device(await authority('Others'))))).toBe(UNSIGNED);
  expect(await outcome(connectedWith(await device(ours)), [second.pem])).toBe(UNSIGNED);
});

test('an extension that is not critical and not known is left alone', async () => {
  const extensions = [new x509.Extension('1.2.3.4', false, new Uint8Array([5, 0]))];
  expect(await outcome(connectedWith(await device(ours, { extensions })))).toBe('accepted');
});

test('signatures of P-384 and of RSA are not believed', async () => {
  for (const algorithm of [
    { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
    { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
  ]) {
    const other = await authority('Devices', { algorithm: algorithm as never });
    expect(await outcome(connectedWith(await device(other)), [other.pem])).toBe(FORM);
  }
});

test('a header without a handshake with that certificate proves nothing', async () => {
  const NOT_SHOWN = 'the connection was not made with this certificate';
  const der = await device(ours);
  expect(await outcome(connectedWith(der, { certPresented: '0' }))).toBe(NOT_SHOWN);
  expect(await outcome(connectedWith(der, { certFingerprintSHA256: fingerprintOf(await device(ours)) }))).toBe(
    NOT_SHOWN,
  );
  expect(await outcome(connectedWith(der, { certFingerprintSHA256: '' }))).toBe(NOT_SHOWN);
  expect(await outcome(Object.assign(connectedWith(der), { cf: undefined }))).toBe(NOT_SHOWN);
  // Nor from memory.
  const { credentials } = trusting();
  expect(await credentials.authenticate(connectedWith(der))).toEqual(ACCEPTED);
  expect(credentials.authenticate(connectedWith(der, { certFingerprintSHA256: '00' }))).toMatchObject({
    reason: NOT_SHOWN,
  });
  expect(credentials.authenticate(connectedWith(der, { certPresented: '0' }))).toMatchObject({ reason: NOT_SHOWN });
});

test('where no authority is trusted, no certificate is', async () => {
  expect(await outcome(connectedWith(await device(ours)), [])).toBe('devices cannot connect by certificates here');
});

test('an authority that is none stops the start', async () => {
  const leaf = new x509.X509Certificate(await device(ours)).toString('pem');
  const unable = await authority('x', {
    extensions: [new x509.BasicConstraintsExtension(true), new x509.KeyUsagesExtension(1)],
  });
  for (const pem of [leaf, unable.pem, '-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----'])
    expect(() => trusting([pem])).toThrow('A certificate that is to be an authority’s is not.');
});

test('an authority’s own time is over for its devices as well', async () => {
  const { credentials, clock } = trusting();
  const request = connectedWith(await device(ours, { notAfter: START + 100 * 86_400_000 }));
  expect((await credentials.authenticate(request)).status).toBe('accepted');
  clock.jump(24 * 3_600_000 + 1000);
  expect(await credentials.authenticate(request)).toEqual({ status: 'refused', reason: 'it has expired' });
});

test('a certificate that is revoked stops counting within a minute, however its serial number is written', async () => {
  for (const line of ['1a2b3c', '1A:2B:3C', '001a2b3c', ' 1a2b3c ']) {
    const { credentials, clock, kv } = trusting();
    const request = connectedWith(await device(ours));
    expect((await credentials.authenticate(request)).status).toBe('accepted');
    kv.list = `ff\n${line}\n`;
    await clock.advance(REVOCATION_LIMITS.freshMs - 1);
    expect(credentials.authenticate(request)).toEqual(ACCEPTED);
    await clock.advance(1);
    expect(await credentials.authenticate(request)).toEqual({ status: 'refused', reason: 'it has been revoked' });
    expect((await credentials.authenticate(connectedWith(await device(ours, { serialNumber: '1a2b3d' })))).status).toBe(
      'accepted',
    );
  }
});

test('a revoked certificate whose signature is written in another way has another fingerprint, and is revoked', async () => {
  const der = await device(ours);
  const { signature } = readCertificate(der);
  const altered = withOtherSignature(der, signature);
  expect(fingerprintOf(altered)).not.toBe(fingerprintOf(der));
  expect(await outcome(connectedWith(altered))).toBe('accepted');
  const { credentials, kv } = trusting();
  kv.list = '1a2b3c';
  expect(await credentials.authenticate(connectedWith(altered))).toMatchObject({ reason: 'it has been revoked' });
});

test.each([
  ['no list', '{"serials":[]}'],
  ['a list that is too long', 'ab\n'.repeat(REVOCATION_LIMITS.serials + 1)],
  ['a text that is too long', ' '.repeat(REVOCATION_LIMITS.characters + 1)],
])('with %s, no certificate that a list might revoke is accepted', async (_name, list) => {
  const { credentials, kv } = trusting();
  kv.list = list;
  const pending = Promise.resolve(credentials.authenticate(connectedWith(await device(ours))));
  await expect(pending).rejects.toMatchObject({ code: 'unavailable' });
});

test('the last list counts for a day while KV is gone', async () => {
  const { credentials, clock, kv } = trusting();
  kv.list = 'ff';
  const request = connectedWith(await device(ours, { notAfter: START + 100 * 86_400_000 }));
  await credentials.authenticate(request);
  kv.isGone = true;
  await clock.advance(20 * 3_600_000);
  expect(await credentials.authenticate(request)).toEqual(ACCEPTED);
  await clock.advance(4 * 3_600_000);
  await expect(Promise.resolve(credentials.authenticate(request))).rejects.toMatchObject({ code: 'unavailable' });
});

property(
  'a certificate with any byte changed is refused',
  fc.record({ at: fc.nat(10_000), by: fc.integer({ min: 1, max: 255 }) }),
  async ({ at, by }) => {
    const der = Uint8Array.from(await leaf());
    const index = at % der.length;
    der[index] = (der[index] ?? 0) ^ by;
    expect(await outcome(connectedWith(der))).not.toBe('accepted');
  },
);

property('a certificate that breaks off, or goes on, is refused', fc.nat(10_000), async (at) => {
  const der = await leaf();
  expect(await outcome(connectedWith(der.subarray(0, at % der.length)))).not.toBe('accepted');
  expect(await outcome(connectedWith(Buffer.concat([der, Buffer.from([at % 256])])))).toBe(FORM);
});

let once: Promise<Buffer> | undefined;
const leaf = (): Promise<Buffer> => (once ??= device(ours));

/** The order of the curve P-256: (r, s) and (r, n - s) are both signatures of the same. */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function withOtherSignature(der: Buffer, signature: Uint8Array): Buffer {
  const start = der.length - signature.length;
  const rLength = signature[3] ?? 0;
  const r = signature.subarray(2, 4 + rLength);
  const s = BigInt(`0x${Buffer.from(signature.subarray(4 + rLength + 2)).toString('hex')}`);
  const digits = (N - s).toString(16).padStart(64, '0');
  const other = Buffer.from((digits[0] ?? '0') > '7' ? `00${digits}` : digits, 'hex');
  const numbers = Buffer.concat([r, Buffer.from([2, other.length]), other]);
  const whole = Buffer.concat([Buffer.from([0x30, numbers.length]), numbers]);
  // Lengths around it: of the bit string, and of the certificate, which has two bytes of it.
  const prefix = Buffer.from(der.subarray(0, start));
  const longer = whole.length - signature.length;
  prefix[start - 2] = (prefix[start - 2] ?? 0) + longer;
  prefix.writeUInt16BE(prefix.readUInt16BE(2) + longer, 2);
  return Buffer.concat([prefix, whole]);
}
