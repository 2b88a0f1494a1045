// `polycell new domain`: what it writes passes its test and the checks, and what it refuses changes nothing.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withDomain } from '../../../cli/commands/new.ts';
import { LONG_TEST_MS } from '../../support/patience.ts';
import { type ProjectCopy, projectCopy } from '../../support/project-copy.ts';

jest.setTimeout(LONG_TEST_MS);

let copy: ProjectCopy;
beforeAll(() => {
  copy = projectCopy();
});
afterAll(() => copy.remove());

const polycell = (...args: string[]) => copy.node(['cli/polycell.mjs', ...args]);
const contentOf = (file: string) => readFileSync(path.join(copy.folder, file), 'utf8');

const LONGEST = 'abcdefgh-ijklmnop-qrstuvwx-yz123';

test('a domain is written, listed and generated, and its test passes', async () => {
  const { code, text } = await polycell('new', 'domain', 'inventory');
  expect(text.split('\n')).toEqual([
    'Wrote core/domains/inventory: domain.ts and test/inventory.test.ts.',
    'Added it to core/application.ts; taking out its import and its name removes it again.',
    expect.stringMatching(/^Wrote core\/domains\/inventory\/validators\.generated\.ts, .*infra\/topology\.json/),
    'Test it: npm test -- core/domains/inventory',
    '',
  ]);
  expect(code).toBe(0);
  expect(contentOf('core/application.ts')).toMatch(
    /import \{ inventory \} from '\.\/domains\/inventory\/domain\.ts';\nimport \{ telemetry \}[\s\S]*= \[telemetry, catalog, inventory\];\n$/,
  );
  expect(contentOf('infra/topology.json')).toContain('"inventory-totals"');
  expect(contentOf('core/openapi.generated.json')).toContain('/v1/inventory/{id}/days');

  const second = await polycell('new', 'domain', LONGEST, '--json');
  expect(second).toEqual({ code: 0, text: `{"folder":"core/domains/${LONGEST}","added":true}\n` });

  const jest = ['node_modules/jest/bin/jest.js', 'core/domains/inventory', LONGEST, '--selectProjects', 'unit'];
  const tested = await copy.node(jest);
  expect(tested.text).toContain('Tests:       4 passed, 4 total');
  expect(tested.code).toBe(0);

  const biome = ['node_modules/.bin/biome', 'check', '--error-on-warnings', 'core/domains', 'core/application.ts'];
  writeFileSync(
    path.join(copy.folder, 'biome.json'),
    contentOf('biome.json').replace('"enabled": true, "clientKind"', '"enabled": false, "clientKind"'),
  );
  expect(await copy.node(biome)).toMatchObject({ code: 0 });
});

test('a folder that is there already is left alone', async () => {
  mkdirSync(path.join(copy.folder, 'core/domains/mine'));
  writeFileSync(path.join(copy.folder, 'core/domains/mine/notes.txt'), 'mine');
  const before = contentOf('core/application.ts');
  expect(await polycell('new', 'domain', 'mine')).toEqual({
    code: 1,
    text: 'The folder core/domains/mine is there already; nothing was changed.\n',
  });
  expect(readdirSync(path.join(copy.folder, 'core/domains/mine'))).toEqual(['notes.txt']);
  expect(contentOf('core/application.ts')).toBe(before);
});

test.each([
  [['domain', 'Inventory'], /^A domain cannot be called "Inventory": a name has 1 to 32 of a-z 0-9 -, and begins/],
  [['domain', '../x'], /^A domain cannot be called "\.\.\/x"/],
  [['domain', '1st'], /^A domain cannot be called "1st"/],
  [['domain', 'x-'], /^A domain cannot be called "x-"/],
  [['domain', 'a'.repeat(33)], /^A domain cannot be called "a{33}"/],
  [['domain', 'class'], /^A domain cannot be called class: the word belongs to the language\. Try classs\.\n$/],
  [['domain'], /^Say what to begin: npx polycell new domain NAME/],
  [[], /^Say what to begin/],
  [['cell', 'x'], /^Say what to begin/],
  [['domain', 'a', 'b'], /^Unexpected argument "b"\. See `npx polycell new --help`\.\n$/],
])('new %j is refused in one line, with exit code 2', async (args, message) => {
  const { code, text } = await polycell('new', ...args);
  expect([code, text.split('\n').length]).toEqual([2, 2]);
  expect(text).toMatch(message);
});

test('--help shows an example', async () => {
  const { code, text } = await polycell('new', '--help');
  expect(code).toBe(0);
  expect(text).toContain('Usage: npx polycell new domain NAME');
  expect(text).toContain('Example: npx polycell new domain inventory');
});

describe('the line in the application', () => {
  const application = (imports: string, names: string) =>
    `// The application.\nimport type { Application } from './domain/application.ts';\n${imports}\nexport const application: Application = [${names}];\n`;
  const line = (identifier: string, name: string) => `import { ${identifier} } from './domains/${name}/domain.ts';\n`;

  test('is put where it belongs by its path, and last in the list', () => {
    expect(withDomain(application(line('b', 'b') + line('d', 'd'), 'd, b'), 'c-1')).toBe(
      application(line('b', 'b') + line('c1', 'c-1') + line('d', 'd'), 'd, b, c1'),
    );
    expect(withDomain(application('', ''), 'a')).toBe(application(line('a', 'a'), 'a'));
  });

  test('becomes a list of lines where it would be too long', () => {
    const names = Array.from({ length: 12 }, (_, index) => `someDomain${index}`);
    const text = withDomain(application('', names.join(', ')), 'one-more') ?? '';
    expect(text).toContain(`= [\n  someDomain0,\n`);
    expect(text).toContain('  oneMore,\n];\n');
    expect(withDomain(text, 'another')).toContain('  oneMore,\n  another,\n];\n');
  });

  test('is left to a person where the file has another form', () => {
    expect(withDomain('export const application = make();\n', 'a')).toBeUndefined();
  });
});
