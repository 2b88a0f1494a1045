// What the arguments of `npm run infra:apply` ask for.
import { wanted } from '../../../build/apply-infra.ts';
import type { DeclaredCell } from '../../../build/infra/declared.ts';

const cell = (id: string, cloud: 'aws' | 'azure') => ({ id, cloud, domain: null }) as DeclaredCell;
const CELLS = [cell('azure-one', 'azure'), cell('aws-one', 'aws'), cell('aws-two', 'aws')];
const ask = (...args: string[]) => wanted(args, CELLS);

test('without arguments it is the first cell of AWS, with moto started', () => {
  expect(ask()).toEqual({ cell: CELLS[1], endpoint: undefined, options: new Set(), release: false, json: false });
});

test('a cell, an emulator and options can be named', () => {
  expect(
    ask('--cell', 'aws-two', '--endpoint', 'http://127.0.0.1:5000/', '--with', 'key', '--with', 'network', '--json'),
  ).toEqual({
    cell: CELLS[2],
    endpoint: 'http://127.0.0.1:5000',
    options: new Set(['key', 'network']),
    release: false,
    json: true,
  });
  expect(ask('--with', 'all')).toMatchObject({ options: new Set(['network', 'key', 'concurrency', 'email']) });
  expect(ask('-h')).toBe('help');
});

test.each([
  [['--cell', 'azure-one'], 'infra/cells.json has no cell azure-one of AWS.'],
  [['--cell', 'other'], 'infra/cells.json has no cell other of AWS.'],
  [['--with', 'speed'], '--with takes network, key, concurrency, email or all, not "speed".'],
  [['--endpoint', '127.0.0.1'], '--endpoint must be an address such as http://127.0.0.1:5000, not "127.0.0.1".'],
  [
    ['--endpoint', 'http://h/path'],
    '--endpoint must be an address such as http://127.0.0.1:5000, not "http://h/path".',
  ],
  [['--no-such-option'], "Unknown option '--no-such-option'; --help lists the options."],
])('%j is refused', (args, fault) => {
  expect(ask(...args)).toEqual({ fault });
});

test('without a cell of AWS there is nothing to apply', () => {
  expect(wanted([], [cell('azure-one', 'azure')])).toEqual({ fault: 'infra/cells.json has no cell of AWS.' });
});
