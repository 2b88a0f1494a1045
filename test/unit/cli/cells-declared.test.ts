// `cells plan` and `cells scaffold`: what they write in infra/, what they print, and what they refuse.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkDeclarations } from '../../../build/infra/declared.ts';
import { kubernetesFiles } from '../../../build/infra/kubernetes.ts';
import { cellRoot } from '../../../build/infra/scaffold.ts';
import { runOnDeclarations } from '../../../cli/commands/cells-declared.ts';
import type { Topology } from '../../../core/cell/topology.ts';

const PROJECT = path.join(__dirname, '../../..');
let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'polycell-cells-'));
  for (const name of await readdir(path.join(PROJECT, 'infra')))
    if (name.endsWith('.json')) await cp(path.join(PROJECT, 'infra', name), path.join(root, 'infra', name));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const read = (file: string) => readFile(path.join(root, file), 'utf8');

/** Runs a command; the answer is what it prints. */
async function run(positionals: string[], options: Record<string, string | boolean> = {}): Promise<string[]> {
  const lines: string[] = [];
  const context = {
    positionals,
    options,
    json: options.json === true,
    out: (line: string) => lines.push(line),
    err: () => undefined,
  };
  expect(await runOnDeclarations(root, context)).toBe(0);
  return lines;
}

test('the plan is printed', async () => {
  expect(await run(['plan'])).toContain('10.0.0.0/12  aws: 1 of 16 networks allocated');
  expect(JSON.parse((await run(['plan'], { json: true }))[0] ?? '')).toEqual(
    JSON.parse(await read('infra/address-plan.json')),
  );
});

test('a network is allocated once, and a dry run allocates none', async () => {
  const before = await read('infra/address-plan.json');
  expect(await run(['plan', 'aws-delta'], { cloud: 'aws', 'dry-run': true })).toEqual([
    '10.0.0.0/16 would be allocated to aws-delta.',
  ]);
  expect(await read('infra/address-plan.json')).toBe(before);
  const told = await run(['plan', 'aws-delta'], { cloud: 'aws', json: true });
  expect(JSON.parse(told[0] ?? '')).toEqual({ cell: 'aws-delta', cidr: '10.0.0.0/16', changed: true, dryRun: false });
  expect(await run(['plan', 'aws-delta'], { cloud: 'aws' })).toEqual([
    '10.0.0.0/16 is allocated to aws-delta already.',
  ]);
  expect(await run(['plan', 'aws-alpha'])).toEqual(['10.10.0.0/16 is allocated to aws-alpha already.']);
  expect(checkDeclarations(root)).toEqual([]);
});

test('a new cell is an allocation, an entry and one command', async () => {
  await run(['plan', 'aws-delta'], { cloud: 'aws' });
  const cells = JSON.parse(await read('infra/cells.json'));
  const cell = { ...cells[0], id: 'aws-delta', cidr: '10.0.0.0/16' };
  await writeFile(path.join(root, 'infra/cells.json'), JSON.stringify([...cells, cell]));
  expect(checkDeclarations(root)).toEqual([]);
  const topology = JSON.parse(await read('infra/topology.json')) as Topology;
  const manifests = Object.keys(kubernetesFiles(cell, topology)).map((name) => `infra/kubernetes/${name}`);
  const expected = [...Object.keys(cellRoot(cell)).map((name) => `infra/live/aws-delta/${name}`), ...manifests];
  expect(await run(['scaffold', 'aws-delta'], { 'dry-run': true })).toEqual(
    expected.map((file) => `new        ${file}`),
  );
  await expect(readdir(path.join(root, 'infra/live'))).rejects.toMatchObject({ code: 'ENOENT' });
  await run(['scaffold', 'aws-delta']);
  for (const [name, text] of Object.entries(cellRoot(cell)))
    expect(await read(`infra/live/aws-delta/${name}`)).toBe(text);
  for (const [name, text] of Object.entries(kubernetesFiles(cell, topology)))
    expect(await read(`infra/kubernetes/${name}`)).toBe(text);
  await writeFile(path.join(root, 'infra/live/aws-delta/main.tf'), 'x');
  const told = JSON.parse((await run(['scaffold', 'aws-delta'], { json: true }))[0] ?? '');
  expect(told.files).toContainEqual({ file: 'infra/live/aws-delta/main.tf', change: 'changed' });
  expect(told.files).toContainEqual({ file: 'infra/live/aws-delta/outputs.tf', change: 'unchanged' });
});

test('the edge has a root of its own', async () => {
  expect(await run(['scaffold', 'edge'])).toEqual(['new        infra/live/edge/wrangler.jsonc']);
});

test.each<[string, string[], Record<string, string>, string, string]>([
  ['no cell to scaffold', ['scaffold'], {}, 'UsageError', 'Name the cell.'],
  [
    'a cell that is not declared',
    ['scaffold', 'none'],
    {},
    'UserError',
    'infra/cells.json declares no cell none; there are aws-alpha',
  ],
  ['a cell without a cloud', ['plan', 'none'], {}, 'UsageError', 'give its --cloud'],
  [
    'a cloud that is unknown',
    ['plan', 'none'],
    { cloud: 'gcp' },
    'UsageError',
    'The plan has no networks for gcp; it has aws, azure',
  ],
  [
    'another cloud than the declared one',
    ['plan', 'aws-alpha'],
    { cloud: 'azure' },
    'UsageError',
    'declares aws-alpha in aws, not in azure',
  ],
  ['a name that is none', ['scaffold', '../x'], {}, 'UsageError', '"../x" cannot be a cell'],
])('%s is refused', async (_, positionals, options, name, message) => {
  await expect(run(positionals, options)).rejects.toMatchObject({ name, message: expect.stringContaining(message) });
});

test('a cloud whose networks are all allocated gives no more', async () => {
  const plan = JSON.parse(await read('infra/address-plan.json'));
  await writeFile(
    path.join(root, 'infra/address-plan.json'),
    JSON.stringify({ ...plan, supernets: { ...plan.supernets, aws: '10.10.0.0/16' } }),
  );
  await expect(run(['plan', 'aws-delta'], { cloud: 'aws' })).rejects.toThrow(
    'All networks of 10.10.0.0/16, which is for aws, are allocated.',
  );
});
