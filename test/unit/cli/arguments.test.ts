// How arguments are read: what is misspelt, missing or out of bounds gets one sentence that says what to do.
import { closest } from '../../../cli/closest.ts';
import { type Command, readArguments, UsageError, wholeNumber } from '../../../cli/command.ts';
import { commands } from '../../../cli/main.ts';

const command: Command = {
  summary: 'a command',
  usage: '',
  example: '',
  options: { tenant: { type: 'string' }, count: { type: 'string' }, wait: { type: 'boolean' } },
  describe: {},
  run: async () => 0,
};

test.each([
  ['sned', 'send'],
  ['tenant', 'tenants'],
  ['stat', 'status'],
  ['sen', 'send'],
  ['parkde', 'parked'],
  ['x', undefined],
  ['frobnicate', undefined],
  ['s'.repeat(1000), undefined],
])('%s is closest to %s', (word, expected) => {
  expect(closest(word, ['start', 'send', 'status', 'parked', 'tenants', 'token'])).toBe(expected);
});

const withActions: Command = {
  ...command,
  positionals: 2,
  takenBy: { count: ['add', 'move'], wait: ['move'] },
  describe: { list: 'all', 'add ID': 'a new one', 'move ID': 'one', '--count N': 'add, move: so many' },
};

test.each<[string[], string]>([
  [['list', '--count', '1'], '--count is for add and move, not for list.'],
  [['add', 'x', '--wait'], '--wait is for move, not for add.'],
])('%j, an option without effect, is refused', (args, message) => {
  expect(() => readArguments(withActions, args)).toThrow(new UsageError(message));
});

test.each<[string[], string[]]>([
  [
    ['move', 'x', '--wait', '--count', '1'],
    ['move', 'x'],
  ],
  [['list', '--tenant', 'acme'], ['list']],
  [['list', '--wait', '--help'], ['list']],
  [['remove', '--wait'], ['remove']],
])('%j is left to the command', (args, positionals) => {
  expect(readArguments(withActions, args).positionals).toEqual(positionals);
});

test('the help of an option names the actions that take it', () => {
  const named = Object.entries(commands).flatMap(([name, { takenBy = {}, describe }]) =>
    Object.entries(describe).flatMap(([entry, text]) => {
      const option = /^--([a-z-]+)/.exec(entry)?.[1] ?? '';
      const actions = [...text.matchAll(/(?:^|; )([a-z-]+(?:, [a-z-]+)*): /g)].flatMap(([, names = '']) =>
        names.split(', '),
      );
      return actions.length === 0 || takenBy[option] === undefined ? [] : [[name, option, actions, takenBy[option]]];
    }),
  );
  expect(named.length).toBeGreaterThan(15);
  for (const [name, option, inHelp, taken] of named) expect([name, option, inHelp]).toEqual([name, option, taken]);
});

test.each<[string[], string]>([
  [['--tenat', 'acme'], 'Unknown option --tenat. Did you mean --tenant?'],
  [['--tenat=acme'], 'Unknown option --tenat. Did you mean --tenant?'],
  [['-x'], 'Unknown option -x.'],
  [['--cell', 'aws-alpha'], 'Unknown option --cell.'],
  [['--tenant'], 'Give --tenant a value.'],
  [['--tenant', '--count', '1'], 'Give --tenant a value.'],
  [['--tenant', '-acme'], 'Give --tenant a value; one that starts with a dash needs an equals sign: --tenant=-acme.'],
  [['--wait=yes'], 'Option --wait takes no value.'],
  [['here'], 'Unexpected argument "here".'],
])('%j is refused in a sentence', (args, message) => {
  expect(() => readArguments(command, args)).toThrow(new UsageError(message));
});

test('a negative number is the value of the option before it, and out of its bounds', () => {
  const { options } = readArguments(command, ['--count', '-1']);
  expect(options).toEqual({ count: '-1' });
  expect(() => wholeNumber(options, 'count', 1, 1, 10)).toThrow(
    '--count must be a whole number from 1 to 10, not "-1".',
  );
});

test('what stands behind -- is no option', () => {
  const withOne = { ...command, positionals: 2 };
  expect(readArguments(withOne, ['--wait', '--', '--count', '-1'])).toEqual({
    options: { wait: true },
    positionals: ['--count', '-1'],
  });
});

test('a dash alone is a value: standard input', () => {
  expect(readArguments(command, ['--tenant', '-']).options).toEqual({ tenant: '-' });
});
