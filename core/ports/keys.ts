// Ed25519 keys as JSON Web Keys: what cells, edge and directory exchange.

/** A public key. */
export interface PublicKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly kid: string;
  readonly x: string;
}

/** A private key. */
export interface PrivateKey extends PublicKey {
  readonly d: string;
}
