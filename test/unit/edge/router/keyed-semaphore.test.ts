// A bound on what is under way, and shares that their requests never give back.
import fc from 'fast-check';
import { KeyedSemaphore, type Permit } from '../../../../core/edge/router/keyed-semaphore.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { property } from '../../../support/properties.ts';

test('no more than the capacity is taken, and what is given back once counts once', () => {
  const allowance = new KeyedSemaphore({ capacity: 10, lifeMs: 1000, clock: new FakeClock() });
  const share = allowance.acquire(6) as Permit;
  expect(allowance.acquire(5)).toBeUndefined();
  expect(allowance.acquire(4)).toBeDefined();
  allowance.release(share);
  allowance.release(share);
  expect(allowance.taken).toBe(4);
});

test('a share that is not given back is taken back when there is no room and its life is over', async () => {
  const clock = new FakeClock();
  const allowance = new KeyedSemaphore({ capacity: 2, lifeMs: 1000, clock });
  const first = allowance.acquire(1) as Permit;
  await clock.advance(500);
  allowance.acquire(1);
  await clock.advance(499);
  expect(allowance.acquire(1)).toBeUndefined();
  await clock.advance(1);
  expect(allowance.acquire(1)).toBeDefined();
  allowance.release(first);
  expect(allowance.taken).toBe(2);
});

test('an owner has a part of it at most, and as much again of what it has given back', () => {
  const allowance = new KeyedSemaphore({ capacity: 10, perOwner: 4, lifeMs: 1000, clock: new FakeClock() });
  const share = allowance.acquire(3, 'a') as Permit;
  expect(allowance.acquire(2, 'a')).toBeUndefined();
  expect(allowance.acquire(4, 'b')).toBeDefined();
  expect(allowance.acquire(4, 'c')).toBeUndefined();
  allowance.release(share);
  allowance.release(share);
  expect(allowance.acquire(4, 'a')).toBeDefined();
  expect(allowance.acquire(1, 'a')).toBeUndefined();
  expect(allowance.taken).toBe(8);
});

property(
  'whatever is taken and given back, the sum is that of what is out',
  fc.array(fc.tuple(fc.nat(5), fc.nat(300), fc.boolean(), fc.constantFrom('a', 'b'))),
  (steps) => {
    const clock = new FakeClock();
    const allowance = new KeyedSemaphore({ capacity: 12, perOwner: 8, lifeMs: 1000, clock });
    const out = new Set<Permit>();
    for (const [amount, pause, gives, owner] of steps) {
      clock.jump(pause);
      const share = allowance.acquire(amount, owner);
      if (share !== undefined) out.add(share);
      for (const each of gives ? [...out].slice(0, 1) : []) {
        allowance.release(each);
        out.delete(each);
      }
      expect(allowance.taken).toBeLessThanOrEqual(12);
      expect(allowance.taken).toBeLessThanOrEqual([...out].reduce((sum, each) => sum + each.amount, 0));
    }
    for (const each of out) allowance.release(each);
    expect(allowance.taken).toBe(0);
    expect([allowance.acquire(8, 'a'), allowance.acquire(4, 'b')]).not.toContain(undefined);
  },
);
