// Where the files of an export end, and which places and times it takes.
import path from 'node:path';
import { exportCommand } from '../../../cli/commands/export.ts';
import { eventFiles, FILE_LIMITS } from '../../../cli/export/event-files.ts';
import type { LoggedEvent } from '../../../cli/export/log-source.ts';
import { placeName } from '../../../cli/export/places.ts';

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
    for await (const { file } of eventFiles(source, 'acme', { after: null, through: null })) {
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
  'https://a.blob.core.windows.net/c',
  'gs://b/c',
])('%s is no place', (text) => {
  expect(() => placeName(text)).toThrow(`--to takes a folder or s3://BUCKET/PREFIX, not "${text}".`);
});

test.each(['2026-11-21T07:42:00Z', '2026-11-21T08:42:00+01:00'])(
  'times of which the first is not before the last are refused',
  async (until) => {
    const options = { tenant: 'acme', to: '/exports', from: '2026-11-21T07:42:00Z', until };
    const context = { options, positionals: [], json: false, out: () => undefined, err: () => undefined };
    await expect(exportCommand.run(context)).rejects.toThrow('--from must be before --until.');
  },
);
