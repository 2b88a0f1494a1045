// docs/build-your-own.md, followed to the letter in a copy of the project: its files compile, its commands run, its answers come.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../build/bundles.mjs';
import { type Block, codeBlocks } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { LONG_TEST_MS } from '../support/patience.ts';
import { cleanEnvironment, type ProjectCopy, projectCopy } from '../support/project-copy.ts';

jest.setTimeout(LONG_TEST_MS);

const blocks = codeBlocks(readFileSync(path.join(root, 'docs/build-your-own.md'), 'utf8'));
const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

let copy: ProjectCopy;
const background: ChildProcess[] = [];
beforeAll(() => {
  copy = projectCopy();
});
afterAll(async () => {
  for (const child of background) {
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await ended;
  }
  copy.remove();
});

/** The arguments of Node.js that a line of a document stands for. */
function argumentsOf(line: string): string[] {
  const [program, first = '', ...rest] = line.split(' ');
  if (program === 'npx' && first === 'polycell') return ['cli/polycell.mjs', ...rest];
  const [name = '', ...more] = first === 'run' ? rest : [first, ...rest];
  const script = scripts[name]?.split(' ');
  if (program !== 'npm' || script?.[0] !== 'node') throw new Error(`The test does not know how to run: ${line}`);
  return [...script.slice(1), ...more.filter((each) => each !== '--')];
}

const commandsOf = ({ text }: Block) => text.split('\n').filter((line) => line !== '');

async function run(line: string): Promise<string> {
  const { code, text } = await copy.node(argumentsOf(line));
  if (code !== 0) throw new Error(`${line} ended with ${code}:\n${text}`);
  return text;
}

/** Starts what goes on until the end of the test. */
async function start(line: string): Promise<void> {
  const child = spawn(process.execPath, argumentsOf(line), {
    cwd: copy.folder,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  background.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  await eventually(async () => {
    if (child.exitCode !== null || !said.includes('Ready in')) throw new Error(`${line} is not ready:\n${said}`);
  });
}

let lastCommand = '';
test.each(blocks.map((block) => [block.line, block.language, block.title, block] as const))(
  'line %i: %s %s',
  async (_line, language, title, block) => {
    if (language === 'sh') {
      for (const command of commandsOf(block)) {
        await (title === 'background' ? start(command) : run(command));
        lastCommand = command;
      }
      expect(commandsOf(block)).not.toEqual([]);
    } else if (title !== '') {
      writeFileSync(path.join(copy.folder, title), block.text);
      expect(title).toMatch(/^(core\/domains\/inventory\/|lines\.jsonl$|pick\.json$)/);
    } else {
      // What the command before it prints, once the consumers have had everything.
      expect(language).toBe('json');
      await eventually(async () => expect(JSON.parse(await run(lastCommand))).toEqual(JSON.parse(block.text)));
    }
  },
);

test('its files have no type errors and are formatted', async () => {
  const settings = {
    extends: './tsconfig.json',
    include: ['core/domains/inventory'],
    compilerOptions: { incremental: false },
  };
  writeFileSync(path.join(copy.folder, 'tsconfig.document.json'), JSON.stringify(settings));
  expect(await copy.node(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.document.json'])).toEqual({
    code: 0,
    text: '',
  });
  const biome = path.join(copy.folder, 'biome.json');
  writeFileSync(biome, readFileSync(biome, 'utf8').replace('"vcs": { "enabled": true', '"vcs": { "enabled": false'));
  const checked = await copy.node([
    'node_modules/.bin/biome',
    'check',
    '--error-on-warnings',
    'core/domains/inventory',
  ]);
  expect(checked).toMatchObject({ code: 0 });
});

test('its blocks are all there', () => {
  expect(blocks.filter(({ language }) => language === 'ts')).toHaveLength(6);
  expect(blocks.filter(({ language }) => language === 'sh').length).toBeGreaterThan(4);
});
