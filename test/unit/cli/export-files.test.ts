// Where the files of an export end, and which places and times it takes.
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import { exportCommand } from '../../../cli/commands/export.ts';
import { eventFiles, FILE_LIMITS } from '../../../cli/export/event-files.ts';
import { openFile } from '../../../cli/export/file-formats.ts';
import type { LoggedEvent } from '../../../cli/export/log-source.ts';
import { mergeScripts } from '../../../cli/export/merge-scripts.ts';
import { placeName } from '../../../cli/export/places.ts';
import { found, stateOf } from '../../../cli/export/run.ts';
import type { CloudEvent } from '../../../core/ports/cloud-event.ts';
import { candidate } from '../../support/events.ts';

describe('a file ends', () => {
  /** A log without an end: what an export holds of it must not depend on its length. */
  const endless = (events: number, note: string) => {
    let pages = 0;
    const item = {
      subject: 's',
      key: 'k',
      epoch: 1,
      origin: 'home',
      hash: '',
      event: { note },
    } as unknown as LoggedEvent;
    return {
      pages: () => pages,
      page: async () => {
        pages += 1;
        return {
          items: Array.from({ length: events }, () => item),
          entries: Array.from({ length: events }, () => ['k', 1, 'h'] as const),
          next: `s/${pages}`,
        };
      },
    };
  };

  test.each([
    ['with the page by which it has 50,000 events', 1000, '', 50],
    ['with the page by which it has 32 MiB', 10, 'x'.repeat(110_000), 31],
  ])('%s, before more is read', async (_name, events, note, pages) => {
    const source = endless(events, note);
    let files = 0;
    for await (const { file } of eventFiles(
      source,
      { tenant: 'acme', fileFormat: 'ndjson' },
      { after: null, through: null },
    )) {
      files += 1;
      expect(file).toMatchObject({
        events: pages * events,
        after: files === 1 ? null : `s/${pages * (files - 1)}`,
        through: `s/${pages * files}`,
      });
      expect(source.pages()).toBe(pages * files);
      if (files === 2) break;
    }
    expect(files).toBe(2);
    expect(FILE_LIMITS).toMatchObject({ events: 50_000, bytes: 33_554_432 });
  });
});

test.each([
  ['s3://acme-exports', { kind: 's3', bucket: 'acme-exports', prefix: '' }],
  ['s3://acme-exports/a/b=1', { kind: 's3', bucket: 'acme-exports', prefix: 'a/b=1/' }],
  ['s3://acme-exports/a/', { kind: 's3', bucket: 'acme-exports', prefix: 'a/' }],
  [
    'https://acme1.blob.core.windows.net/exports/2026-11',
    {
      kind: 'blob',
      service: 'https://acme1.blob.core.windows.net',
      account: 'acme1',
      container: 'exports',
      prefix: '2026-11/',
    },
  ],
  [
    'https://acme1.blob.core.usgovcloudapi.net/exports',
    {
      kind: 'blob',
      service: 'https://acme1.blob.core.usgovcloudapi.net',
      account: 'acme1',
      container: 'exports',
      prefix: '',
    },
  ],
  ['/exports', { kind: 'folder', folder: '/exports' }],
  ['exports', { kind: 'folder', folder: path.resolve('exports') }],
])('%s is a place', (text, expected) => {
  expect(placeName(text)).toEqual(expected);
});

test.each([
  's3://',
  's3://A',
  's3://acme-exports/a b',
  's3://acme-exports//a',
  'https://acme1.blob.core.windows.net/',
  'https://acme1.blob.core.windows.net/a--b/c',
  'https://acme1.blob.core.windows.net/exports/a?sig=secret',
  'https://acme1.blob.example.com/exports',
  'gs://b/c',
])('%s is no place', (text) => {
  expect(() => placeName(text)).toThrow(
    `--to takes a folder, s3://BUCKET/PREFIX or https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX, not "${text}".`,
  );
});

test.each(['2026-11-21T07:42:00Z', '2026-11-21T08:42:00+01:00'])(
  'times of which the first is not before the last are refused',
  async (until) => {
    const options = { tenant: 'acme', to: '/exports', from: '2026-11-21T07:42:00Z', until };
    const context = { options, positionals: [], json: false, out: () => undefined, err: () => undefined };
    await expect(exportCommand.run(context)).rejects.toThrow('--from must be before --until.');
  },
);

test('a file as Parquet has each event in a row, with its time in a column to prune by', async () => {
  const file = openFile('parquet', 'acme');
  const event = { ...candidate({ id: 'r-1', time: '2026-11-21T08:41:03.1234Z' }), subject: 'pump-1' } as CloudEvent;
  const logged: LoggedEvent = { subject: 'pump-1', key: 'k-1', epoch: 2 ** 40, origin: null, hash: 'h-1', event };
  const other = { ...logged, key: 'k-2', origin: 'home', event: { ...event, id: 'r-2', data: { note: 'ä' } } };
  expect(await file.add([logged])).toBeGreaterThan(JSON.stringify(event).length);
  await file.add([other]);
  const bytes = new Uint8Array(await file.end()).buffer;
  const rows = await parquetReadObjects({
    file: bytes,
    compressors: { GZIP: (each) => new Uint8Array(gunzipSync(each)) },
  });
  const columns = {
    ...{ tenant: 'acme', subject: 'pump-1', epoch: 1_099_511_627_776n, hash: 'h-1', type: event.type },
    ...{ source: event.source, time: new Date('2026-11-21T08:41:03.123Z') },
  };
  expect(rows).toEqual([
    { ...columns, key: 'k-1', origin: null, id: 'r-1', event: JSON.stringify(event) },
    { ...columns, key: 'k-2', origin: 'home', id: 'r-2', event: JSON.stringify(other.event) },
  ]);
});

test('an empty file as Parquet can be read', async () => {
  const bytes = new Uint8Array(await openFile('parquet', 'acme').end()).buffer;
  expect(await parquetReadObjects({ file: bytes })).toEqual([]);
});

test('scripts load files of their format', () => {
  const scripts = mergeScripts('here', 'parquet');
  expect(scripts['merge-snowflake.sql']).toContain("'.*events-[0-9a-f]+[.]parquet'\n  FILE_FORMAT = (TYPE = PARQUET)");
  expect(scripts['merge-snowflake.sql']).toContain('PARSE_JSON(line:event::STRING) AS event');
  expect(scripts['merge-bigquery.sql']).toContain("format = 'PARQUET', uris = ['gs://BUCKET/events-*.parquet']");
  expect(mergeScripts('here', 'ndjson')['merge-bigquery.sql']).toContain("uris = ['gs://BUCKET/events-*.ndjson.gz']");
});

test('an export of an earlier release, which had lines alone, is the same export', async () => {
  const earlier = { tenant: 'acme', from: null, to: '2026-11-21T07:42:00Z', jurisdiction: null };
  const kept = Buffer.from(JSON.stringify({ format: 'polycell-export-progress-1', ...earlier, files: [] }));
  const there = await found({
    get: async (name) => (name === 'manifest.json' ? undefined : kept),
    put: () => Promise.reject(new Error('Nothing is written.')),
    remove: () => Promise.reject(new Error('Nothing is removed.')),
  });
  expect(stateOf(there, { ...earlier, fileFormat: 'ndjson' }, 'here')).toBe('go on');
  expect(() => stateOf(there, { ...earlier, fileFormat: 'parquet' }, 'here')).toThrow('as ndjson;');
});
