// Every command line of every document is one that the programs take: commands, actions, options and numbers of arguments.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../../build/bundles.mjs';
import { readArguments, UsageError } from '../../../cli/command.ts';
import { commands } from '../../../cli/main.ts';
import { filesBelow } from '../../arch/support/sources.ts';
import { type CommandLine, commandLines } from '../../support/command-lines.ts';

const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const { scripts, workspaces } = JSON.parse(read('package.json')) as {
  scripts: Readonly<Record<string, string>>;
  workspaces: readonly string[];
};

/** Each is declared with a summary. */
const benchmarks = filesBelow(path.join(root, 'bench'))
  .filter((file) => file.endsWith('.ts'))
  .flatMap((file) => [...read(`bench/${file}`).matchAll(/\bname: '([a-z-]+)',\s+summary:/g)].map(([, name]) => name));

/** What is wrong with the arguments of `polycell`, or `undefined`. */
function polycellFault([name = '', ...args]: readonly string[]): string | undefined {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) return `there is no command ${name}`;
  try {
    const { positionals } = readArguments(command, args);
    // The usage of a command with actions begins with them; where it says NAME, they are described one by one.
    const [first = ''] = command.usage.split(' ');
    const described = Object.keys(command.describe).flatMap((entry) => entry.split(' ', 1));
    const named = first.split('|').flatMap((each) => (each === 'NAME' ? described : [each]));
    const actions = /^[A-Za-z-]+(?:\|[A-Za-z-]+)+$/.test(first) ? named : undefined;
    const [action] = positionals;
    return actions === undefined || action === undefined || actions.includes(action)
      ? undefined
      : `${name} has no action ${action}`;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

/** The source of a script of package.json, or of the program of a workspace. */
const sourceOf = (script: string): string => read(/\S+\.(?:ts|mjs)(?= --$|$)/.exec(script)?.[0] ?? 'package.json');

/** The first option that a program's source does not have. */
function optionFault(source: string, args: readonly string[]): string | undefined {
  const unknown = args.find((arg) => {
    const [, option] = /^\[?--([a-z-]+)/.exec(arg) ?? [];
    return option !== undefined && !new RegExp(`--${option}\\b|\\b'?${option}'?: \\{ type`).test(source);
  });
  return unknown === undefined ? undefined : `there is no option ${unknown}`;
}

/** What is wrong with the arguments of a script. */
function scriptFault(name: string, args: readonly string[]): string | undefined {
  const script = scripts[name];
  if (script === undefined) return `there is no script ${name}`;
  if (name === 'start') return polycellFault(['dev', ...args]);
  if (name === 'bench' && args[0] !== undefined && !/^[-<]/.test(args[0]))
    if (!benchmarks.includes(args[0])) return `there is no benchmark ${args[0]}`;
  if (name !== 'test') return optionFault(sourceOf(script), args);
  const project = args[args.indexOf('--selectProjects') + 1];
  return args.includes('--selectProjects') && !read('jest.config.mjs').includes(`project('${project}'`)
    ? `Jest has no project ${project}`
    : undefined;
}

const folders = workspaces.flatMap((pattern) =>
  pattern.endsWith('/*')
    ? [...new Set(filesBelow(path.join(root, pattern.slice(0, -2))).map((file) => file.split('/')[0] ?? ''))].map(
        (folder) => `${pattern.slice(0, -1)}${folder}`,
      )
    : [pattern],
);

/** What is wrong with a command line, or `undefined`. */
function faultOf({ words: [program, verb = '', ...rest] }: CommandLine): string | undefined {
  // `npx polycell` and `npm run` without more stand for all their commands.
  if (rest.length === 0 && (verb === 'polycell' || verb === 'run')) return undefined;
  const args = rest.filter((arg, index) => arg !== '--' || index > 1);
  if (program === 'npx') {
    if (verb === 'polycell') return polycellFault(rest);
    const emulator = /^@polycell\/(.*)-emulator$/.exec(verb)?.[1];
    // Other programs are their makers'.
    return emulator === undefined ? undefined : optionFault(read(`emulators/${emulator}/main.ts`), rest);
  }
  const workspace = rest[rest.indexOf('-w') + 1] ?? '';
  if (rest.includes('-w')) return folders.includes(workspace) ? undefined : `there is no workspace ${workspace}`;
  if (verb === 'run')
    return scriptFault(
      args[0] ?? '',
      args.slice(1).filter((arg) => arg !== '--'),
    );
  return verb === 'start' || verb === 'test' ? scriptFault(verb, args) : undefined;
}

const faultsOf = (text: string): string[] =>
  commandLines(text).flatMap((each) => {
    const fault = faultOf(each);
    return fault === undefined ? [] : [`${each.line} ${each.words.join(' ')}: ${fault}`];
  });

const documents = filesBelow(root).filter((file) => file.endsWith('.md') && !file.includes('/fixtures/'));

test('every command line of every document is taken', () => {
  expect(documents.flatMap((file) => faultsOf(read(file)).map((fault) => `${file}:${fault}`))).toEqual([]);
});

test('documents have command lines, in blocks and between backquotes', () => {
  expect(commandLines(read('README.md')).length).toBeGreaterThan(15);
  const spans = commandLines('Run `npx polycell\nstatus` or `npm ci`, not `polycell`.\n');
  expect(spans).toEqual([
    { line: 1, words: ['npx', 'polycell', 'status'] },
    { line: 2, words: ['npm', 'ci'] },
  ]);
  const block = '```sh\nA=b npx polycell send \\\n  --tenant "a b" # c\n```\n';
  expect(commandLines(block)).toEqual([{ line: 2, words: ['npx', 'polycell', 'send', '--tenant', 'a b'] }]);
});

test('the example of every command is taken', () => {
  const examples = Object.values(commands).map(({ example }) => `\`${example}\``);
  expect(examples.flatMap(faultsOf)).toEqual([]);
});

test.each([
  ['npx polycell sing', 'there is no command sing'],
  ['npx polycell send --tenat acme', 'Unknown option --tenat. Did you mean --tenant?'],
  ['npx polycell send --tenant', 'Give --tenant a value.'],
  ['npx polycell status now', 'Unexpected argument "now".'],
  ['npx polycell cells fly', 'cells has no action fly'],
  ['npx polycell drill cell-los', 'drill has no action cell-los'],
  ['npm start -- --inspct x', 'Unknown option --inspct. Did you mean --inspect?'],
  ['npm run fly', 'there is no script fly'],
  ['npm run bench -- nothing', 'there is no benchmark nothing'],
  ['npm run bench -- ingest --slow', 'there is no option --slow'],
  ['npm run generate -- --publsh', 'there is no option --publsh'],
  ['npm test -- --selectProjects units', 'Jest has no project units'],
  ['npm test -w hosts/none', 'there is no workspace hosts/none'],
  ['npx @polycell/cosmos-emulator --prt 1', 'there is no option --prt'],
])('%s is refused', (command, fault) => {
  expect(faultsOf(`\`${command}\``)).toEqual([`1 ${command}: ${fault}`]);
});
