// Where an export goes: a folder of this machine, or a bucket of S3.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { FolderObjects } from '../../adapters/folder/folder-objects.ts';
import { describeError, isPortError } from '../../core/ports/errors.ts';
import type { Objects } from '../../core/ports/objects.ts';
import { UsageError, UserError } from '../command.ts';

/** Attempts of the SDK at one request to S3; the adapter makes none of its own. */
const S3_ATTEMPTS = 5;

/** A place as it was named. */
export type PlaceName =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

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

/** @throws UsageError for what is no place */
export function placeName(text: string): PlaceName {
  const { bucket, prefix = '' } = S3.exec(text)?.groups ?? {};
  if (bucket !== undefined)
    return { kind: 's3', bucket, prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/` };
  if (/^[a-z][a-z0-9+.-]+:/i.test(text))
    throw new UsageError(`--to takes a folder or s3://BUCKET/PREFIX, not ${JSON.stringify(text)}.`);
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
  const { bucket, prefix } = name;
  // Loaded only when it is used: it takes longer than most commands.
  const { S3Client } = await import('@aws-sdk/client-s3');
  const { S3Objects } = await import('../../adapters/aws/s3-objects.ts');
  const isElsewhere = (environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL ?? '') !== '';
  const client = new S3Client({
    maxAttempts: S3_ATTEMPTS,
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
    if (!isPortError(error)) throw error;
    throw new UserError(`${where} cannot be reached: ${describeError(error).message}.`);
  }
}
