// Objects in a container of Blob Storage, below a prefix.
import type { ContainerClient, RestError } from '@azure/storage-blob';
import { type ErrorCode, PortError } from '../../core/ports/errors.ts';
import { OBJECT_LIMITS, OBJECT_NAME_PATTERN, type Objects } from '../../core/ports/objects.ts';

export interface BlobObjectsOptions {
  /** Retries, as its options say: this adapter does not. */
  readonly container: ContainerClient;
  /** What names of blobs begin with; empty, or ending in a slash. */
  readonly prefix: string;
}

/** https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes: there is no such blob, in a container that exists. */
const NO_BLOB = 'BlobNotFound';

/** By status: https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes */
const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid',
  401: 'denied',
  403: 'denied',
  404: 'not-found',
  409: 'conflict',
  413: 'too-large',
  429: 'throttled',
  // Blob Storage answers so when it is busy; what it has no answer for may be done, and is put again as a whole.
  500: 'unavailable',
  503: 'throttled',
};

/** Keeps objects in a container, which must exist. A block blob is there as a whole or not at all. */
export class BlobObjects implements Objects {
  readonly #options: BlobObjectsOptions;

  constructor(options: BlobObjectsOptions) {
    this.#options = options;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const blob = this.#blob(name);
    if (bytes.length > OBJECT_LIMITS.bytes) throw new PortError('too-large', `${name} has ${bytes.length} bytes.`);
    await blob.upload(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), bytes.length).catch(rethrow);
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    const blob = this.#blob(name);
    try {
      const { contentLength = 0, readableStreamBody } = await blob.download();
      if (contentLength > OBJECT_LIMITS.bytes) throw new PortError('too-large', `${name} has ${contentLength} bytes.`);
      const chunks: Buffer[] = [];
      for await (const chunk of readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks);
    } catch (error) {
      if (isRestError(error) && error.code === NO_BLOB) return undefined;
      throw toPortError(error);
    }
  }

  async remove(name: string): Promise<void> {
    await this.#blob(name)
      .delete()
      .catch((error: unknown) => {
        if (!(isRestError(error) && error.code === NO_BLOB)) throw toPortError(error);
      });
  }

  #blob(name: string) {
    if (!OBJECT_NAME_PATTERN.test(name))
      throw new PortError('invalid', `${JSON.stringify(name)} is no name of an object.`);
    return this.#options.container.getBlockBlobClient(this.#options.prefix + name);
  }
}

/** By its name: loading the SDK for its class alone would slow down every command that loads this file. */
const isRestError = (error: unknown): error is RestError => error instanceof Error && error.name === 'RestError';

function toPortError(error: unknown): PortError {
  if (error instanceof PortError) return error;
  if (!isRestError(error)) return new PortError('unknown', String(error), { cause: error });
  const { code, statusCode, message } = error;
  const known = statusCode === undefined ? 'unavailable' : (CODES[statusCode] ?? 'unknown');
  return new PortError(known, `${code ?? statusCode}: ${message.split('\n', 1)[0]}`, { cause: error });
}

function rethrow(error: unknown): never {
  throw toPortError(error);
}
