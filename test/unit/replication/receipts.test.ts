// Two cells of a tenant, and effects that must happen once: across moves once, and twice only across a failover whose receipt had not come.
import fc from 'fast-check';
import { fromStored } from '../../../core/events/cloud-event.ts';
import { RECEIPT_LIMITS } from '../../../core/pipeline/receipts.ts';
import { candidate, measured } from '../../support/events.ts';
import { property } from '../../support/properties.ts';
import { receiptCells } from '../../support/receipt-cells.ts';

const event = (id: string, value = 1, more = {}) => candidate({ id, data: measured('temperature', value), ...more });

test('a standby notes what its home has done, and does nothing of it', async () => {
  const { send, copy, turn, total, claims } = receiptCells();
  await send('home', [event('a'), event('b')]);
  await turn('home');
  await copy('home');
  await turn('standby');
  expect([await total('home'), await total('standby')]).toEqual([2, 0]);
  expect(await claims('standby')).toEqual(await claims('home'));
  expect(await claims('standby')).toHaveLength(2);
});

test('a move before or after the effect: it happens once, in whichever cell', async () => {
  const { send, copy, turn, total, move, waiting } = receiptCells();
  await send('home', [event('done')]);
  await turn('home');
  await send('home', [event('open')]);
  await copy('home');
  await move('standby');
  await turn('standby');
  expect([await total('home'), await total('standby')]).toEqual([1, 1]);
  // What the former home had accepted ends there without having waited for a day.
  await turn('home');
  expect([await total('home'), await total('standby')]).toEqual([1, 1]);
  expect([await waiting('home'), await waiting('standby')]).toEqual([0, 0]);
});

test('after a move what the former home has is waited for, as long as it does not answer', async () => {
  const { send, copy, turn, total, move, down, waiting } = receiptCells();
  await send('home', [event('a')]);
  await turn('home');
  await copy('home');
  await move('standby');
  down.add('home');
  for (let count = 0; count < 3; count += 1) await turn('standby');
  expect([await total('home'), await total('standby'), await waiting('standby')]).toEqual([1, 0, 1]);
  down.clear();
  await turn('standby');
  expect([await total('standby'), await waiting('standby')]).toEqual([0, 0]);
});

test('after a failover an effect whose receipt has come does not happen again, and one without does', async () => {
  const { send, copy, turn, total, failOver, down, claims } = receiptCells();
  await send('home', [event('known')]);
  await turn('home');
  await copy('home');
  await turn('standby');
  await send('home', [event('unknown')]);
  await copy('home');
  await turn('home');
  down.add('home');
  await failOver();
  await turn('standby');
  // `unknown` happened twice, under the same key.
  expect([await total('home'), await total('standby')]).toEqual([2, 1]);
  expect(await claims('standby')).toEqual(await claims('home'));
});

test('a lost cell’s effects happen in the cell that stands in, and after a failback not again', async () => {
  const { send, copy, turn, total, failOver, failBack, down, waiting } = receiptCells();
  await send('home', [event('a')]);
  await copy('home');
  down.add('home');
  await failOver();
  await turn('standby');
  expect([await total('home'), await total('standby')]).toEqual([0, 1]);
  down.clear();
  await failBack();
  await turn('home');
  expect([await total('home'), await total('standby'), await waiting('home')]).toEqual([0, 1, 0]);
});

test('what a client repeats to the new home is not done again, though the copy has not come', async () => {
  const { send, turn, total, move } = receiptCells();
  await send('home', [event('a')]);
  await turn('home');
  await move('standby');
  await send('standby', [event('a')]);
  await turn('standby');
  expect([await total('home'), await total('standby')]).toEqual([1, 0]);
});

test('once the other cell has compared under the lease, what is accepted afterwards is done without asking it', async () => {
  const { send, turn, total, settle, down, asked, tell, waiting } = receiptCells();
  await tell('home');
  down.add('standby');
  await send('home', [event('a')]);
  await turn('home');
  expect([await total('home'), await waiting('home'), asked()]).toEqual([0, 1, 0]);
  down.clear();
  await turn('home');
  expect([await total('home'), asked()]).toEqual([1, 1]);
  await settle('standby');
  down.add('standby');
  await send('home', [event('b')]);
  await turn('home');
  expect([await total('home'), asked()]).toEqual([2, 1]);
});

test('what is parked in a lost home happens in the cell that stands in', async () => {
  const { send, copy, turn, total, failOver, down, cell, waiting } = receiptCells();
  await send('home', [event('a')]);
  await copy('home');
  const reason = { code: 'x', message: 'It could not be processed.' };
  const { items } = await cell('home').events.query('acme|pump-1', { limit: 1 });
  const parked = fromStored(items[0] as never).event;
  await cell('home').parking.park({ consumer: 'tally', tenant: 'acme', event: parked, reason });
  // As long as the home is there, an operator decides.
  await turn('standby');
  expect([await total('standby'), await waiting('standby')]).toEqual([0, 1]);
  down.add('home');
  await failOver();
  await turn('standby');
  expect([await total('standby'), await waiting('standby')]).toEqual([1, 0]);
});

