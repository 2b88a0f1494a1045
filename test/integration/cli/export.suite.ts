// What `polycell export` copies, to a folder and to a bucket of the emulator of S3, and what it refuses; in a stack with the tenant acme in cell-1.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { BlobServiceClient } from '@azure/storage-blob';
import { SnsSqsEmulator } from '../../../emulators/sns-sqs/sns-sqs-emulator.ts';
import { s3Client } from '../../contract/aws/clients.ts';
import { blobServer, STORAGE_ACCOUNT, STORAGE_KEY } from '../../support/blob-server.ts';
import { type Ended, oneLine } from './run.ts';

/** Declares the tests; `at` runs a command against the stack, and `json` one for its lines of JSON. There is a cell new-2 in the us. */
export function exportSuite(
  at: (...args: string[]) => Promise<Ended>,
  json: (...args: string[]) => Promise<Record<string, unknown>[]>,
): void {
  describe('export', () => {
    const emulator = new SnsSqsEmulator();
    const bucket = 's3://exports/acme';
    const endpoint = { ...process.env };
    beforeAll(async () => {
      await emulator.start();
      Object.assign(process.env, {
        ...{ AWS_ENDPOINT_URL_S3: emulator.endpoint, AWS_REGION: 'eu-central-1' },
        ...{ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
      });
      const client = s3Client(emulator.endpoint);
      await client.send(new CreateBucketCommand({ Bucket: 'exports' }));
      client.destroy();
    });
    afterAll(async () => {
      process.env = endpoint;
      await emulator.stop();
    });

    test('a tenant’s log is copied to a bucket, once, and its digest is that of a copy in a folder', async () => {
      expect((await at('send', '--tenant', 'acme', '--count', '40', '--devices', '4')).code).toBe(0);
      const until = new Date().toISOString();
      const copy = (...more: string[]) => json('export', '--tenant', 'acme', '--until', until, ...more);
      expect(await copy('--to', bucket, '--dry-run')).toEqual([
        {
          ...{ tenant: 'acme', from: null, to: until, jurisdiction: 'eu', fileFormat: 'ndjson' },
          ...{ place: 's3://exports/acme/', events: 40, state: 'begin' },
        },
      ]);
      const written = await copy('--to', bucket);
      expect(written.map(({ step = 'done' }) => step)).toEqual(['written', 'equal', 'done']);
      expect(written.at(-1)).toMatchObject({ events: 40, files: 1, jurisdiction: 'eu', cells: ['cell-1'] });
      expect(await copy('--to', bucket)).toEqual([written.at(-1)]);
      const folder = mkdtempSync(path.join(tmpdir(), 'polycell-export-'));
      try {
        const [, , done] = await copy('--to', path.join(folder, 'new'), '--jurisdiction', 'us');
        expect(done).toMatchObject({ digest: written.at(-1)?.digest, jurisdiction: 'us' });
        const { out } = await at('export', '--tenant', 'acme', '--to', path.join(folder, 'shown'));
        expect(out).toMatch(
          /^acme: 1 file, 40 events, 0\.\d MB; [\d,]+ a second\nacme: events-\w+\.ndjson\.gz is equal to the log\n.* has all 40 events of acme before .*: 1 file, .* digest [0-9a-f]{32}\n$/,
        );
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    test('it is copied to a container of Blob Storage as well, as Parquet', async () => {
      const server = blobServer();
      await server.start();
      try {
        const account = `DefaultEndpointsProtocol=http;AccountName=${STORAGE_ACCOUNT};AccountKey=${STORAGE_KEY};BlobEndpoint=${server.endpoint};`;
        process.env.AZURE_STORAGE_CONNECTION_STRING = account;
        const service = BlobServiceClient.fromConnectionString(account);
        await service.createContainer('exports');
        const to = `https://${STORAGE_ACCOUNT}.blob.core.windows.net/exports/acme`;
        const until = new Date().toISOString();
        const copy = () => json('export', '--tenant', 'acme', '--to', to, '--format', 'parquet', '--until', until);
        const done = (await copy()).at(-1);
        expect(done).toMatchObject({ events: 40, fileFormat: 'parquet' });
        expect(await copy()).toEqual([done]);
        const manifest = await service
          .getContainerClient('exports')
          .getBlobClient('acme/manifest.json')
          .downloadToBuffer();
        expect(JSON.parse(manifest.toString())).toMatchObject({ digest: done?.digest, fileFormat: 'parquet' });
        expect(await at('export', '--tenant', 'acme', '--to', 'https://other1.blob.core.windows.net/exports')).toEqual({
          ...{ code: 2, out: '' },
          err: oneLine(/AZURE_STORAGE_CONNECTION_STRING is of the account devstoreaccount1, not of other1/),
        });
      } finally {
        delete process.env.AZURE_STORAGE_CONNECTION_STRING;
        await server.stop();
      }
    });

    test.each<[readonly string[], number, RegExp]>([
      [['--tenant', 'acme', '--to', bucket, '--format', 'csv'], 2, /--format takes ndjson or parquet, not "csv"/],
      [
        ['--tenant', 'acme', '--to', 'https://acme1.blob.core.windows.net/exports'],
        2,
        /needs credentials: set AZURE_STORAGE_SAS_TOKEN/,
      ],
      [['--tenant', 'acme'], 2, /Give --to\./],
      [['--tenant', 'acme', '--to', 'gs://bucket'], 2, /--to takes a folder, s3:.* or https:.*, not "gs:\/\/bucket"/],
      [['--tenant', 'acme', '--to', bucket, '--from', 'yesterday'], 2, /--from must be a time such as/],
      [['--tenant', 'acme', '--to', bucket, '--until', '2999-01-01T00:00:00Z'], 2, /--until lies in the future/],
      [['--tenant', 'acme', '--to', bucket], 3, /s3:\/\/exports\/acme\/ has an export of acme to /],
      [
        ['--tenant', 'acme', '--to', bucket, '--jurisdiction', 'us'],
        3,
        /lies in eu-central-1, which is in eu, and not in us \(outside_residency\)/,
      ],
      [
        ['--tenant', 'abroad', '--to', 's3://exports/abroad'],
        3,
        /The data of abroad must stay in us, and s3:\/\/exports\/abroad\/ lies in eu/,
      ],
      [
        ['--tenant', 'abroad', '--to', '/nowhere/exports', '--dry-run'],
        3,
        /must stay in us, and where the place lies is not known: say so with --jurisdiction/,
      ],
      [['--tenant', 'acmee', '--to', bucket], 3, /unknown_tenant/],
      [['--tenant', 'acme', '--to', 's3://no-such-bucket'], 1, /s3:\/\/no-such-bucket\/ cannot be reached/],
      [['--tenant', 'acme', '--to', '/dev/null/exports'], 1, /The folder \/dev\/null\/exports cannot be made/],
    ])('%j fails in one line', async (args, code, message) => {
      await at('tenants', 'add', 'abroad', '--residency', 'us', '--cell', 'new-2', '--standby', 'none');
      expect(await at('export', ...args)).toEqual({ code, out: '', err: oneLine(message) });
    });
  });
}
