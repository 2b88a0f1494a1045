// `npm run threats`: removes each listed defence in a copy of the project, and expects the test that holds it to fail.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../build/bundles.mjs';
import { type ProjectCopy, projectCopy } from '../support/project-copy.ts';
import { threatsIn } from './model.ts';
import { MUTATIONS, type Mutation } from './mutations.ts';

/** Copies that are worked on side by side: one for each processor of a small machine. */
const COPIES = 2;

const threats = threatsIn(readFileSync(path.join(root, 'docs/threat-model.md'), 'utf8'));

const heldBy = ({ threat }: Mutation) => {
  const found = threats.find(({ id }) => id === threat);
  if (found === undefined) throw new Error(`docs/threat-model.md has no threat ${threat}.`);
  return found;
};

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Runs one test, or those of several files. */
const jest = (copy: ProjectCopy, files: readonly string[], name?: string) =>
  copy.node([
    'node_modules/jest/bin/jest.js',
    ...['--selectProjects', 'unit', '--ci', '--runInBand', '--silent', '--runTestsByPath', ...new Set(files)],
    ...(name === undefined ? [] : ['--testNamePattern', escaped(name)]),
  ]);

/** Why the mutation shows nothing; `undefined` if the test has failed as it should. */
async function faultOf(copy: ProjectCopy, mutation: Mutation): Promise<string | undefined> {
  const { file, test } = heldBy(mutation);
  const target = path.join(copy.folder, mutation.file);
  const source = readFileSync(target, 'utf8');
  if (source.split(mutation.find).length !== 2) return `${mutation.file} does not have the text once`;
  writeFileSync(
    target,
    source.replace(mutation.find, () => mutation.replace),
  );
  try {
    const { code, text } = await jest(copy, [file], test);
    if (code === 0) return `${file}: “${test}” passes without the defence`;
    return /^Tests: +\d+ failed/m.test(text) ? undefined : `${file}: it fails for another reason\n${text}`;
  } finally {
    writeFileSync(target, source);
  }
}

/** Returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  if (args.length > 0) {
    process.stderr.write('Usage: npm run threats\n');
    return 2;
  }
  const copies = Array.from({ length: COPIES }, () => projectCopy());
  try {
    const [first] = copies;
    if (first === undefined) throw new TypeError('There is no copy.');
    const whole = await jest(
      first,
      MUTATIONS.map((mutation) => heldBy(mutation).file),
    );
    if (whole.code !== 0) throw new Error(`The tests fail with all defences in place.\n${whole.text}`);
    const waiting = [...MUTATIONS];
    let faults = 0;
    await Promise.all(
      copies.map(async (copy) => {
        for (let mutation = waiting.shift(); mutation !== undefined; mutation = waiting.shift()) {
          const fault = await faultOf(copy, mutation);
          if (fault !== undefined) faults += 1;
          process.stdout.write(
            `${fault === undefined ? 'ok  ' : 'FAIL'} ${mutation.threat} ${fault ?? mutation.file}\n`,
          );
        }
      }),
    );
    process.stdout.write(
      `${MUTATIONS.length - faults} of ${MUTATIONS.length} defences are missed by their tests when they are removed.\n`,
    );
    return faults === 0 ? 0 : 1;
  } finally {
    for (const copy of copies) copy.remove();
  }
}
