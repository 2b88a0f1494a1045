// The names in spans and metrics: OpenTelemetry's where it has one, else under the product's own prefix.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as stable from '@opentelemetry/semantic-conventions';
import * as incubating from '@opentelemetry/semantic-conventions/incubating';

const published = new Set(
  Object.entries({ ...stable, ...incubating }).flatMap(([name, value]) =>
    /^(?:ATTR|METRIC)_/.test(name) && typeof value === 'string' ? [value] : [],
  ),
);

const ROOT = path.resolve(__dirname, '../../..');

/** Texts that look like a name of the conventions, in the files that give telemetry its names. */
const namesIn = (file: string): string[] =>
  [...readFileSync(path.join(ROOT, file), 'utf8').matchAll(/'([a-z]+(?:\.[a-z_]+)+)'/g)].map(([, name = '']) => name);

const files = ['core', 'adapters', 'functions-aws', 'functions-azure', 'functions-edge']
  .flatMap((folder) => readdirSync(path.join(ROOT, folder), { recursive: true }).map((name) => `${folder}/${name}`))
  .map((file) => file.replaceAll(path.sep, '/'))
  .filter((file) => file.endsWith('.ts') && !/\/test\/|\.generated\./.test(file))
  .filter((file) => /elemetry/.test(readFileSync(path.join(ROOT, file), 'utf8')));

test('the files are those that name anything', () => {
  expect(files).toEqual(expect.arrayContaining(['core/pipeline/traced.ts', 'core/http/served-request.ts']));
});

test.each(files)('%s', (file) => {
  const own = namesIn(file).filter((name) => !/^(?:control|tenants|polycell)\./.test(name));
  expect(own.filter((name) => !published.has(name))).toEqual([]);
});
