// Objects in a bucket of S3, below a prefix.
import type { S3 } from '@aws-sdk/client-s3';
import { PortError } from '../../core/ports/errors.ts';
import { OBJECT_LIMITS, OBJECT_NAME_PATTERN, type Objects } from '../../core/ports/objects.ts';
import { toPortError } from './errors.ts';

export interface S3ObjectsOptions {
  /** Retries, as its options say: this adapter does not. */
  readonly client: S3;
  readonly bucket: string;
  /** What keys begin with; empty, or ending in a slash. */
  readonly prefix: string;
}

/**
 * Keeps objects in a bucket, which must exist. S3 shows an object only once it is there as a whole. Its SDK is loaded by those who make the
 * client, not by this file: it takes longer than most commands of the CLI.
 */
export class S3Objects implements Objects {
  readonly #options: S3ObjectsOptions;

  constructor(options: S3ObjectsOptions) {
    this.#options = options;
  }

  /** The region that the bucket lies in, if S3 says so. Rejects as the other methods do. */
  async region(): Promise<string | undefined> {
    const { client, bucket } = this.#options;
    const { BucketRegion } = await client.headBucket({ Bucket: bucket }).catch(rethrow);
    return BucketRegion;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const key = this.#keyOf(name);
    if (bytes.length > OBJECT_LIMITS.bytes) throw new PortError('too-large', `${name} has ${bytes.length} bytes.`);
    await this.#options.client.putObject({ ...key, Body: bytes }).catch(rethrow);
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    const key = this.#keyOf(name);
    try {
      const { Body, ContentLength = 0 } = await this.#options.client.getObject(key);
      if (ContentLength > OBJECT_LIMITS.bytes) throw new PortError('too-large', `${name} has ${ContentLength} bytes.`);
      return (await Body?.transformToByteArray()) ?? new Uint8Array();
    } catch (error) {
      if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
      throw toPortError(error);
    }
  }

  async remove(name: string): Promise<void> {
    await this.#options.client.deleteObject(this.#keyOf(name)).catch(rethrow);
  }

  #keyOf(name: string): { readonly Bucket: string; readonly Key: string } {
    if (!OBJECT_NAME_PATTERN.test(name))
      throw new PortError('invalid', `${JSON.stringify(name)} is no name of an object.`);
    const { bucket, prefix } = this.#options;
    return { Bucket: bucket, Key: prefix + name };
  }
}

function rethrow(error: unknown): never {
  throw toPortError(error);
}
