// Listings of the directory on the terminal: page after page, as they come, and no further than they are wanted.

import { type ActionContext, list } from '../../../cli/directory.ts';
import type { Control } from '../../../cli/edge/edge-client.ts';

type Thing = { readonly id: string; readonly n: number };

const COLUMNS = [
  { title: 'id', of: ({ id }: Thing) => id },
  { title: 'n', of: ({ n }: Thing) => n },
];

/** Pages of two out of `total` items; a longer id on each. */
function context(total: number, options: ActionContext['options'] = {}, json = false) {
  const asked: string[] = [];
  const lines: string[] = [];
  const value: ActionContext = {
    connection: {
      where: 'a test',
      isProtected: false,
      control: () => Promise.reject(),
      target: () => Promise.reject(),
    },
    positionals: [],
    arguments: [],
    commandLine: '',
    json,
    options,
    out: (line) => lines.push(line),
    err: () => undefined,
    control: (async (_method: string, what: string) => {
      asked.push(what);
      const query = new URLSearchParams(what.split('?')[1]);
      const from = Number(query.get('cursor') ?? 0);
      const size = Math.min(2, Number(query.get('limit')), total - from);
      const items = Array.from({ length: size }, (_, index) => ({ id: 'x'.repeat(from + index + 1), n: from + index }));
      return { items, next: from + size < total ? String(from + size) : null };
    }) as Control,
  };
  return { value, asked, lines };
}

test('every page is printed before the next one is asked for, under one header', async () => {
  const { value, asked, lines } = context(3);
  expect(await list(value, 'things', COLUMNS, { cell: 'c' }, 'None.')).toBe(0);
  expect(asked).toEqual(['things?cell=c&limit=200', 'things?cell=c&limit=200&cursor=2']);
  expect(lines).toEqual(['id  n', 'x   0', 'xx  1', 'xxx  2']);
});

test('--limit ends the listing, and --json prints a line for each item', async () => {
  const { value, asked, lines } = context(9, { limit: '3' }, true);
  await list(value, 'things', COLUMNS, {}, 'None.');
  expect(asked).toEqual(['things?limit=3', 'things?limit=1&cursor=2']);
  expect(lines).toEqual(['{"id":"x","n":0}', '{"id":"xx","n":1}', '{"id":"xxx","n":2}']);
});

test('nothing is said in words on a terminal, and in none as JSON', async () => {
  const words = context(0);
  await list(words.value, 'things', COLUMNS, {}, 'None.');
  expect(words.lines).toEqual(['None.']);
  const json = context(0, {}, true);
  await list(json.value, 'things', COLUMNS, {}, 'None.');
  expect(json.lines).toEqual([]);
});

test('what a terminal would obey is not handed through', async () => {
  const { value, lines } = context(1);
  await list(value, 'things', [{ title: 'id', of: () => '\u001b[2J' }], {}, 'None.');
  expect(lines).toEqual(['id', '\ufffd[2J']);
});
