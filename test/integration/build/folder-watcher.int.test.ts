// What a watcher of folders hands on: one batch for changes that belong together, and never two at once.
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FolderWatcher } from '../../../build/folder-watcher.ts';
import { eventually } from '../../support/eventually.ts';

let folder = '';
let watcher: FolderWatcher | undefined;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'polycell-watch-'));
  await mkdir(path.join(folder, 'domain'));
});

afterEach(async () => {
  await watcher?.stop();
  await rm(folder, { recursive: true, force: true });
});

const save = (name: string, text = '') => writeFile(path.join(folder, name), text);

interface Heard {
  readonly batches: string[][];
  readonly failures: string[];
  /** Batches that are being handled. */
  open: number;
  most: number;
}

async function watching(settings: { limit?: number; work?: () => Promise<void> } = {}): Promise<Heard> {
  const { limit, work } = settings;
  const heard: Heard = { batches: [], failures: [], open: 0, most: 0 };
  watcher = new FolderWatcher({
    folders: [folder, path.join(folder, 'none')],
    ...(limit !== undefined && { limit }),
    changed: async (files) => {
      heard.open += 1;
      heard.most = Math.max(heard.most, heard.open);
      heard.batches.push([...files].map((file) => path.relative(folder, file)).sort());
      await work?.();
      heard.open -= 1;
    },
    failed: (reason) => heard.failures.push(reason),
  });
  await watcher.start();
  return heard;
}

const said = ({ batches }: Heard, ...files: string[]) =>
  eventually(async () => expect(new Set(batches.flat())).toEqual(new Set(files)));

test('hands on sources, also below and in new folders and when an editor renames a draft over them; nothing else', async () => {
  const heard = await watching();
  await save('domain/schemas.ts', 'one');
  await said(heard, 'domain/schemas.ts');
  heard.batches.length = 0;
  await save('domain/.schemas.ts.swp');
  await save('domain/schemas.ts~');
  await save('domain/4913.draft', 'two');
  await rename(path.join(folder, 'domain/4913.draft'), path.join(folder, 'domain/schemas.ts'));
  await said(heard, 'domain/schemas.ts');
  heard.batches.length = 0;
  await mkdir(path.join(folder, 'node_modules'));
  await save('node_modules/other.ts');
  await mkdir(path.join(folder, 'orders'));
  await save('orders/domain.ts');
  await said(heard, 'orders/domain.ts');
  expect(heard.failures).toEqual([]);
});

test('what changes while a batch is handled is the next batch, and there are never two at once', async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const heard = await watching({ work: () => held });
  await save('a.ts');
  await said(heard, 'a.ts');
  await save('b.ts');
  await save('c.ts');
  release();
  await said(heard, 'a.ts', 'b.ts', 'c.ts');
  expect(heard.batches[0]).toEqual(['a.ts']);
  expect(heard.most).toBe(1);
});

test('hands on an empty file too, and what is written to it later', async () => {
  const heard = await watching();
  await save('empty.ts');
  await said(heard, 'empty.ts');
  heard.batches.length = 0;
  await save('empty.ts', 'one');
  await said(heard, 'empty.ts');
});

test('no more folders are watched than its limit, and it says so', async () => {
  const heard = await watching({ limit: 1 });
  expect(heard.failures).toEqual(['there are more than 1 folders']);
  await save('domain/unseen.ts');
  await save('seen.ts');
  await said(heard, 'seen.ts');
});
