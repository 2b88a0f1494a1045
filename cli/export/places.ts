// Where an export goes: a folder of this machine, a bucket of S3, or a container of Blob Storage.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { FolderObjects } from '../../adapters/folder/folder-objects.ts';
import { describeError, isPortError } from '../../core/ports/errors.ts';
import type { Objects } from '../../core/ports/objects.ts';
import { UsageError, UserError } from '../command.ts';

/** Attempts of the SDK at one request; the adapters make none of their own. */
const ATTEMPTS = 5;

/** A place as it was named. */
export type PlaceName =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
  | {
      readonly kind: 'blob';
      /** The address of the account's Blob Storage. */
      readonly service: string;
      readonly account: string;
      readonly container: string;
      readonly prefix: string;
    };

/** Places of the clouds, as `--to` takes them. */
export const BUCKETS = 's3://BUCKET/PREFIX or https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX';

export interface Place {
  /** For messages and scripts. */
  readonly where: string;
  /** The region of AWS that it lies in, where that can be found out. */
  readonly region?: string;
  readonly objects: Objects;
  /** Makes it, if it is a folder that is missing. */
  prepare(): Promise<void>;
  close(): void;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and no characters in prefixes that an address would change. */
const S3 =
  /^s3:\/\/(?<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(?<prefix>(?:[A-Za-z0-9._=-]+\/)*[A-Za-z0-9._=-]*))?$/;

/** https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata; clouds of their own have other ends. */
const BLOB =
  /^https:\/\/(?<account>[a-z0-9]{3,24})\.blob\.core\.[a-z.]+\/(?<container>[a-z0-9](?:-?[a-z0-9]){2,62})(?:\/(?<prefix>(?:[A-Za-z0-9._=-]+\/)*[A-Za-z0-9._=-]*))?$/;

const asFolder = (prefix: string): string => (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`);

/** @throws UsageError for what is no place */
export function placeName(text: string): PlaceName {
  const { bucket, prefix = '' } = S3.exec(text)?.groups ?? {};
  if (bucket !== undefined) return { kind: 's3', bucket, prefix: asFolder(prefix) };
  const { account, container = '', prefix: below = '' } = BLOB.exec(text)?.groups ?? {};
  if (account !== undefined)
    return { kind: 'blob', service: new URL(text).origin, account, container, prefix: asFolder(below) };
  if (/^[a-z][a-z0-9+.-]+:/i.test(text))
    throw new UsageError(`--to takes a folder, ${BUCKETS}, not ${JSON.stringify(text)}.`);
  return { kind: 'folder', folder: path.resolve(text) };
}

/** Opens a place. Rejects with a `UserError` if it cannot be reached. */
export async function placeAt(name: PlaceName, environment: NodeJS.ProcessEnv = process.env): Promise<Place> {
  if (name.kind === 'folder') {
    const { folder } = name;
    return {
      where: folder,
      objects: new FolderObjects(folder),
      prepare: async () => {
        await mkdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
          throw new UserError(`The folder ${folder} cannot be made: ${error.message}.`);
        });
      },
      close: () => undefined,
    };
  }
  return name.kind === 's3' ? bucketAt(name, environment) : containerAt(name, environment);
}

async function bucketAt(
  { bucket, prefix }: PlaceName & { kind: 's3' },
  environment: NodeJS.ProcessEnv,
): Promise<Place> {
  // Loaded only when it is used: it takes longer than most commands.
  const { S3 } = await import('@aws-sdk/client-s3');
  const { S3Objects } = await import('../../adapters/aws/s3-objects.ts');
  const isElsewhere = (environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL ?? '') !== '';
  const client = new S3({
    maxAttempts: ATTEMPTS,
    followRegionRedirects: true,
    // What stands in for S3 has one name for all buckets.
    forcePathStyle: isElsewhere,
  });
  const objects = new S3Objects({ client, bucket, prefix });
  const where = `s3://${bucket}/${prefix}`;
  try {
    const region = await objects.region();
    return {
      where,
      ...(region !== undefined && { region }),
      objects,
      prepare: async () => undefined,
      close: () => client.destroy(),
    };
  } catch (error) {
    client.destroy();
    throw unreached(where, error);
  }
}

/** With the credentials that the Azure CLI takes, by the same variables: https://learn.microsoft.com/cli/azure/azure-cli-configuration */
async function containerAt(
  { service, account, container, prefix }: PlaceName & { kind: 'blob' },
  environment: NodeJS.ProcessEnv,
): Promise<Place> {
  const { BlobServiceClient, StorageSharedKeyCredential } = await import('@azure/storage-blob');
  const { BlobObjects } = await import('../../adapters/azure/blob-objects.ts');
  const options = { retryOptions: { maxTries: ATTEMPTS } };
  const {
    AZURE_STORAGE_CONNECTION_STRING: connection = '',
    AZURE_STORAGE_KEY: key = '',
    AZURE_STORAGE_SAS_TOKEN: signature = '',
  } = environment;
  const where = `${service}/${container}/${prefix}`;
  const open = () => {
    if (connection !== '')
      try {
        return BlobServiceClient.fromConnectionString(connection, options);
      } catch (error) {
        throw new UsageError(`AZURE_STORAGE_CONNECTION_STRING is refused: ${(error as Error).message}.`);
      }
    if (key !== '') return new BlobServiceClient(service, new StorageSharedKeyCredential(account, key), options);
    if (signature !== '')
      return new BlobServiceClient(`${service}?${signature.replace(/^\?/, '')}`, undefined, options);
    throw new UsageError(
      `${where} needs credentials: set AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_KEY or AZURE_STORAGE_CONNECTION_STRING, as for the Azure CLI.`,
    );
  };
  const client = open();
  // A connection string may name what stands in for Blob Storage, whose addresses begin otherwise, but no other account.
  if (client.accountName !== account)
    throw new UsageError(`AZURE_STORAGE_CONNECTION_STRING is of the account ${client.accountName}, not of ${account}.`);
  const objects = new BlobObjects({ container: client.getContainerClient(container), prefix });
  try {
    // What a token of one container may do, too.
    await objects.get('manifest.json');
  } catch (error) {
    throw unreached(where, error);
  }
  return { where, objects, prepare: async () => undefined, close: () => undefined };
}

const unreached = (where: string, error: unknown): unknown =>
  isPortError(error) ? new UserError(`${where} cannot be reached: ${describeError(error).message}.`) : error;
