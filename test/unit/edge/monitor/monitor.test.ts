// The monitor over cells and a directory in memory: what it commands, what it tells, and that its own failures change nothing.

import { routeTokenSigner } from '../../../../core/cell/route-token.ts';
import { fenceRequest } from '../../../../core/edge/monitor/fence-request.ts';
import { createFencing } from '../../../../core/edge/monitor/fencing.ts';
import { createMonitor } from '../../../../core/edge/monitor/monitor.ts';
import { MONITOR_LOCALLY } from '../../../../core/edge/monitor/monitor-settings.ts';
import { healthProbe } from '../../../../core/edge/monitor/probe.ts';
import type { CellDefinition } from '../../../../core/edge/ports/directory-model.ts';
import { PortError } from '../../../../core/ports/errors.ts';
import { definition, testCloud } from '../../../support/cloud.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { MemoryMonitorStorage } from '../../../support/monitor-storage.ts';
import { RecordingLog } from '../../../support/recording-log.ts';
import { EDGE_KEY } from '../../../support/route-tokens.ts';

const settings = { ...MONITOR_LOCALLY, timeoutMs: 800 };

async function watched(...definitions: readonly CellDefinition[]) {
  const cloud = testCloud(...definitions.map(({ id }) => id));
  await cloud.add(...definitions);
  const clock = new FakeClock();
  const log = new RecordingLog();
  const storage = new MemoryMonitorStorage();
  const asking = { fetch: cloud.fetch, clock };
  let away = false;
  const directory = {
    ...cloud.directory,
    cells: async () => {
      if (away) throw new PortError('unavailable', 'The directory is away.');
      return cloud.directory.cells();
    },
  };
  const start = () =>
    createMonitor({
      directory,
      probe: healthProbe(asking, settings.timeoutMs),
      fencing: createFencing({
        directory,
        storage,
        fence: fenceRequest({ ...asking, sign: routeTokenSigner(EDGE_KEY) }, settings.timeoutMs),
        clock,
      }),
      storage,
      clock,
      log,
      settings,
    });
  let watch = start();
  const rounds = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      const round = watch.round();
      await clock.advance(settings.timeoutMs);
      await round;
      await clock.advance(settings.intervalMs - settings.timeoutMs);
    }
  };
  return {
    ...cloud,
    clock,
    log,
    rounds,
    status: () => watch.status(),
    stateOf: async (id: string) => (await cloud.directory.cells()).find(({ cell }) => cell.id === id)?.cell.state,
    restart: () => {
      watch = start();
    },
    setAway: (value: boolean) => {
      away = value;
    },
  };
}

test.each(['gone', 'deaf'] as const)(
  'a cell that is %s is failed over, as the monitor, with the reason',
  async (how) => {
    const w = await watched(definition('a'), definition('b'));
    await w.addTenant('acme', 'a', 'b');
    await w.rounds(3);
    expect(w.status().cells.map(({ id, verdict, probes }) => [id, verdict, probes])).toEqual([
      ['a', 'up', '...'],
      ['b', 'up', '...'],
    ]);
    w.reach.set('a', how);
    await w.rounds(2);
    expect(await w.stateOf('a')).toBe('active');
    await w.rounds(1);
    expect(await w.stateOf('a')).toBe('down');
    const problem = how === 'gone' ? 'ECONNREFUSED' : 'no answer in 800 ms';
    expect((await w.directory.audit({ limit: 1 })).items[0]).toMatchObject({
      actor: 'monitor',
      reason: `3 of the last 4 probes failed: ${problem}`,
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
  await w.rounds(4);
  expect(await w.stateOf('c')).toBe('down');
  expect(w.status().cells[2]).toMatchObject({ detail: 'another cell answers at https://b.example' });
});

test('a refused failover is in the audit log once, however long it lasts', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', null);
  w.reach.set('a', 'gone');
  await w.rounds(60);
  expect(await w.stateOf('a')).toBe('active');
  const { items } = await w.directory.audit({ limit: 100 });
  expect(items.filter(({ actor }) => actor === 'monitor')).toMatchObject([
    { outcome: 'refused', refusal: { code: 'standby_unavailable' } },
  ]);
  expect(w.status().cells[0]).toMatchObject({ verdict: 'failing', stay: 'refused' });
  expect(w.status().cells[0]?.refusal).toContain('standby_unavailable: ');
  // An operator gives it a standby: it is failed over at the next try.
  await w.change({ kind: 'place-tenant', tenant: 'acme', standby: 'b' });
  await w.rounds(11);
  expect(await w.stateOf('a')).toBe('down');
});

test('a tenant whom nobody can stand in for does not hold back those who have a standby', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  await w.addTenant('alone', 'a', null);
  w.reach.set('a', 'gone');
  await w.rounds(4);
  expect(await w.stateOf('a')).toBe('down');
  expect(w.log.messages('warn').at(-1)).toBe(
    'It has been failed over. Tenants that it no longer serves: 2. Unserved: 1 tenant of a without a standby.',
  );
});

test('while the directory cannot be asked nothing is changed, and that is told once; afterwards it goes on', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  w.reach.set('a', 'gone');
  w.setAway(true);
  await w.rounds(10);
  expect(w.status().trouble).toBe('unavailable: The directory is away.');
  expect(w.log.messages('error')).toEqual(['the monitor cannot do its work; nothing is changed']);
  w.setAway(false);
  await w.rounds(2);
  expect(await w.stateOf('a')).toBe('active');
  await w.rounds(1);
  expect(await w.stateOf('a')).toBe('down');
  expect(w.status().trouble).toBe(null);
});

test('a monitor that starts anew fails nothing over by what an earlier one saw', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  w.reach.set('a', 'gone');
  await w.rounds(2);
  w.restart();
  await w.rounds(2);
  expect(await w.stateOf('a')).toBe('active');
  await w.rounds(1);
  expect(await w.stateOf('a')).toBe('down');
});

test('what is proposed is in the status until the cell recovers', async () => {
  const w = await watched(definition('a', 'approve'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  w.reach.set('a', 'gone');
  await w.rounds(5);
  expect(w.status().cells[0]).toMatchObject({ state: 'active', verdict: 'failing', stay: 'proposed', probes: 'xxxx' });
  w.restart();
  await w.rounds(1);
  expect(w.status().cells[0]).toMatchObject({ verdict: 'failing', stay: 'proposed' });
  expect(w.log.messages('error')).toHaveLength(1);
  w.reach.set('a', 'there');
  await w.rounds(3);
  expect(w.status().cells[0]).toMatchObject({ verdict: 'up', stay: null });
});

test('a cell that lives and was failed over is fenced once it can be reached', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  await w.asks('a', 'acme', 1);
  w.reach.set('a', 'deaf');
  await w.rounds(4);
  expect(await w.stateOf('a')).toBe('down');
  expect(w.status().fencing).toMatchObject({ waiting: 1, jobs: [{ of: 'home a', whom: 'home' }] });
  w.reach.set('a', 'there');
  await w.rounds(2);
  expect(await w.asks('a', 'acme', 1)).toBe('409 stale_epoch');
  expect(w.status().fencing.waiting).toBe(0);
});
