// Every program of the project starts, and refuses an option that it does not have in a few lines that say how it is used.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../../build/bundles.mjs';

const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};
/** Scripts that are programs of this project; those of tests and `format` hand their arguments to others' programs. */
const programs = Object.keys(scripts).filter((name) => !['build', 'test', 'test:long', 'format'].includes(name));

/** Runs a script of package.json as npm does. */
const run = (name: string, ...args: string[]): Promise<{ code: unknown; out: string; err: string }> =>
  new Promise((resolve) => {
    const [, ...words] = (scripts[name] ?? '').split(' ');
    execFile(process.execPath, [...words, ...args], { cwd: root }, (error, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    );
  });

test.each(programs)('npm run %s', async (name) => {
  const { code, out, err } = await run(name, '--no-such-option');
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(/no-such-option|^Usage: /);
  expect(err).not.toMatch(/^\s+at /m);
});

test('a simulation runs without Jest', async () => {
  expect(await run('simulate', '--seeds', '1')).toMatchObject({ code: 0, out: '0 of 1 seeds from 1 fail.\n' });
});
