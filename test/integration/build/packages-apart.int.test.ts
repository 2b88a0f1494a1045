// Packages beside the bundles while sources are watched: each bundle finds in them what it imports, or is linked whole.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { type Bundle, deployableOptions, outfileOf, put, root } from '../../../build/bundles.mjs';
import { namedImports, PackagesApart } from '../../../build/packages-apart.ts';

test.each<[string, [string, string[]][]]>([
  ["import { a, b as c } from 'one';", [['one', ['a', 'b']]]],
  ["import {\n  type T,\n  a,\n} from 'one';", [['one', ['a']]]],
  ['import { a } from "one"\nimport { b } from "one"\n', [['one', ['a', 'b']]]],
  ["export { a } from '@scope/one/part';", [['@scope/one/part', ['a']]]],
  ["import type { T } from 'one';", []],
  ["import one from 'one';", []],
  ["import one, { a } from 'one';", []],
  ["import * as one from 'one';", []],
])('%j', (source, imports) => {
  expect([...namedImports(source)]).toEqual(imports);
});

const folder = `test/apart-${randomUUID()}`;
afterAll(() => rm(path.join(root, 'dist', folder), { recursive: true, force: true }));

let made = 0;

/** A bundle of one source, which says what it has come to; with the packages of before. */
async function bundleOf(source: string, apart?: PackagesApart) {
  made += 1;
  const entry = `dist/${folder}/source.ts`;
  await put(path.join(root, entry), source);
  const bundle: Bundle = { name: `${folder}/bundle-${made}`, entry, platform: 'aws' };
  const packages = apart ?? new PackagesApart(bundle);
  packages.changed([entry]);
  const { outputFiles = [] } = await build({ ...deployableOptions(bundle), plugins: [packages.plugin], write: false });
  for (const { path: file, contents } of outputFiles) await put(file, contents);
  const complete = await packages.complete();
  return { packages, complete, bytes: outputFiles[1]?.contents.length ?? 0, file: path.join(root, outfileOf(bundle)) };
}

/** What a bundle says, in a process of its own. */
const saidBy = (file: string): string =>
  execFileSync(process.execPath, ['-p', 'require(process.argv[1]).said', file], { encoding: 'utf8' }).trim();

test('a bundle finds its packages beside it, and a name that is new is linked when it is there', async () => {
  const first = await bundleOf(
    "import { bytesToHex } from '@noble/hashes/utils';\nexport const said = bytesToHex(Uint8Array.of(171));\n",
  );
  expect([first.complete, saidBy(first.file)]).toEqual([true, 'ab']);
  expect(first.bytes).toBeLessThan(2000);
  const next = await bundleOf(
    "import { sha256 } from '@noble/hashes/sha2';\nimport { bytesToHex } from '@noble/hashes/utils';\nexport const said = bytesToHex(sha256('')).slice(0, 8);\n",
    first.packages,
  );
  expect(next.complete).toBe(true);
  expect(saidBy(next.file)).toBe('e3b0c442');
  const less = await bundleOf("export const said = 'nothing';\n", first.packages);
  expect([less.complete, saidBy(less.file)]).toEqual([true, 'nothing']);
});

test('what is asked for again after a new start is not linked again, unless it has changed', async () => {
  const source =
    "import { bytesToHex } from '@noble/hashes/utils';\nexport const said = bytesToHex(Uint8Array.of(205));\n";
  const packages = path.join(root, 'dist', folder, 'packages.cjs');
  const linked = async () => {
    const { complete, file } = await bundleOf(source);
    expect([complete, saidBy(file)]).toEqual([true, 'cd']);
    return (await stat(packages)).ino;
  };
  const first = await linked();
  expect(await linked()).toBe(first);
  const record = JSON.parse(await readFile(`${packages}.inputs.json`, 'utf8'));
  const [input = ''] = Object.keys(record.inputs);
  expect(input).toContain('@noble/hashes');
  await put(`${packages}.inputs.json`, JSON.stringify({ ...record, inputs: { ...record.inputs, [input]: 'another' } }));
  await put(packages, 'exports.packages = {};');
  await linked();
});

test.each([
  ["import * as utils from '@noble/hashes/utils';\nexport const said = utils.bytesToHex(Uint8Array.of(1));\n"],
  ["export const said = require('@noble/hashes/utils').bytesToHex(Uint8Array.of(1));\n"],
  ["import { noSuchName } from '@noble/hashes/utils';\nexport const said = noSuchName();\n"],
])('what cannot be taken apart says so: %j', async (source) => {
  expect((await bundleOf(source)).complete).toBe(false);
});
