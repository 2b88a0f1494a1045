// A cell is failed back only once it has what its standbys have accepted, and they have what it has; or deliberately before.
import { MemoryDirectoryStorage } from '../../../../adapters/memory/memory-directory-storage.ts';
import { CAUGHT_UP_LIMITS, caughtUp } from '../../../../core/edge/control/caught-up.ts';
import { comparison } from '../../../../core/edge/control/left-behind.ts';
import { createDirectory } from '../../../../core/edge/directory/directory.ts';
import type { JsonObject } from '../../../../core/ports/json.ts';
import { candidate, measured } from '../../../support/events.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { CELL_KEY, publicPart } from '../../../support/route-tokens.ts';
import { endpointOf, tenantCells } from '../../../support/tenant-cells.ts';

const event = (id: string) => candidate({ id, data: measured('temperature', 1) });

/** The directory of home and standby, where the home is down, and a gate that compares the cells of `tenantCells`. */
async function failedOver(where = tenantCells(), keyless = false) {
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock: where.clock });
  const intent = { actor: 'ops', reason: 'a test' };
  for (const id of ['home', 'standby']) {
    const { state: _, switches: __, revision: ___, keys, ...cell } = { ...where.record(id), capacity: 100 };
    const proof = { cell: id, endpoint: endpointOf(id), keys: keys ?? [] };
    const declared = keyless ? cell : { ...cell, ...(keys && { keys }) };
    await directory.change({ kind: 'add-cell', cell: declared }, { ...intent, ...(!keyless && { proof }) });
  }
  const tenant = { kind: 'add-tenant', tier: 'standard', residency: 'any', cell: 'home', standby: 'standby' } as const;
  await directory.change({ ...tenant, tenant: 'acme' }, intent);
  await directory.change({ kind: 'fail-over', cell: 'home' }, intent);
  where.state.switches = 1;
  const asked: string[] = [];
  const replicas = async ({ id }: { id: string }): Promise<JsonObject | string> => {
    if (where.down.has(id)) return 'it cannot be asked: ECONNREFUSED';
    const { body } = await where.ask(id, '/v1/replicas');
    return body as unknown as JsonObject;
  };
  const compare = comparison((request) => {
    asked.push(request.from);
    return where.pusher(request);
  });
  const gate = caughtUp({ directory, replicas, compare, clock: where.clock });
  const missing = async () => {
    const home = (await directory.cells()).find(({ cell }) => cell.id === 'home')?.cell;
    if (home === undefined) throw new Error('There is no home.');
    return gate(home);
  };
  return { where, directory, intent, missing, asked };
}

test('what the standby has accepted and the home lacks is counted, and nothing is missing once it was brought', async () => {
  const { where, missing, asked } = await failedOver();
  await where.tell('standby');
  await where.send('standby', [event('a'), event('b')]);
  expect(await missing()).toBe('acme: 2 events of standby are not in home');
  await where.push('standby');
  await where.send('home', [event('straggler')], 2);
  expect(await missing()).toBe('acme: 1 events of home are not in standby');
  await where.push('home');
  asked.length = 0;
  expect(await missing()).toBeNull();
  // The notes of both pushes are enough.
  expect(asked).toEqual([]);
});

test('a comparison of before the failover, or of long ago, says nothing; then the cells are compared', async () => {
  const where = tenantCells();
  await where.push('home');
  await where.push('standby');
  const { missing, asked } = await failedOver(where);
  expect(await missing()).toBeNull();
  expect(asked.splice(0)).toEqual(['standby', 'home']);
  expect(await missing()).toBeNull();
  expect(asked.splice(0)).toEqual([]);
  where.clock.jump(CAUGHT_UP_LIMITS.freshMs);
  expect(await missing()).toBeNull();
  // What the home had does not change any more.
  expect(asked).toEqual(['standby']);
});

test('a cell that does not answer, and cells without keys, are not known to have anything', async () => {
  const { where, missing } = await failedOver();
  where.down.add('home');
  expect(await missing()).toMatch(/^acme: .*ECONNREFUSED/);
  const keyless = await failedOver(tenantCells(), true);
  expect(await keyless.missing()).toBe('acme: the cells cannot be compared without keys');
});

test('a tenant without a standby holds up nothing', async () => {
  const { directory, intent, missing, asked } = await failedOver();
  await directory.change({ kind: 'fail-back', cell: 'home' }, intent);
  const alone = { tier: 'standard', residency: 'any', cell: 'home', standby: null } as const;
  await directory.change({ kind: 'add-tenant', tenant: 'alone', ...alone }, intent);
  await directory.change({ kind: 'fail-over', cell: 'home', partial: true }, intent);
  expect(await missing()).toBeNull();
  expect(asked).toEqual(['standby', 'home']);
});

test('of many tenants some are compared at once, and some named', async () => {
  const { where, directory, intent, missing, asked } = await failedOver();
  where.down.add('home');
  await directory.change({ kind: 'fail-back', cell: 'home' }, intent);
  for (let index = 0; index < 7; index += 1)
    await directory.change(
      {
        kind: 'add-tenant',
        tenant: `t-${index}`,
        tier: 'standard',
        residency: 'any',
        cell: 'home',
        standby: 'standby',
      },
      intent,
    );
  await directory.change({ kind: 'fail-over', cell: 'home' }, intent);
  expect(await missing()).toMatch(/; and 3 tenants more$/);
  expect(asked).toHaveLength(2 * CAUGHT_UP_LIMITS.compared);
});

test('the directory refuses the failback while anything is missing, unless it is forced, and says what', async () => {
  const clock = new FakeClock();
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock });
  const keys = [publicPart(CELL_KEY)];
  const place = { cloud: 'aws', region: 'r', jurisdiction: 'eu' } as const;
  const cell = {
    ...{ id: 'a', ...place, endpoint: 'https://a.example', keys },
    ...{ capacity: 1, price: 1, failover: 'automatic' as const },
  };
  const intent = { actor: 'ops', reason: 'a test' };
  await directory.change(
    { kind: 'add-cell', cell },
    { ...intent, proof: { cell: 'a', endpoint: cell.endpoint, keys } },
  );
  await directory.change({ kind: 'fail-over', cell: 'a', partial: true }, intent);
  const behind = 'acme: 2 events of b are not in a';
  for (const dryRun of [true, false])
    expect(await directory.change({ kind: 'fail-back', cell: 'a' }, { ...intent, behind, dryRun })).toMatchObject({
      status: 'refused',
      code: 'not_caught_up',
      detail: expect.stringContaining(behind),
    });
  const forced = { kind: 'fail-back', cell: 'a', force: true } as const;
  expect(await directory.change(forced, { ...intent, behind, dryRun: true })).toMatchObject({ status: 'previewed' });
  expect(await directory.change(forced, { ...intent, behind })).toMatchObject({
    status: 'applied',
    notes: [`Missing until they come: ${behind}.`],
  });
});
