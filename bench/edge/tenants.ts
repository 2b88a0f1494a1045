// The tenants of the edge's benchmark: their tokens, the keys that these are verified with, and the requests that carry them.
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Context } from '../kit/benchmark.ts';

export const ISSUER = 'https://issuer.bench';

/** Seconds; longer than any benchmark. */
const TOKEN_LIFE = 7200;

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A new Ed25519 key as a private JSON Web Key. */
export function newKey(kid: string): Readonly<Record<string, string>> {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { ...(privateKey.export({ format: 'jwk' }) as Record<string, string>), kid };
}

export class Tenants {
  readonly #key: KeyObject;
  readonly #head: string;
  readonly #body: string;
  readonly #issuedAt = Math.floor(Date.now() / 1000);
  /** Where the issuer's public keys are. */
  readonly jwksUrl: string;

  private constructor(key: Readonly<Record<string, string>>, jwksUrl: string, event: object) {
    this.#key = createPrivateKey({ key, format: 'jwk' });
    this.#head = encode({ alg: 'EdDSA', typ: 'JWT', kid: key.kid });
    this.#body = JSON.stringify(event);
    this.jwksUrl = jwksUrl;
  }

  /** Starts to serve the keys; `event` is what every request posts. */
  static async open(event: object, { atEnd }: Pick<Context, 'atEnd'>): Promise<Tenants> {
    const key = newKey('bench');
    const { d: _private, ...publicKey } = key;
    const jwks = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [publicKey] }));
    });
    await new Promise<void>((resolve) => jwks.listen(0, '127.0.0.1', resolve));
    atEnd(async () => {
      jwks.closeAllConnections();
      await new Promise((resolve) => jwks.close(resolve));
    });
    return new Tenants(key, `http://127.0.0.1:${(jwks.address() as AddressInfo).port}/jwks.json`, event);
  }

  /** The whole request by which the tenant of this number posts one event; the textbook's router reads its header. */
  request(number: number): Buffer {
    const tenant = `t${number}`;
    return Buffer.from(
      `POST /v1/events HTTP/1.1\r\nhost: edge\r\nx-tenant-id: ${tenant}\r\nauthorization: Bearer ${this.#token(tenant)}\r\n` +
        `content-type: application/cloudevents+json\r\ncontent-length: ${Buffer.byteLength(this.#body)}\r\n\r\n${this.#body}`,
    );
  }

  #token(tenant: string): string {
    const claims = { iss: ISSUER, aud: 'polycell', sub: tenant, tenant, scope: 'ingest read' };
    const times = { iat: this.#issuedAt, nbf: this.#issuedAt, exp: this.#issuedAt + TOKEN_LIFE };
    const signed = `${this.#head}.${encode({ ...claims, ...times })}`;
    return `${signed}.${sign(null, Buffer.from(signed), this.#key).toString('base64url')}`;
  }
}
