// The contract of objects, kept by FolderObjects in folders of this machine.
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FolderObjects } from '../../adapters/folder/folder-objects.ts';
import { codeOf } from './contract.ts';
import { objectsContract } from './objects.contract.ts';

const folders: string[] = [];

const folder = async (): Promise<string> => {
  const made = await mkdtemp(path.join(tmpdir(), 'polycell-objects-'));
  folders.push(made);
  return made;
};

afterEach(async () => {
  for (const each of folders.splice(0)) await rm(each, { recursive: true, force: true });
});

objectsContract('Folder', async () => {
  const here = await folder();
  return {
    objects: new FolderObjects(here),
    other: new FolderObjects(await folder()),
    missing: new FolderObjects(path.join(here, 'missing')),
    close: async () => undefined,
  };
});

test('nothing but the objects is left in the folder, also of what could not be put', async () => {
  const here = await folder();
  const objects = new FolderObjects(here);
  await objects.put('a', new Uint8Array([1]));
  await objects.put('a', new Uint8Array([2]));
  await mkdir(path.join(here, 'b'));
  expect(await codeOf(objects.put('b', new Uint8Array([1])))).toBe('unknown');
  expect((await readdir(here)).sort()).toEqual(['a', 'b']);
});
