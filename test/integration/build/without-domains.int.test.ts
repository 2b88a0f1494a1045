// Taking a built-in domain out is its line and its folder: what is left is generated, type-checked, bundled and tested.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bundles } from '../../../build/bundles.mjs';
import { LONG_TEST_MS } from '../../support/patience.ts';
import { type ProjectCopy, projectCopy } from '../../support/project-copy.ts';

jest.setTimeout(LONG_TEST_MS);

let copy: ProjectCopy;
beforeAll(() => {
  copy = projectCopy();
  const file = path.join(copy.folder, 'core/application.ts');
  let left = readFileSync(file, 'utf8');
  for (const name of ['telemetry', 'catalog']) {
    rmSync(path.join(copy.folder, 'core/domains', name), { recursive: true });
    left = left
      .replace(`import { ${name} } from './domains/${name}/domain.ts';\n`, '')
      .replace(new RegExp(`\\b${name}(?:, )?`), '');
    expect(left).not.toContain(name);
  }
  expect(left).toContain('Application = [];');
  writeFileSync(file, left);
});
afterAll(() => copy.remove());

test('what follows from the list is generated without it', async () => {
  const { code, text } = await copy.node(['build/run.mjs', 'build/generate.ts']);
  expect([code, text]).toEqual([0, expect.stringMatching(/^Wrote core\/openapi\.generated\.json, .*infra\/topology/)]);
  expect(readFileSync(path.join(copy.folder, 'infra/topology.json'), 'utf8')).toContain('"consumers": []');
});

test('the product has no type errors', async () => {
  const settings = {
    extends: './tsconfig.json',
    include: ['adapters', 'build', 'cli', 'core', 'examples', 'functions-*', 'hosts', 'local'],
    compilerOptions: { incremental: false },
    exclude: ['node_modules', '**/test/**'],
  };
  writeFileSync(path.join(copy.folder, 'tsconfig.product.json'), JSON.stringify(settings));
  expect(await copy.node(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.product.json'])).toEqual({
    code: 0,
    text: '',
  });
});

test('every bundle is built', async () => {
  const { code, text } = await copy.node(['build/build.mjs']);
  expect(code).toBe(0);
  expect(text.split('\n').filter((line) => line.includes('KiB'))).toHaveLength(bundles.length);
});

test('the tests of the engine pass', async () => {
  const suites = ['domain', 'events', 'functions', 'http/access', 'http/openapi', 'http/operations', 'pipeline'];
  const { code, text } = await copy.node([
    'node_modules/jest/bin/jest.js',
    '--maxWorkers=2',
    ...suites.map((suite) => `test/unit/${suite}`),
    '--selectProjects',
    'unit',
  ]);
  expect(text).toMatch(/Tests: +\d{3,} passed, \d{3,} total/);
  expect(code).toBe(0);
});
