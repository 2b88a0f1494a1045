// An Azure cell for the end-to-end suites: emulators behind fault proxies, the real app, and shorter times than the cloud's.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { CosmosClient } from '@azure/cosmos';
import { cosmosClientOptions } from '../../adapters/azure/cosmos-client.ts';
import { CosmosStore } from '../../adapters/azure/cosmos-store.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { compile, deployableOptions, put, root } from '../../build/bundles.mjs';
import { publicPart } from '../../core/ports/keys.ts';
import { CosmosEmulator } from '../../emulators/cosmos/emulator.ts';
import { type Fault, FaultProxy, type ProxiedCall } from '../../emulators/faults/fault-proxy.ts';
import { connectionStringFor, ServiceBusEmulator } from '../../emulators/service-bus/emulator.ts';
import { AzureCell } from '../../local/azure-cell.ts';
import type { Notice } from '../../local/local-cell.ts';
import { makeRouteKeys } from '../../local/route-keys.ts';
import { cellDeclaration } from './cell-declaration.ts';
import type { CellHarness } from './cell-harness.ts';
import { AZURE_LOCK_SECONDS, impatient } from './impatient.ts';
import { TcpGate } from './tcp-gate.ts';

const declaration = cellDeclaration({ id: 'azure-test', cloud: 'azure', region: 'westeurope' });

/** Builds the app of the tests: the real one, but for the consumers, which have shorter locks. */
async function testApp(timeoutSeconds: number): Promise<string> {
  const name = `test/azure-${timeoutSeconds}`;
  const entry = ['functions-azure/http.ts', 'functions-azure/relay.ts', 'test/support/azure-worker.ts'];
  await compile(deployableOptions({ name, entry, platform: 'azure', external: ['@azure/functions-core'] }));
  const folder = path.join(root, 'dist', name);
  const hostJson = JSON.parse(await readFile(path.join(root, 'functions-azure/host.json'), 'utf8')) as object;
  const functionTimeout = new Date(timeoutSeconds * 1000).toISOString().slice(11, 19);
  await put(path.join(folder, 'host.json'), JSON.stringify({ ...hostJson, functionTimeout }));
  await put(path.join(folder, 'package.json'), JSON.stringify({ main: 'index.cjs' }));
  return folder;
}

/** Of the suites' own requests to the store, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;

const answer = (status: number, headers: Record<string, string>): Fault => ({
  kind: 'answer',
  response: {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ code: String(status), message: 'injected' }),
  },
});

const isData = ({ operation }: ProxiedCall) => /\/colls\/(events|state)\//.test(operation);
const isWrite = (call: ProxiedCall) =>
  isData(call) &&
  call.headers['x-ms-documentdb-isquery'] === undefined &&
  !call.operation.startsWith('GET') &&
  call.headers['x-ms-cosmos-is-query-plan-request'] === undefined;
const isTransaction = (call: ProxiedCall) =>
  call.headers['x-ms-cosmos-batch-atomic']?.toString().toLowerCase() === 'true';
const isBulk = (call: ProxiedCall) =>
  call.headers['x-ms-cosmos-is-batch-request'] !== undefined && !isTransaction(call);
const isCheckpoint = ({ operation, body }: ProxiedCall) =>
  operation.startsWith('PUT') && operation.includes('/colls/leases/') && body.includes('"ContinuationToken":"');

/** The first and third operation of a bulk request answer with 429, though they were carried out. */
const someThrottled: Fault = {
  kind: 'transform',
  response: (response) => ({
    ...response,
    status: 207,
    body: JSON.stringify(
      (JSON.parse(response.body) as object[]).map((each, index) =>
        index === 0 || index === 2 ? { statusCode: 429, requestCharge: 0 } : each,
      ),
    ),
  }),
};

