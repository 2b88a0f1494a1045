// What is made from other sources is fresh, and the topology that the clouds are set up from makes sense.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { application } from '../../core/application.ts';
import type { ConsumerDeclaration, Topology } from '../../core/cell/topology.ts';
import { topologyOf } from '../../core/domain/application.ts';
import { PROJECT } from './support/sources.ts';
import { topologyFaults } from './support/topology.ts';

const topology = topologyOf(application);

const generate = (cwd: string) =>
  spawnSync(process.execPath, [path.join(PROJECT, 'build/run.mjs'), 'build/generate.ts', '--check'], {
    cwd,
    encoding: 'utf8',
  });

test('every generated file is what its sources make of it', () => {
  const { status, stderr } = generate(PROJECT);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('a stale generated file is refused by name', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'polycell-generated-'));
  try {
    for (const part of ['core', 'infra', 'docs'])
      cpSync(path.join(PROJECT, part), path.join(folder, part), { recursive: true });
    symlinkSync(path.join(PROJECT, 'node_modules'), path.join(folder, 'node_modules'));
    writeFileSync(path.join(folder, 'infra/topology.json'), '{}\n');
    const { status, stderr } = generate(folder);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^Stale: .*infra\/topology\.json\. Run `npm run generate` and commit the result\.$/m);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('infra/topology.json is the declared topology', () => {
  expect(JSON.parse(readFileSync(path.join(PROJECT, 'infra/topology.json'), 'utf8'))).toEqual(topology);
});

const cells: readonly { readonly id: string }[] = JSON.parse(
  readFileSync(path.join(PROJECT, 'infra/cells.json'), 'utf8'),
);

test('the topology is within the limits of the services and of the pipeline', () => {
  const ids = cells.map(({ id }) => id);
  expect(topologyFaults(topology, ids)).toEqual([]);
});

test('a cell whose name is too long for its queues is refused', () => {
  expect(topologyFaults(topology, ['c'.repeat(56)])).toEqual([
    expect.stringContaining('-device-state-dead-letter: a queue'),
  ]);
});

const [first] = topology.consumers;
const withConsumer = (change: Partial<ConsumerDeclaration>): Topology => ({
  ...topology,
  consumers: first === undefined ? [] : [{ ...first, ...change }],
});
const withRelay = (change: object): Topology => ({ ...topology, relay: { ...topology.relay, ...change } });

test.each<[string, Topology, string]>([
  ['a short visibility', withConsumer({ visibilitySeconds: 59 }), 'hidden for at least 6 times'],
  ['a large batch without a window', withConsumer({ batchSize: 11, batchWindowSeconds: 0 }), 'needs a window'],
  ['a batch beyond SQS', withConsumer({ batchSize: 10_001 }), 'batch of 1 to 10,000'],
  ['a concurrency that SQS does not take', withConsumer({ maximumConcurrency: 1 }), 'concurrency of 2'],
  ['a function of an hour', withConsumer({ timeoutSeconds: 901, visibilitySeconds: 5406 }), 'timeout of 1 to 900'],
  ['a name for a queue that is none', withConsumer({ name: 'Device_State' }), 'a name of'],
  ['the name of the relay', withConsumer({ name: 'relay' }), 'are taken'],
  ['no type', withConsumer({ types: [] }), 'at least one type'],
  ['a backstop before parking', withConsumer({ maximumDeliveries: 3 }), 'after parking'],
  ['a name twice', { ...topology, consumers: [...topology.consumers, ...topology.consumers] }, 'each name once'],
  ['a relay that gives up', withRelay({ maximumRetryAttempts: 10 }), 'loses events'],
  ['too many batches side by side', withRelay({ parallelizationFactor: 11 }), 'side by side'],
  ['an API that outlives its front', { ...topology, http: { ...topology.http, timeoutSeconds: 30 } }, 'before the API'],
  [
    'a log without a stream',
    { ...topology, collections: { ...topology.collections, events: { stream: false } } },
    'reads its stream',
  ],
])('%s is refused', (_name, faulty, expected) => {
  expect(topologyFaults(faulty, []).join('\n')).toContain(expected);
});
