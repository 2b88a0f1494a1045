// The contracts of the directory's storage and of the route cache, kept by SQLite and Workers KV in the Workers runtime.
import type { KvRouteCache } from '../../adapters/cloudflare/kv-route-cache.ts';
import type { SqliteDirectoryStorage } from '../../adapters/cloudflare/sqlite-directory-storage.ts';
import type { Cell, Tenant } from '../../core/edge/ports/directory-model.ts';
import { eventually } from '../support/eventually.ts';
import { type Fault, NO_FAULT } from './cloudflare/calls.ts';
import { WorkersRuntime } from './cloudflare/runtime.ts';
import { codeOf } from './contract.ts';
import { directoryStorageContract, type RemoteStorage } from './directory-storage.contract.ts';
import { routeCacheContract } from './route-cache.contract.ts';

const runtime = new WorkersRuntime();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

let harnesses = 0;

const inObject = (name: string) => {
  const run = <T>(method: string, args: readonly unknown[]) =>
    runtime.call<T>({ target: 'storage', name, method, args, fault: NO_FAULT });
  const remote =
    <M extends keyof RemoteStorage>(method: M) =>
    (...args: Parameters<SqliteDirectoryStorage[M]>) =>
      run<ReturnType<SqliteDirectoryStorage[M]>>(method, args);
  return { run, remote };
};

directoryStorageContract('SQLite in a Durable Object', () => {
  const { run, remote } = inObject(`storage-${++harnesses}`);
  return {
    storage: {
      revision: remote('revision'),
      epochFloor: remote('epochFloor'),
      effectsFloor: remote('effectsFloor'),
      leaseUntil: remote('leaseUntil'),
      recordLease: remote('recordLease'),
      cell: remote('cell'),
      cells: remote('cells'),
      tenant: remote('tenant'),
      tenants: remote('tenants'),
      homes: remote('homes'),
      standbysByHome: remote('standbysByHome'),
      homesByStandby: remote('homesByStandby'),
      write: remote('write'),
      audit: remote('audit'),
      unpublished: remote('unpublished'),
      published: remote('published'),
    },
    step: (writes, fails) => run<void>('step', [{ writes, fails }]),
    restart: () => runtime.restart(),
    close: async () => undefined,
  };
});

test('tables of a later version are not touched', async () => {
  const { run, remote } = inObject('later');
  await remote('revision')();
  await run('sql', ["UPDATE facts SET value = 2 WHERE name = 'schema'"]);
  expect(await codeOf(remote('revision')())).toBe('misconfigured');
});

test('no question about a cell reads the tenants', async () => {
  const { run, remote } = inObject('plans');
  await remote('revision')();
  const plan = async (query: string) =>
    (await run<{ detail: string }[]>('sql', [`EXPLAIN QUERY PLAN ${query}`])).map(({ detail }) => detail);
  expect(await plan("SELECT SUM(tenants) FROM pairs WHERE home = 'a'")).toEqual([
    'SEARCH pairs USING PRIMARY KEY (home=?)',
  ]);
  expect(await plan("SELECT home, tenants FROM pairs WHERE standby = 'a' ORDER BY home")).toEqual([
    'SEARCH pairs USING INDEX pairs_by_standby (standby=?)',
  ]);
  expect(await plan("SELECT record FROM tenants WHERE home = 'a' AND id > 'b' ORDER BY id LIMIT 5")).toEqual([
    'SEARCH tenants USING INDEX tenants_by_home (home=? AND id>?)',
  ]);
});

describe('a change is published to the route cache without a further call', () => {
  const cell = (id: string) => ({
    id,
    cloud: 'aws',
    region: 'eu-central-1',
    jurisdiction: 'eu',
    endpoint: 'https://cell.example.com',
    capacity: 10,
    price: 1,
    failover: 'never',
  });
  const change = (name: string, command: object) =>
    runtime.call<{ status: string }>({
      target: 'directory',
      name,
      method: 'change',
      args: [command, { actor: 'ops', reason: 'test' }],
      fault: NO_FAULT,
    });
  const cached = (id: string) =>
    runtime.call<Cell | undefined>({ target: 'cache', name: '', method: 'cell', args: [id], fault: NO_FAULT });

  test('soon after it', async () => {
    expect(await change('writing', { kind: 'add-cell', cell: cell('written') })).toMatchObject({ status: 'applied' });
    await eventually(async () => expect(await cached('written')).toMatchObject({ id: 'written', revision: 1 }));
    await change('writing', { kind: 'fail-over', cell: 'written' });
    await eventually(async () => expect(await cached('written')).toMatchObject({ state: 'down', revision: 2 }));
  });

  test('when the cache is there again, also if the object has been started anew meanwhile', async () => {
    await runtime.setFaults({ routeCache: 'refused' });
    expect(await change('waiting', { kind: 'add-cell', cell: cell('late') })).toMatchObject({ status: 'applied' });
    expect(await codeOf(cached('late'))).toBe('unavailable');
    await runtime.restart();
    // No request reaches the object: its alarm is enough.
    await eventually(async () => expect(await cached('late')).toMatchObject({ id: 'late', revision: 1 }));
  });
});

routeCacheContract('Workers KV', () => {
  let fault: Fault = NO_FAULT;
  const call = <T>(method: string, ...args: readonly unknown[]) =>
    runtime.call<T>({ target: 'cache', name: '', method, args, fault });
  const cache: Pick<KvRouteCache, 'tenant' | 'cell' | 'put'> = {
    tenant: (id) => call<Tenant | undefined>('tenant', id),
    cell: (id) => call<Cell | undefined>('cell', id),
    put: (record) => call('put', record),
  };
  const heal = async () => {
    fault = NO_FAULT;
    await runtime.setFaults({});
  };
  return {
    cache,
    prefix: `cache-${++harnesses}`,
    faults: {
      disconnect: () => runtime.setFaults({ routeCache: 'refused' }),
      hang: async () => {
        fault = { kind: 'hang' };
        await runtime.setFaults({ routeCache: 'silent' });
      },
      refuse: async (status) => {
        await heal();
        fault = { kind: 'status', status };
      },
      heal,
      putText: (name, text) => runtime.call({ target: 'text', name, method: 'put', args: [text], fault: NO_FAULT }),
    },
    close: heal,
  };
});
