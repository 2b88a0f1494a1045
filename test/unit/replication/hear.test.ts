// Copies that wait are asked about page by page: what is over ends, what may happen is sent, and each step has its limits.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { TOMBSTONE_REMEMBERED_MS } from '../../../core/cell/erasure-terms.ts';
import { fromStored } from '../../../core/events/cloud-event.ts';
import { pendingCopies } from '../../../core/pipeline/pending.ts';
import { RECEIPT_LIMITS } from '../../../core/pipeline/receipts.ts';
import { tombstones } from '../../../core/pipeline/tombstones.ts';
import { PortError } from '../../../core/ports/errors.ts';
import { HEAR_LIMITS, hear } from '../../../core/replication/hear.ts';
import { candidate, measured } from '../../support/events.ts';
import { FakeClock, START } from '../../support/fake-clock.ts';
import { NO_TOMBSTONES } from '../../support/nothing-erased.ts';
import { receiptCells } from '../../support/receipt-cells.ts';
import { RecordingLog } from '../../support/recording-log.ts';

const event = (id: string, more = {}) => candidate({ id, data: measured('temperature', 1), ...more });

/** Two cells of which one keeps copies, as its home has done nothing yet. */
async function keeping(ids: readonly string[]) {
  const cells = receiptCells();
  await cells.tell('home');
  if (ids.length > 0)
    await cells.send(
      'home',
      ids.map((id) => event(id)),
    );
  await cells.copy('home');
  await cells.cell('standby').pump(2);
  const listen = async () => (await cells.ask('standby', '/v1/replica/hear', { method: 'POST' })).body;
  return { ...cells, listen };
}

test('a standby keeps what its home has not done, and asks neither it nor the edge before the edge has it ask', async () => {
  const { waiting, asked, listen } = await keeping(['a', 'b']);
  expect([await waiting('standby'), asked()]).toEqual([2, 0]);
  expect(await listen()).toEqual({ ended: 0, sent: 0, waiting: 2, unfinished: 0, next: null });
});

test('what the home has done ends with its claim, and what was erased without one', async () => {
  const { cell, listen, claims, waiting } = await keeping(['a', 'b']);
  await cell('home').pump(2);
  const standby = cell('standby');
  await tombstones(standby).mark({ tenant: 'acme', subject: 'pump-1', until: '2026-11-22' }, 'e1');
  standby.clock.jump(TOMBSTONE_REMEMBERED_MS);
  expect(await listen()).toEqual({ ended: 2, sent: 0, waiting: 0, unfinished: 0, next: null });
  expect([await waiting('standby'), await claims('standby')]).toEqual([0, []]);
});

test('a copy that is dropped where it was parked never happens, wherever the tenant goes', async () => {
  const { cell, ask, listen, move, total, turn, waiting } = await keeping(['a']);
  const { items } = await cell('home').events.query('acme|pump-1', { limit: 1 });
  const event = fromStored(items[0] as never).event;
  const reason = { code: 'x', message: 'It could not be processed.' };
  await cell('home').parking.park({ consumer: 'tally', tenant: 'acme', event, reason });
  const [parked] = (await cell('home').parking.list('tally', 'acme', 1)).items;
  expect((await ask('home', `/v1/parked/${parked?.id}`, { method: 'DELETE' })).status).toBe(204);
  expect(await listen()).toMatchObject({ ended: 1 });
  await move('standby');
  for (const id of ['standby', 'home']) await turn(id);
  expect([await total('home'), await total('standby'), await waiting('home')]).toEqual([0, 0, 0]);
});

test('what waits is as old as it gets: an operator of its home may still decide', async () => {
  const { clock, listen, failOver, down, total, turn } = await keeping(['a']);
  clock.jump(2 * RECEIPT_LIMITS.pastMs);
  expect(await listen()).toMatchObject({ waiting: 1 });
  down.add('home');
  await failOver();
  await turn('standby');
  expect(await total('standby')).toBe(1);
});

