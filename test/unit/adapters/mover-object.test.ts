// The mover's alarms: it works while moves are under way, at the time when they are due, and sleeps otherwise.
import { moverClient, moverObject } from '../../../adapters/cloudflare/mover-object.ts';
import type { MoveView } from '../../../core/edge/ports/mover.ts';
import { NO_ERASURES } from '../../support/control-api.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function object(rounds: (number | null)[], erasing: (number | null)[] = []) {
  const clock = new FakeClock();
  let alarm: number | null = null;
  const worked: number[] = [];
  const methods = moverObject({
    mover: {
      start: async () => ({ refused: 'unknown_tenant', detail: 'There is no tenant acme.' }),
      change: async () => ({ value: { tenant: 'acme' } as MoveView }),
      show: async () => null,
      list: async () => [],
      round: async () => {
        worked.push(clock.now());
        return rounds.shift() ?? null;
      },
    },
    erasures: { ...NO_ERASURES, round: async () => erasing.shift() ?? null },
    storage: {
      getAlarm: async () => alarm,
      setAlarm: async (at) => {
        alarm = Number(at);
      },
      deleteAlarm: async () => {
        alarm = null;
      },
    },
    clock,
  });
  return { clock, methods, worked, alarm: () => (alarm === null ? null : alarm - clock.now()) };
}

test('an order wakes it at once; then it works when something is due', async () => {
  const { methods, alarm, clock } = object([0, instant(5000), null]);
  await methods.start({} as never, false);
  expect(alarm()).toBe(0);
  await methods.alarm();
  // What is overdue is due now.
  expect(alarm()).toBe(0);
  await methods.alarm();
  expect(alarm()).toBe(5000);
  clock.jump(5000);
  await methods.alarm();
  // Nothing is under way.
  expect(alarm()).toBeNull();
});

test('an order to erase wakes it at once; a look does not', async () => {
  const { methods, alarm } = object([]);
  expect(await methods.erasing('erasures', { limit: 1 })).toEqual({ items: [], next: null });
  expect(alarm()).toBeNull();
  expect(await methods.erasing('bringErasures', 'acme', ['alpha'])).toEqual({ value: 0 });
  expect(alarm()).toBe(0);
});

test('of moves and erasures, what is due first wakes it', async () => {
  const { methods, alarm } = object([instant(5000), null], [instant(3000), instant(9000)]);
  await methods.alarm();
  expect(alarm()).toBe(3000);
  await methods.alarm();
  expect(alarm()).toBe(9000);
});

test('looking at moves changes no alarm, unless one was lost', async () => {
  const { methods, alarm, clock } = object([]);
  await methods.list();
  expect(alarm()).toBeNull();
  await methods.change('acme', 'pause', 'ops', 'a test');
  await methods.list();
  expect(alarm()).toBe(0);
  clock.jump(60_001);
  await methods.list();
  expect(alarm()).toBe(0);
});

test('a mover that does not answer in time is unavailable', async () => {
  const clock = new FakeClock();
  const silent = () => new Promise<never>(() => undefined);
  const client = moverClient(
    () => ({ erasing: silent, start: silent, show: silent, change: silent, list: silent }),
    clock,
  );
  const asked = client.list();
  const rejected = expect(asked).rejects.toMatchObject({ code: 'unavailable' });
  await clock.advance(25_000);
  await rejected;
  const of = client.erasure('e-1');
  const refused = expect(of).rejects.toMatchObject({ code: 'unavailable' });
  await clock.advance(25_000);
  await refused;
});

/** An instant after the beginning of these tests. */
function instant(milliseconds: number): number {
  return new FakeClock().now() + milliseconds;
}
