// Dead letters: each is parked, none is lost while the store cannot take it, and none runs the consumer's code.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { deadLetters } from '../../../core/pipeline/dead-letters.ts';
import { parking } from '../../../core/pipeline/parking.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type FaultPlan, faultyStore } from '../../support/faulty-store.ts';
import { message, unreadable } from '../../support/messages.ts';
import { RecordingLog } from '../../support/recording-log.ts';

const NO_DEADLINE = Number.MAX_SAFE_INTEGER;

function setUp(plan?: FaultPlan) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const parked = parking({ state: faultyStore(new MemoryStore({ clock }), plan), clock });
  return { log, parked, handle: deadLetters({ consumer: 'counts', parking: parked, log }) };
}

test('events and unreadable messages are parked under their tenants, with the reason', async () => {
  const { parked, handle, log } = setUp();
  const first = message('r-1');
  const outcomes = await handle([first, unreadable('{', { tenant: 'globex' })], NO_DEADLINE);
  expect(outcomes).toEqual([{ status: 'done' }, { status: 'done' }]);
  expect(await parked.list('counts', first.tenant, 10)).toMatchObject({
    items: [{ consumer: 'counts', reason: { code: 'dead_letter' }, event: { id: 'r-1' } }],
  });
  expect(await parked.list('counts', 'globex', 10)).toMatchObject({
    items: [{ reason: { code: 'dead_letter' }, text: '{' }],
  });
  expect(log.messages('error')).toEqual(['parked a dead letter', 'parked a dead letter']);
});

test('one that cannot be parked stays in the queue, and the others do not wait for it', async () => {
  let puts = 0;
  const { parked, handle } = setUp(() => {
    puts += 1;
    return puts === 1 ? { code: 'unavailable', when: 'before' } : undefined;
  });
  const [first, second] = [message('r-1'), message('r-2')];
  expect(await handle([first, second], NO_DEADLINE)).toMatchObject([{ status: 'retry' }, { status: 'done' }]);
  expect((await parked.list('counts', first.tenant, 10)).items).toMatchObject([{ event: { id: 'r-2' } }]);
  expect(await handle([first], NO_DEADLINE)).toEqual([{ status: 'done' }]);
  expect((await parked.list('counts', first.tenant, 10)).items).toHaveLength(2);
});

test('an event that a dead letter repeats is parked once', async () => {
  const { parked, handle } = setUp();
  const first = message('r-1');
  await handle([first], NO_DEADLINE);
  await handle([first, first], NO_DEADLINE);
  expect((await parked.list('counts', first.tenant, 10)).items).toHaveLength(1);
});