test('a list of which nothing is heard rests as long as nothing is added, but not in the cell that serves', async () => {
  const { listen, asked, clock, cell, send, copy, failOver, down } = await keeping(['a']);
  const steps: number[] = [];
  for (let seconds = 30; seconds <= 30 * 16; seconds += 30) {
    clock.jump(30_000);
    const before = asked();
    await listen();
    if (asked() > before) steps.push(seconds);
  }
  expect(steps).toEqual([30, 60, 120, 240, 480]);
  await send('home', [event('b')]);
  await copy('home');
  await cell('standby').pump(2);
  expect(await listen()).toMatchObject({ waiting: 2 });
  down.add('home');
  await failOver();
  expect(await listen()).toEqual({ ended: 0, sent: 2, waiting: 0, unfinished: 0, next: null });
});

test('a long list is asked about in pages; a step ends in time, and the next one goes on behind it', async () => {
  const { listen, cell, asked, asking, clock, send, copy } = await keeping([]);
  const many = Array.from({ length: HEAR_LIMITS.copies + 20 }, (_, index) =>
    event(`e-${index}`, { time: new Date(START - 60_000 + index).toISOString() }),
  );
  for (const some of [many.slice(0, 500), many.slice(500)]) await send('home', some);
  await copy('home');
  await cell('standby').pump(10);
  expect([await listen(), asked()]).toEqual([{ ended: 0, sent: 0, waiting: 520, unfinished: 0, next: null }, 2]);
  // Each question takes so long that a step asks no second one of a list.
  asking.before = () => clock.jump(HEAR_LIMITS.stepMs);
  clock.jump(HEAR_LIMITS.restMs);
  expect(await listen()).toMatchObject({ waiting: 500, unfinished: 1, next: null });
  expect(await listen()).toMatchObject({ waiting: 20, unfinished: 0, next: null });
});

test('a step works on four lists at a time, and says where the next one goes on; what fails of one concerns no other', async () => {
  const clock = new FakeClock();
  const [events, state] = [new MemoryStore({ clock }), new MemoryStore({ clock })];
  const pending = pendingCopies(state, clock);
  const tenants = Array.from({ length: 7 }, (_, index) => `tenant-${index}`);
  for (const tenant of tenants) await pending.add('mail', tenant, [{ subject: 's', id: '1' }]);
  await pending.add('removed', 'acme', [{ subject: 's', id: '1' }]);
  const judged: string[] = [];
  const log = new RecordingLog();
  const step = hear({
    ...{ cell: 'a', events, pending, clock, log, tombstones: NO_TOMBSTONES },
    leases: { obtain: async () => undefined, hindrance: () => 'no lease' },
    assignments: { newest: async () => undefined },
    receiptsOf: (consumer) =>
      consumer === 'mail'
        ? {
            judge: async ({ tenant }) => {
              judged.push(tenant);
              clock.jump(HEAR_LIMITS.stepMs / 3);
              if (tenant === 'tenant-1') throw new PortError('throttled', 'The store is busy.');
              return { verdicts: new Map<string, 'apply'>(), wasAsked: true };
            },
          }
        : undefined,
  });
  const first = await step(undefined);
  // Lists are in the order of their hashes; that of the other consumer is one of the first four.
  expect([judged.splice(0), first.next]).toEqual([['tenant-6', 'tenant-3', 'tenant-4'], expect.any(String)]);
  const second = await step(first.next ?? undefined);
  expect([judged.splice(0), second.next]).toEqual([
    ['tenant-2', 'tenant-1', 'tenant-5', 'tenant-0'],
    expect.any(String),
  ]);
  expect([(await step(second.next ?? undefined)).next, judged]).toEqual([null, []]);
  expect(log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields)).toEqual([
    expect.objectContaining({ tenant: 'tenant-1', code: 'throttled' }),
  ]);
  // Copies for a consumer that this release does not have wait for one that has it, a week at most.
  const removed = async () => (await pending.lists({ limit: 10 })).items.some(({ consumer }) => consumer === 'removed');
  expect(await removed()).toBe(true);
  clock.jump(HEAR_LIMITS.unknownMs);
  for (let steps = 0; steps < 2; steps += 1) await step(undefined);
  expect(await removed()).toBe(false);
});
