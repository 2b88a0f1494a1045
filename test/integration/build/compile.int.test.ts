// Bundles that are asked for at once: each is made, and none is left waiting by the end of another.
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { compile, deployableOptions, outfileOf, put, root } from '../../../build/bundles.mjs';
import { optionsTogether, partOf } from '../../../build/bundles-together.mjs';

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

test('bundles that are made together are what they are alone', async () => {
  const entries = ['core/events/time.ts', 'core/lib/text.ts'];
  const [one, two] = entries.map((entry, index) => ({
    name: `${folder}/with-${index}`,
    entry,
    platform: 'aws' as const,
  }));
  if (one === undefined || two === undefined) throw new TypeError('There are two bundles.');
  const result = await build({ ...optionsTogether([one, two]), write: false });
  for (const bundle of [one, two]) {
    const alone = await build({ ...deployableOptions(bundle), write: false });
    expect(partOf(bundle, result)).toEqual({ outputFiles: alone.outputFiles, metafile: alone.metafile });
  }
});

test('a bundle of several entries does what each of them does, in their order, and is stale when one of them has changed', async () => {
  const files = ['first', 'second'].map((name) => `dist/${folder}/${name}.ts`);
  const write = (file: string, said: string) =>
    put(path.join(root, file), `(globalThis as { said?: string[] }).said?.push('${said}');\nexport {};\n`);
  for (const file of files) await write(file, path.basename(file, '.ts'));
  const bundle = { name: `${folder}/several`, entry: files, platform: 'aws' as const };
  const said = async () => {
    const heard: string[] = [];
    new Function('globalThis', await readFile(path.join(root, outfileOf(bundle)), 'utf8'))({ said: heard });
    return heard;
  };
  expect(await compile(deployableOptions(bundle))).toBe(true);
  expect(await said()).toEqual(['first', 'second']);
  expect(await compile(deployableOptions(bundle))).toBe(false);
  await write(files[1] ?? '', 'changed');
  expect(await compile(deployableOptions(bundle))).toBe(true);
  expect(await said()).toEqual(['first', 'changed']);
});
