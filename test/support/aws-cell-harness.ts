// An AWS cell for the end-to-end suites: emulators behind fault proxies, real bundles, and shorter times than the cloud's.
import path from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDbStore } from '../../adapters/aws/dynamodb-store.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { buildBundles, compile, deployableOptions, root } from '../../build/bundles.mjs';
import { application } from '../../core/application.ts';
import { topologyOf } from '../../core/domain/application.ts';
import { publicPart } from '../../core/ports/keys.ts';
import { DynamoDbEmulator } from '../../emulators/dynamodb/dynamodb-emulator.ts';
import { failedPublishEntries, jsonError, snsError, statementErrors } from '../../emulators/faults/aws-faults.ts';
import { FaultProxy } from '../../emulators/faults/fault-proxy.ts';
import { SnsSqsEmulator } from '../../emulators/sns-sqs/sns-sqs-emulator.ts';
import { AwsCell } from '../../local/aws-cell.ts';
import type { Notice } from '../../local/local-cell.ts';
import { makeRouteKeys } from '../../local/route-keys.ts';
import { cellDeclaration } from './cell-declaration.ts';
import type { CellHarness } from './cell-harness.ts';
import { impatient } from './impatient.ts';

const topology = topologyOf(application);

const declaration = cellDeclaration({ id: 'aws-test', cloud: 'aws', region: 'eu-central-1' });

/** Starts a cell. `notices` collects what it would tell a person. */
export async function openAwsCell(notices: Notice[] = [], { timeoutSeconds = 4 } = {}): Promise<CellHarness> {
  const faultyWorker = {
    name: 'test/faulty-aws-worker',
    entry: 'test/support/faulty-aws-worker.ts',
    platform: 'aws',
  } as const;
  await buildBundles({ only: ['aws/http', 'aws/relay', 'aws/worker'] });
  await compile(deployableOptions(faultyWorker));
  const bundles = {
    healthy: path.join(root, 'dist/aws/worker/index.cjs'),
    faulty: path.join(root, `dist/${faultyWorker.name}/index.cjs`),
  };

  const dynamodb = new DynamoDbEmulator();
  const snsSqs = new SnsSqsEmulator({ region: declaration.region });
  await Promise.all([dynamodb.start(), snsSqs.start()]);
  const store = new FaultProxy({ target: dynamodb.endpoint });
  const bus = new FaultProxy({ target: snsSqs.endpoint });
  await Promise.all([store.start(), bus.start()]);
  const keys = await makeRouteKeys(systemClock);
  const cell = new AwsCell({
    declaration,
    topology: impatient(timeoutSeconds + 1, timeoutSeconds),
    version: 'test',
    routeKeys: keys.publicKeys,
    identityKey: keys.privateKey,
    endpoints: { dynamodb: store.endpoint, sns: bus.endpoint, sqs: bus.endpoint },
    notice: (notice) => notices.push(notice),
    onDeath: (reason) => notices.push({ level: 'error', part: 'test', message: reason }),
  });
  const client = new DynamoDBClient({
    endpoint: dynamodb.endpoint,
    region: declaration.region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  const state = new DynamoDbStore({ client, table: `${declaration.id}-state`, clock: systemClock, ids: randomIds });
  const close = async () => {
    client.destroy();
    await cell.stop();
    await Promise.all([store.stop(), bus.stop()]);
    await Promise.all([dynamodb.stop(), snsSqs.stop()]);
  };
  // Servers that are left open would keep the test from ending after it has failed.
  await cell.start().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const workers = topology.consumers.map(({ name }) => cell.functions.get(name)).filter((host) => host !== undefined);

  return {
    id: cell.id,
    url: cell.url,
    identity: publicPart(keys.privateKey),
    token: (tenant, { scopes = ['ingest', 'read', 'operate'] as const, cell: target = cell.id, ...rest } = {}) =>
      keys.mint({ tenant, cell: target, endpoint: cell.url, scopes, ...rest }),
    release: async (release) => {
      await Promise.all(workers.map((worker) => worker.replaceBundle(bundles[release])));
    },
    killWorkers: async () =>
      (await Promise.all(workers.map((worker) => worker.killEnvironments()))).reduce((sum, count) => sum + count, 0),
    state,
    store: {
      goDown: () => store.goDown(),
      comeUp: () => store.comeUp(),
      throttle: (calls) =>
        void store.inject({ fault: jsonError('ThrottlingException', 'Rate exceeded'), times: calls }),
      failSomeEntries: (calls) =>
        void store.inject({
          operation: 'BatchExecuteStatement',
          fault: statementErrors([0, 2], 'ThrottlingError'),
          times: calls,
        }),
      loseAnswers: (calls) =>
        void store.inject({ when: ({ operation }) => isWrite(operation), fault: { kind: 'cut-after' }, times: calls }),
      holdWrites: () => hold(store, 'TransactWriteItems'),
    },
    bus: {
      goDown: () => bus.goDown(),
      comeUp: () => bus.comeUp(),
      throttle: (calls) =>
        void bus.inject({
          operation: 'PublishBatch',
          fault: snsError('Throttled', 'Rate exceeded', 429),
          times: calls,
        }),
      failSomeEntries: (calls) =>
        void bus.inject({ operation: 'PublishBatch', fault: failedPublishEntries(['0', '1']), times: calls }),
      loseAnswers: (calls) =>
        void bus.inject({ operation: 'PublishBatch', fault: { kind: 'cut-after' }, times: calls }),
      holdWrites: () => hold(bus, 'PublishBatch'),
    },
    crashRelayAfterPublish: (times) => {
      const kill = async () => {
        await cell.functions.get('relay')?.killEnvironments();
      };
      bus.inject({
        operation: 'PublishBatch',
        times,
        fault: {
          kind: 'transform',
          response: (response) => {
            void kill();
            return response;
          },
        },
      });
    },
    deadLetters: async () => (await cell.consumers()).reduce((sum, { deadLetters }) => sum + deadLetters, 0),
    close,
  };
}

const isWrite = (operation: string) => ['BatchExecuteStatement', 'TransactWriteItems', 'PutItem'].includes(operation);

function hold(proxy: FaultProxy, operation: string): { waiting: Promise<void>; release(): void } {
  let release: () => void = () => undefined;
  const until = new Promise<void>((resolve) => {
    release = resolve;
  });
  const seen = proxy.counts()[operation] ?? 0;
  const active = proxy.inject({ operation, fault: { kind: 'hold', until } });
  return {
    waiting: proxy.waitForCalls(operation, seen + 1),
    release: () => {
      active.heal();
      release();
    },
  };
}