/** Starts a cell. `notices` collects what it would tell a person. */
export async function openAzureCell(notices: Notice[] = [], { timeoutSeconds = 4 } = {}): Promise<CellHarness> {
  const appFolder = await testApp(timeoutSeconds);
  const cosmos = new CosmosEmulator({ consistency: 'Strong' });
  const serviceBus = new ServiceBusEmulator();
  const [account, namespace] = await Promise.all([cosmos.start(), serviceBus.start()]);
  const store = new FaultProxy({ target: account.endpoint.replace(/\/$/, '') });
  const bus = new TcpGate(namespace.port);
  await Promise.all([store.start(), bus.open()]);
  // The SDK takes the address from the account; it must be the proxy's.
  store.inject({
    operation: 'GET /',
    fault: {
      kind: 'transform',
      response: (response) => ({
        ...response,
        body: response.body.replaceAll(account.endpoint.replace(/\/$/, ''), store.endpoint),
      }),
    },
  });
  const keys = await makeRouteKeys(systemClock);
  const cell = new AzureCell({
    declaration,
    // A lock that ends before the function does lets a slow machine deliver the same messages again and again, until they are dead letters.
    topology: impatient(Math.max(AZURE_LOCK_SECONDS, timeoutSeconds + 1), timeoutSeconds),
    version: 'test',
    routeKeys: keys.publicKeys,
    identityKey: keys.privateKey,
    endpoints: {
      cosmos: `AccountEndpoint=${store.endpoint}/;AccountKey=${account.key};`,
      serviceBus: connectionStringFor(bus.port),
    },
    appFolder,
    notice: (notice) => notices.push(notice),
    onDeath: (reason) => notices.push({ level: 'error', part: 'test', message: reason }),
  });
  const client = new CosmosClient({
    connectionString: account.connectionString,
    ...cosmosClientOptions({ requestTimeoutMs: REQUEST_TIMEOUT_MS }),
  });
  const container = client.database(declaration.id).container('state');
  const state = new CosmosStore({ container, clock: systemClock, ids: randomIds });
  const close = async () => {
    client.dispose();
    await cell.stop();
    await Promise.all([store.stop(), bus.shut()]);
    await Promise.all([cosmos.stop(), serviceBus.stop()]);
  };
  // Servers that are left open would keep the test from ending after it has failed.
  await cell.start().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  let current = 'healthy';

  return {
    id: cell.id,
    url: cell.url,
    identity: publicPart(keys.privateKey),
    token: (tenant, { scopes = ['ingest', 'read', 'operate'] as const, cell: target = cell.id, ...rest } = {}) =>
      keys.mint({ tenant, cell: target, endpoint: cell.url, scopes, ...rest }),
    release: async (release) => {
      if (release === current) return;
      current = release;
      await cell.replaceVersion(release === 'faulty' ? 'faulty' : 'test');
    },
    killWorkers: async () => {
      cell.host.killWorker();
      return 1;
    },
    state,
    store: {
      goDown: () => store.goDown(),
      comeUp: () => store.comeUp(),
      throttle: (calls) =>
        void store.inject({
          when: isData,
          fault: answer(429, { 'x-ms-substatus': '3200', 'x-ms-retry-after-ms': '5' }),
          times: calls,
        }),
      failSomeEntries: (calls) => void store.inject({ when: isBulk, fault: someThrottled, times: calls }),
      loseAnswers: (calls) => void store.inject({ when: isWrite, fault: { kind: 'cut-after' }, times: calls }),
      holdWrites: () => {
        let release: () => void = () => undefined;
        const until = new Promise<void>((resolve) => {
          release = resolve;
        });
        let seen: () => void = () => undefined;
        const waiting = new Promise<void>((resolve) => {
          seen = resolve;
        });
        const active = store.inject({
          when: (call) => {
            const held = isTransaction(call);
            if (held) seen();
            return held;
          },
          fault: { kind: 'hold', until },
        });
        return {
          waiting,
          release: () => {
            active.heal();
            release();
          },
        };
      },
    },
    bus: {
      goDown: () => bus.shut(),
      comeUp: () => bus.open(),
      throttle: (calls) => serviceBus.throttle(calls),
      failSomeEntries: (calls) => serviceBus.rejectSends(calls),
      loseAnswers: () => void serviceBus.disconnect(),
      holdWrites: () => {
        throw new Error('Nothing holds the writes of Service Bus.');
      },
    },
    crashRelayAfterPublish: () => {
      // The relay has published when its host wants to checkpoint. None of that gets through until the app has been started
      // anew, from where it last was.
      let restarted = false;
      const lost = store.inject({
        when: (call) => {
          if (!isCheckpoint(call)) return false;
          if (!restarted) void cell.replaceVersion('test').finally(() => lost.heal());
          restarted = true;
          return true;
        },
        fault: { kind: 'cut-before' },
      });
    },
    deadLetters: async () => (await cell.consumers()).reduce((sum, { deadLetters }) => sum + deadLetters, 0),
    close,
  };
}