test('a standby that is left says first what has happened there: no other one knows it', async () => {
  const { send, copy, turn, total, failOver, failBack, down, claims, state, pusher, placed } = receiptCells();
  await send('home', [event('a')]);
  await copy('home');
  down.add('home');
  await failOver();
  await turn('standby');
  expect(await total('standby')).toBe(1);
  down.clear();
  await failBack();
  expect(await claims('home')).toEqual([]);
  const { tenant, home, standby } = placed();
  const pair = { tenant, home, standby: standby as NonNullable<typeof standby>, from: 'standby' };
  await pusher({ ...pair, restart: true, verify: false, receipts: true });
  expect(await claims('home')).toEqual(await claims('standby'));
  // Its place is taken by a cell that has had no part in it.
  down.add('standby');
  state.standby = false;
  await turn('home');
  expect([await total('home'), await total('standby')]).toEqual([0, 1]);
});

test('a copy of long ago is left to its cell, and its home is not asked', async () => {
  const { send, copy, turn, total, waiting, asked, clock } = receiptCells();
  await send('home', [event('a')]);
  clock.jump(RECEIPT_LIMITS.pastMs + 1);
  await copy('home');
  await turn('standby');
  expect([await total('standby'), await waiting('standby'), asked()]).toEqual([0, 0, 0]);
});

test('a batch is one question, however many subjects it has', async () => {
  const { send, copy, turn, asked, claims } = receiptCells();
  const many = Array.from({ length: 100 }, (_, index) => event(`e-${index}`, 1, { subject: `pump-${index % 10}` }));
  await send('home', many);
  await turn('home');
  const before = asked();
  await copy('home');
  await turn('standby');
  expect(asked() - before).toBe(1);
  expect(await claims('standby', 'pump-3')).toHaveLength(10);
});

test('copies of a home of an earlier release, which knows no receipts, are left to it; and its own effects go on', async () => {
  const { send, copy, turn, total, waiting, earlier, tell } = receiptCells();
  earlier.add('home').add('standby');
  await tell('home');
  await send('home', [event('a')]);
  await copy('home');
  await turn('standby');
  await turn('home');
  expect([await total('home'), await total('standby'), await waiting('standby')]).toEqual([1, 0, 0]);
});

const IDS = ['home', 'standby'] as const;

property(
  'whatever is sent where, copied, moved, cut off and brought back: each effect once without a failover, twice at most with one, and all in the end',
  fc.record({
    isPlanned: fc.boolean(),
    steps: fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.record({ kind: fc.constant('send' as const), id: fc.nat({ max: 1 }) }) },
        { weight: 5, arbitrary: fc.record({ kind: fc.constant('turn' as const), at: fc.constantFrom(...IDS) }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant('copy' as const), at: fc.constantFrom(...IDS) }) },
        { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('move' as const, 'switch' as const) }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: fc.constantFrom(...IDS) }) },
        { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('back' as const, 'settle' as const) }) },
      ),
      { minLength: 8, maxLength: 24 },
    ),
  }),
  async ({ isPlanned, steps }) => {
    const cells = receiptCells();
    const { state, down, send, turn, copy, move, failOver, failBack, settle, total, waiting, tell } = cells;
    const server = () => ((state.switches % 2 === 0) === state.moved ? 'standby' : 'home');
    const sent = new Set<number>();
    let failovers = 0;
    await tell('home');
    for (const step of steps) {
      if (step.kind === 'send' && !down.has(server())) {
        sent.add(step.id);
        await send(server(), [event(`e-${step.id}`)]);
      } else if (step.kind === 'turn') await turn(step.at);
      else if (step.kind === 'copy' && down.size === 0) await copy(step.at);
      else if (step.kind === 'cut') down.add(step.at);
      else if (step.kind === 'back') down.clear();
      else if (step.kind === 'settle' && down.size === 0) await settle(server() === 'home' ? 'standby' : 'home');
      else if (step.kind === 'move' && state.switches % 2 === 0 && down.size === 0)
        await move(state.moved ? 'home' : 'standby');
      else if (isPlanned) continue;
      else if (step.kind === 'switch' && state.switches % 2 === 1 && down.size === 0) await failBack();
      else if (step.kind === 'switch' && state.switches % 2 === 0 && !down.has(state.moved ? 'home' : 'standby')) {
        failovers += 1;
        await failOver();
      }
    }
    down.clear();
    for (const id of IDS) await copy(id);
    for (let round = 0; round < 3; round += 1) for (const id of IDS) await turn(id);
    const happened = (await total('home')) + (await total('standby'));
    expect([await waiting('home'), await waiting('standby')]).toEqual([0, 0]);
    if (failovers === 0) expect(happened).toBe(sent.size);
    else {
      expect(happened).toBeGreaterThanOrEqual(sent.size);
      expect(happened).toBeLessThanOrEqual(2 * sent.size);
    }
    expect(await cells.claims('standby')).toEqual(await cells.claims('home'));
  },
  40,
);
