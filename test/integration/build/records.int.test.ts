// What a build leaves besides its result: a record by which the next one finds it fresh, and never one of something else.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { fingerprints, isFresh, put, putResult, root } from '../../../build/bundles.mjs';

const folder = `dist/test/records-${randomUUID()}`;
const source = `${folder}/source.ts`;
const options: BuildOptions = {
  absWorkingDir: root,
  entryPoints: [source],
  outfile: `${folder}/made.js`,
  bundle: true,
};

afterAll(() => rm(path.join(root, folder), { recursive: true, force: true }));

const save = (text: string) => put(path.join(root, source), text);
const states = async () => new Map(Object.entries(await fingerprints([source])));
const made = () => build({ ...options, metafile: true, write: false });

test('a result is fresh once its record is written, and not between', async () => {
  await save('console.log(1);');
  const first = await putResult(options, await made(), await states());
  expect([first.differs, Object.keys(first.inputs), await isFresh(options)]).toEqual([true, [source], false]);
  await first.record();
  expect(await isFresh(options)).toBe(true);
  const same = await putResult(options, await made(), await states());
  expect([same.differs, await isFresh(options)]).toEqual([false, false]);
  await same.record();
  expect(await isFresh(options)).toBe(true);
});

test('a result of a source that was changed while it was made is not fresh', async () => {
  await save('console.log(2);');
  const before = await states();
  const result = await made();
  await save('console.log("another");');
  const { inputs, record } = await putResult(options, result, before);
  expect(inputs).toEqual(Object.fromEntries(before));
  await record();
  expect(await isFresh(options)).toBe(false);
});
