// The bounds of the directory, each tried at its edge.
import { MemoryDirectoryStorage } from '../../../../adapters/memory/memory-directory-storage.ts';
import { createDirectory, REFUSALS_REMEMBERED } from '../../../../core/edge/directory/directory.ts';
import { MAXIMUM_CELLS } from '../../../../core/edge/ports/directory.ts';
import type { Cell, CellDefinition, DirectoryCommand, Tenant } from '../../../../core/edge/ports/directory-model.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const BY = { actor: 'ops', reason: 'test' };

/** No cell holds events. */
const EMPTY = { a: null, b: null };

const definition = (id: string): CellDefinition => ({
  id,
  cloud: 'aws',
  region: `r-${id}`,
  jurisdiction: 'eu',
  endpoint: 'https://cell.example.com',
  capacity: 10,
  price: 1,
  failover: 'never',
});

const record = (id: string, more: Partial<Cell> = {}) => ({
  kind: 'cell' as const,
  value: { ...definition(id), state: 'active' as const, switches: 0, revision: 1, ...more },
});

function open() {
  const storage = new MemoryDirectoryStorage();
  const own = createDirectory({ storage, clock: new FakeClock() });
  const result = async (command: DirectoryCommand, intent = BY) => {
    const outcome = await own.change(command, { holdings: EMPTY, ...intent });
    return outcome.status === 'refused' ? `${outcome.code}: ${outcome.detail}` : outcome.status;
  };
  const write = (...records: Parameters<MemoryDirectoryStorage['write']>[0]) =>
    storage.write(records, {
      revision: storage.revision() + 1,
      at: '2026-11-21T07:41:03.000Z',
      ...BY,
      command: { kind: 'drain-cell', cell: 'x' },
      outcome: 'applied',
      changes: [],
    });
  return { own, storage, result, write };
}

test('a directory holds so many cells', async () => {
  const { result, write } = open();
  write(...Array.from({ length: MAXIMUM_CELLS - 1 }, (_, index) => record(`c${index}`)));
  expect(await result({ kind: 'add-cell', cell: definition('last') })).toBe('applied');
  expect(await result({ kind: 'add-cell', cell: definition('more') })).toBe(
    'no_capacity: A directory holds 10000 cells.',
  );
  expect(await result({ kind: 'add-cell', cell: { ...definition('last'), price: 2 } })).toBe('applied');
});

test('a cell is switched so often, and always back once it is down', async () => {
  const { own, result, write } = open();
  write(record('a', { switches: 2 ** 24 - 4 }));
  expect(await result({ kind: 'fail-over', cell: 'a' })).toBe('applied');
  expect(await result({ kind: 'fail-back', cell: 'a' })).toBe('applied');
  expect(await result({ kind: 'fail-over', cell: 'a' })).toMatch(
    /^no_capacity: a has reached the maximum number of switches/,
  );
  expect((await own.cells())[0]?.cell.switches).toBe(2 ** 24 - 2);
});

test('a tenant is placed so often', async () => {
  const { result, write } = open();
  const tenant: Tenant = {
    id: 't',
    cell: 'a',
    standby: null,
    epochBase: (2 ** 29 - 3) * 2 ** 24 + 1,
    residency: 'eu',
    tier: 'standard',
    pinned: false,
    revision: 1,
  };
  write(record('a'), record('b'), { kind: 'tenant', value: tenant });
  expect(await result({ kind: 'place-tenant', tenant: 't', cell: 'b' })).toBe('applied');
  expect(await result({ kind: 'place-tenant', tenant: 't', cell: 'a' })).toMatch(
    /^no_capacity: t has reached the maximum number of placements/,
  );
});

test('each refused failover of an insistent monitor is recorded once, so the log stays small', async () => {
  const { own, result, write } = open();
  const lone = (id: string): Tenant => ({
    id,
    cell: id,
    standby: null,
    epochBase: 1,
    residency: 'eu',
    tier: 'standard',
    pinned: false,
    revision: 1,
  });
  const ids = Array.from({ length: REFUSALS_REMEMBERED }, (_, index) => `c${index}`);
  for (const id of ids) write(record(id), { kind: 'tenant', value: lone(id) });
  const lines = async () =>
    (await own.audit({ limit: 1000 })).items.filter(({ outcome }) => outcome === 'refused').length;
  for (let round = 0; round < 3; round += 1)
    for (const cell of ids)
      expect(await result({ kind: 'fail-over', cell }, { actor: 'monitor', reason: 'silent' })).toMatch(
        /^standby_unavailable: /,
      );
  expect(await lines()).toBe(REFUSALS_REMEMBERED);
});

test('an actor and a reason are lines of so many bytes', async () => {
  const { result } = open();
  const add: DirectoryCommand = { kind: 'add-cell', cell: definition('a') };
  expect(await result(add, { actor: 'é'.repeat(128), reason: 'é'.repeat(500) })).toBe('applied');
  expect(await result(add, { actor: 'é'.repeat(129), reason: 'x' })).toBe(
    'invalid_command: actor: it must be a line of 1 to 256 bytes.',
  );
  expect(await result(add, { actor: 'x', reason: 'x'.repeat(1001) })).toBe(
    'invalid_command: reason: it must be a line of 1 to 1000 bytes.',
  );
});

test('an endpoint may be on this machine without encryption, and nowhere else', async () => {
  const { result } = open();
  const ends = ['http://127.0.0.1:8080', 'http://localhost:1', 'http://[::1]:1', 'https://x.example.com:8443'];
  for (const [index, endpoint] of ends.entries())
    expect(await result({ kind: 'add-cell', cell: { ...definition(`c${index}`), endpoint } })).toBe('applied');
  for (const endpoint of [
    'http://127.0.0.1.example.com',
    'https://x.example.com/',
    'https://X.example.com',
    'https://x?y',
    `https://${'x'.repeat(300)}`,
    '',
  ])
    expect(await result({ kind: 'add-cell', cell: { ...definition('x'), endpoint } })).toMatch(
      /^invalid_command: cell.endpoint: /,
    );
});
