// The licences of installed packages, and that their installation runs nothing.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { licenceFaults } from '../../build/package/licences.ts';
import { PROJECT } from './support/sources.ts';

const read = (file: string): string => readFileSync(path.join(PROJECT, file), 'utf8');

test('every package has a licence that its use allows', () => {
  expect(licenceFaults(JSON.parse(read('package-lock.json')).packages)).toEqual([]);
});

test('a licence that is not on the list of its use is refused', () => {
  const packages = {
    '': { license: 'GPL-3.0-only' },
    'node_modules/a': { license: 'MIT' },
    'node_modules/b': { license: 'GPL-3.0-only', dev: true },
    'node_modules/c': { license: 'LGPL-3.0-or-later' },
    'node_modules/d': { license: 'Apache-2.0 AND LGPL-3.0-or-later', dev: true },
    'node_modules/e': {},
    'node_modules/f': { license: '(MIT OR GPL-3.0-only)' },
    'node_modules/g': { license: 'MIT AND GPL-3.0-only' },
    'node_modules/h': { license: '(MIT AND (GPL-3.0-only OR MIT))' },
    'node_modules/i': { license: 'GPL-3.0-only', link: true },
  };
  expect(licenceFaults(packages)).toEqual([
    'node_modules/b: GPL-3.0-only, for development',
    'node_modules/c: LGPL-3.0-or-later, for a release',
    'node_modules/e: no licence, for a release',
    'node_modules/g: MIT AND GPL-3.0-only, for a release',
    'node_modules/h: (MIT AND (GPL-3.0-only OR MIT)), for a release',
  ]);
});

test('nothing runs at installation', () => {
  expect(read('.npmrc')).toMatch(/^ignore-scripts=true$/m);
});
