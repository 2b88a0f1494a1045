// Ed25519 keys as JSON Web Keys: what cells, edge and directory exchange.

/** A public key. */
export interface PublicKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly kid: string;
  readonly x: string;
}

/** What others may know of a key. */
export const publicPart = ({ kty, crv, kid, x }: PublicKey): PublicKey => ({ kty, crv, kid, x });

/** Whether both are the same key: another one may have taken over an id. */
export const isSameKey = (one: PublicKey, other: PublicKey): boolean => one.kid === other.kid && one.x === other.x;

/** A private key. */
export interface PrivateKey extends PublicKey {
  readonly d: string;
}
