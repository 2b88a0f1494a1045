// The monitor over cells and a directory in memory: what it commands, what it reports, and that its own failures change nothing.

import type { CellDefinition } from '../../../../core/edge/ports/directory-model.ts';
import type { PublicKey } from '../../../../core/ports/keys.ts';
import { definition } from '../../../support/cloud.ts';
import { CELL_KEY, publicPart, STRANGERS_KEY } from '../../../support/route-tokens.ts';
import { watched } from '../../../support/watched-cells.ts';

test.each(['gone', 'deaf'] as const)(
  'a cell that is %s is failed over, as the monitor, with the reason',
  async (how) => {
    const w = await watched(definition('a'), definition('b'));
    await w.addTenant('acme', 'a', 'b');
    await w.run(3000);
    expect(w.status().cells.map(({ id, verdict, probes }) => [id, verdict, probes])).toEqual([
      ['a', 'up', '...'],
      ['b', 'up', '...'],
    ]);
    w.reach.set('a', how);
    await w.run(2000);
    expect(await w.stateOf('a')).toBe('active');
    await w.run(2000);
    expect(await w.stateOf('a')).toBe('down');
    const problem = how === 'gone' ? 'ECONNREFUSED' : 'no answer in 800 ms';
    expect((await w.directory.audit({ limit: 1 })).items[0]).toMatchObject({
      actor: 'monitor',
      reason: expect.stringMatching(
        new RegExp(`^no sign of life for [23]\\.\\d s, [5-7] probes in a row failed: ${problem}$`),
      ),
      command: { kind: 'fail-over', cell: 'a' },
      outcome: 'applied',
    });
    expect(w.log.messages('warn')).toEqual([
      `It no longer answers its probes: ${problem}.`,
      'It has been failed over. Tenants that it no longer serves: 1.',
    ]);
  },
);

test('a store that throttles is no reason; an answer of another cell is', async () => {
  const w = await watched(definition('a'), definition('b'), {
    ...definition('c'),
    endpoint: 'https://b.example',
  });
  await w.addTenant('acme', 'c', 'b');
  await w.run(5000);
  expect(await w.stateOf('c')).toBe('down');
  expect(w.status().cells[2]).toMatchObject({ detail: 'another cell answers at https://b.example' });
});

test('a refused failover is in the audit log once, however long it lasts', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', null);
  w.reach.set('a', 'gone');
  await w.run(30_000);
  expect(await w.stateOf('a')).toBe('active');
  const { items } = await w.directory.audit({ limit: 100 });
  expect(items.filter(({ actor }) => actor === 'monitor')).toMatchObject([
    { outcome: 'refused', refusal: { code: 'standby_unavailable' } },
  ]);
  expect(w.status().cells[0]).toMatchObject({ verdict: 'failing', stay: 'refused' });
  expect(w.status().cells[0]?.refusal).toContain('standby_unavailable: ');
  // An operator gives it a standby: it is failed over at the next try.
  await w.change({ kind: 'place-tenant', tenant: 'acme', standby: 'b' });
  await w.run(11_000);
  expect(await w.stateOf('a')).toBe('down');
});

test('a tenant without a usable standby does not hold back those that have one', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  await w.addTenant('alone', 'a', null);
  w.reach.set('a', 'gone');
  await w.run(5000);
  expect(await w.stateOf('a')).toBe('down');
  expect(w.log.messages('warn').at(-1)).toBe(
    'It has been failed over. Tenants that it no longer serves: 2. Unserved: 1 tenant of a without a standby.',
  );
});

test('while the directory is unavailable nothing is changed, which is logged once; afterwards the monitor goes on', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  w.reach.set('a', 'gone');
  w.setAway(true);
  await w.run(10_000);
  expect(w.status().trouble).toBe('unavailable: The directory is away.');
  expect(w.log.messages('error')).toEqual(['the monitor cannot do its work; nothing is changed']);
  w.setAway(false);
  await w.run(1000);
  expect(await w.stateOf('a')).toBe('active');
  await w.run(3000);
  expect(await w.stateOf('a')).toBe('down');
  expect(w.status().trouble).toBe(null);
});

