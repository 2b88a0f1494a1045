// Bundles that are asked for at once: each is made, and none is left waiting by the end of another.
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { compile, deployableOptions, put, root } from '../../../build/bundles.mjs';

const folder = `test/compile-${randomUUID()}`;
const small = (name: string) =>
  deployableOptions({ name: `${folder}/${name}`, entry: 'core/events/time.ts', platform: 'aws' });

afterAll(() => rm(path.join(root, 'dist', folder), { recursive: true, force: true }));

test('several bundles asked for at once are all compiled', async () => {
  const compiled = await Promise.all(['one', 'two', 'three'].map((name) => compile(small(name))));
  expect(compiled).toEqual([true, true, true]);
});

test('a bundle asked for twice at once is compiled once', async () => {
  expect(await Promise.all([compile(small('same')), compile(small('same'))])).toEqual([true, false]);
});

test('a bundle that cannot be compiled keeps no other from being compiled', async () => {
  const broken = { ...small('broken'), entryPoints: ['core/events/no-such-file.ts'] };
  const [first, second] = await Promise.allSettled([compile(broken), compile(small('after'))]);
  expect(first.status).toBe('rejected');
  expect(second).toEqual({ status: 'fulfilled', value: true });
});

test('one file written several times at once is whole in the end', async () => {
  const file = path.join(root, 'dist', folder, 'shared.json');
  await Promise.all(Array.from({ length: 20 }, (_, index) => put(file, JSON.stringify({ index }))));
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ index: expect.any(Number) });
});
