// The development certificate: the file and the constant are one, and clocks that are years behind take it.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DEVELOPMENT_CERTIFICATE } from '../../certificate.ts';

const FILE = path.resolve(__dirname, '../../../../emulators/service-bus/certificate.pem');

test('the file that programs are pointed to holds the certificate that is served', () => {
  expect(readFileSync(FILE, 'utf8')).toBe(DEVELOPMENT_CERTIFICATE.cert);
});

test('it is for this machine, has its key, and is valid from 2020 for a hundred years', () => {
  const certificate = new X509Certificate(DEVELOPMENT_CERTIFICATE.cert);
  expect(certificate.checkHost('localhost')).toBe('localhost');
  expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(certificate.checkPrivateKey(createPrivateKey(DEVELOPMENT_CERTIFICATE.key))).toBe(true);
  expect([certificate.validFrom, certificate.validTo].map((text) => new Date(text).getUTCFullYear())).toEqual([
    2020, 2120,
  ]);
});