test('a monitor that starts anew fails nothing over by what an earlier one saw', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  w.reach.set('a', 'gone');
  await w.run(2000);
  w.restart();
  await w.run(2000);
  expect(await w.stateOf('a')).toBe('active');
  await w.run(4000);
  expect(await w.stateOf('a')).toBe('down');
});

test('what is proposed is in the status until the cell recovers', async () => {
  const w = await watched(definition('a', 'approve'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  w.reach.set('a', 'gone');
  await w.run(5000);
  expect(w.status().cells[0]).toMatchObject({ state: 'active', verdict: 'failing', stay: 'proposed' });
  w.restart();
  await w.run(1000);
  expect(w.status().cells[0]).toMatchObject({ verdict: 'failing', stay: 'proposed' });
  expect(w.log.messages('error')).toHaveLength(1);
  w.reach.set('a', 'there');
  await w.run(4000);
  expect(w.status().cells[0]).toMatchObject({ verdict: 'up', stay: null });
});

test('a cell that lives and was failed over is fenced once it can be reached', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  await w.asks('a', 'acme', 1);
  w.reach.set('a', 'deaf');
  await w.run(5000);
  expect(await w.stateOf('a')).toBe('down');
  expect(w.status().fencing).toMatchObject({
    waiting: 1,
    jobs: [
      { of: 'home a', whom: 'home' },
      { whom: 'serving', state: 'done' },
    ],
  });
  w.reach.set('a', 'there');
  await w.run(3000);
  expect(await w.asks('a', 'acme', 1)).toBe('409 stale_epoch');
  expect(w.status().fencing.waiting).toBe(0);
});

const azure = (id: string): CellDefinition => ({ ...definition(id), cloud: 'azure' });

test('a lost cloud is failed over: all of its cells at once, though they are most of all cells', async () => {
  const w = await watched(definition('alpha'), azure('beta'), azure('gamma'));
  await w.addTenant('globex', 'beta', 'alpha');
  await w.addTenant('initech', 'gamma', 'alpha');
  await w.run(3000);
  for (const id of ['beta', 'gamma']) w.reach.set(id, 'gone');
  await w.run(5000);
  expect([await w.stateOf('beta'), await w.stateOf('gamma')]).toEqual(['down', 'down']);
});

test('cells of both clouds that the monitor alone cannot reach are left where they are; those that are lost are not', async () => {
  const w = await watched(definition('alpha'), definition('delta'), azure('beta'), azure('gamma'));
  await w.addTenant('acme', 'alpha', 'gamma');
  await w.addTenant('globex', 'beta', 'gamma');
  await w.run(5000);
  for (const id of ['alpha', 'beta', 'delta']) w.hidden.add(id);
  await w.run(10_000);
  expect(w.status().cells.map(({ id, state, stay, seenBy }) => [id, state, stay, seenBy.gamma])).toEqual([
    ['alpha', 'active', 'contradicted', true],
    ['beta', 'active', 'contradicted', true],
    ['delta', 'active', 'contradicted', true],
    ['gamma', 'active', null, undefined],
  ]);
  for (const id of ['alpha', 'beta', 'delta']) w.reach.set(id, 'gone');
  await w.run(10_000);
  expect([await w.stateOf('alpha'), await w.stateOf('beta')]).toEqual(['down', 'down']);
});

test('cells of both clouds that are lost at once are failed over on the word of a third one', async () => {
  const w = await watched(definition('alpha'), azure('beta'), azure('gamma'));
  await w.addTenant('acme', 'alpha', 'gamma');
  await w.addTenant('globex', 'beta', 'gamma');
  await w.run(5000);
  for (const id of ['alpha', 'beta']) w.reach.set(id, 'gone');
  await w.run(5000);
  expect([await w.stateOf('alpha'), await w.stateOf('beta')]).toEqual(['down', 'down']);
});

test('a cell shows once a minute that it reaches others, and no more often', async () => {
  const w = await watched(definition('alpha'), azure('beta'), azure('gamma'));
  await w.run(60_000);
  expect(w.witnesses.sort()).toEqual(['alpha', 'beta', 'gamma']);
  await w.run(60_000);
  expect(w.witnesses.sort()).toEqual(['alpha', 'alpha', 'beta', 'beta', 'gamma', 'gamma']);
});

test('a cell that was left down though it answers is failed back when the next fault needs it', async () => {
  const w = await watched(definition('a'), azure('b'));
  await w.addTenant('acme', 'a', 'b');
  await w.addTenant('globex', 'b', 'a');
  await w.change({ kind: 'fail-over', cell: 'a' });
  await w.run(4000);
  w.reach.set('b', 'gone');
  await w.run(5000);
  expect([await w.stateOf('a'), await w.stateOf('b')]).toEqual(['active', 'down']);
  expect((await w.directory.audit({ limit: 1 })).items[0]).toMatchObject({
    actor: 'monitor',
    command: { kind: 'fail-over', cell: 'b', answering: ['a'] },
    outcome: 'applied',
  });
  expect(w.log.messages('warn').at(-1)).toContain(
    'a answers and is failed back, as tenants would be unserved without it.',
  );
});

test('a cell that is down and leaves its return to operators stays down, and the refusal names the way out', async () => {
  const w = await watched(definition('a', 'approve'), azure('b'));
  await w.addTenant('globex', 'b', 'a');
  await w.change({ kind: 'fail-over', cell: 'a' });
  await w.run(4000);
  w.reach.set('b', 'gone');
  await w.run(5000);
  expect([await w.stateOf('a'), await w.stateOf('b')]).toEqual(['down', 'active']);
  expect(w.status().cells[1]?.refusal).toContain('fail it back first (npx polycell failover back a)');
});

test('a cell that answers again after its stand-in has failed too is failed back; one whose tenants are served is not', async () => {
  const w = await watched(definition('a'), azure('b'), azure('c'));
  await w.addTenant('acme', 'a', 'b');
  await w.addTenant('globex', 'b', 'c');
  await w.run(3000);
  w.reach.set('a', 'gone');
  await w.run(5000);
  w.reach.set('b', 'gone');
  await w.run(5000);
  expect([await w.stateOf('a'), await w.stateOf('b')]).toEqual(['down', 'down']);
  w.reach.set('a', 'there');
  await w.run(5000);
  expect(await w.stateOf('a')).toBe('active');
  w.reach.set('b', 'there');
  await w.run(8000);
  // Its tenants are served by c.
  expect(await w.stateOf('b')).toBe('down');
});

test('a cell that does not prove its identity is an impostor: it is reported at once, and failed over with the reason', async () => {
  const keyed = (id: string, key: PublicKey) => ({ ...definition(id), keys: [publicPart(key)] });
  // The directory knows another key of a than the one that what answers there has; b is as it should be.
  const w = await watched(keyed('a', { ...STRANGERS_KEY, kid: CELL_KEY.kid }), keyed('b', CELL_KEY));
  await w.addTenant('acme', 'a', 'b');
  await w.run(1000);
  const message = 'what answers at its endpoint has not proved that it is the cell';
  expect(w.log.messages('error')).toEqual([message]);
  await w.run(4000);
  expect(w.log.messages('error')).toEqual([message]);
  expect(await w.stateOf('a')).toBe('down');
  const status = w.status().cells.map(({ id, verdict, detail }) => [id, verdict, detail]);
  expect(status).toEqual([
    ['a', 'failing', 'its proof of identity is refused: its signature is wrong'],
    ['b', 'up', 'ok'],
  ]);
  expect((await w.directory.audit({ limit: 1 })).items[0]?.reason).toMatch(/its proof of identity is refused/);
});
