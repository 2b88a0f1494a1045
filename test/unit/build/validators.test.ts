// Compiled validators: formats are checked, a schema that cannot be compiled is named in one line, and what was compiled is kept.
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { transform } from 'esbuild';
import { distFolder } from '../../../build/bundles.mjs';
import { compileValidators, keptValidators, SchemaError } from '../../../build/validators.ts';
import type { CompiledValidator } from '../../../core/events/registry.ts';

const compiled = async (schema: object): Promise<CompiledValidator> => {
  const text = await compileValidators({ 'org.example.a.v1': schema as never }, 'a test', './registry.ts');
  const { code } = await transform(text, { loader: 'ts', format: 'cjs' });
  const module: { exports: { validators?: Record<string, CompiledValidator> } } = { exports: {} };
  new Function('module', code)(module);
  const validator = module.exports.validators?.['org.example.a.v1'];
  if (validator === undefined) throw new Error('The module exports no validator.');
  return validator;
};

test.each([
  ['email', 'ada@example.org', 'ada'],
  ['date', '2026-02-28', '2026-02-30'],
  ['date-time', '2026-02-28T10:00:00Z', '2026-02-28 10:00'],
  ['uri', 'https://example.org/', 'example'],
  ['uuid', '7f1c9c9e-1c1e-4b0e-9c3a-6d0a2f0e4b11', '7f1c'],
])('the format %s is checked', async (format, good, bad) => {
  const validator = await compiled({ type: 'string', format });
  expect([validator(good), validator(bad)]).toEqual([true, false]);
});

test.each([
  ['a format that there is not', { type: 'string', format: 'emial' }, 'unknown format "emial"'],
  ['a format that is no text', { type: 'string', format: 5 }, 'format must be string'],
  ['a type that there is not', { type: 'text' }, 'type must be equal to one of the allowed values'],
  ['a pattern that is none', { type: 'string', pattern: '(' }, 'Invalid regular expression'],
  ['a misspelt keyword', { type: 'string', maxLenght: 5 }, 'unknown keyword: "maxLenght"'],
])('%s: one line that names the event type, its place and the reason', async (_what, schema, reason) => {
  const failure = await compiled(schema).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SchemaError);
  const { message } = failure as SchemaError;
  expect(message).toContain('The schema of org.example.a.v1 (a test) cannot be compiled: ');
  expect(message).toContain(reason);
  expect(message).not.toContain('\n');
});

test('what was made of the same schemas is taken from where it is kept, and of others is made anew', async () => {
  const source = `a test of process ${process.pid}`;
  const file = path.resolve(distFolder, 'validators', `${source.replaceAll(' ', '-')}.txt`);
  const kept = (schemas: object) => keptValidators(schemas as never, source, './registry.ts');
  const one = { type: 'string' };
  try {
    const text = await kept({ a: one, b: one });
    expect(text).toBe(await compileValidators({ a: one, b: one } as never, source, './registry.ts'));
    await writeFile(file, (await readFile(file, 'utf8')).replace('Name → validator.', 'It was kept.'));
    expect(await kept({ a: one, b: one })).toContain('It was kept.');
    // Schemas that are alike are not one: each has a validator of its own.
    expect(await kept({ a: one, b: { ...one } })).toBe(
      await compileValidators({ a: one, b: { ...one } } as never, source, './registry.ts'),
    );
    expect(await kept({ a: { type: 'number' }, b: one })).not.toContain('It was kept.');
    await writeFile(file, 'cut');
    expect(await kept({ a: one, b: one })).toBe(text);
  } finally {
    await rm(file, { force: true });
  }
});
