// Every program of the project starts, and refuses an option that it does not have in a few lines that say how it is used.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../../build/bundles.mjs';

const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};
/** Scripts that are programs of this project; `test` and `format` hand their arguments to others' programs. */
const programs = Object.keys(scripts).filter((name) => !['build', 'test', 'format'].includes(name));

test.each(programs)('npm run %s', async (name) => {
  const [, ...words] = (scripts[name] ?? '').split(' ');
  const run = new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
    execFile(process.execPath, [...words, '--no-such-option'], { cwd: root }, (error, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    );
  });
  const { code, out, err } = await run;
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(/no-such-option|^Usage: /);
  expect(err).not.toMatch(/^\s+at /m);
});
