// Buckets of tokens: what a tenant may send at once, on average, and after a pause, and how many buckets are kept.
import { quota } from '../../../../core/edge/router/quota.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const rules = { standard: { perSecond: 10, burst: 5 }, premium: { perSecond: 100, burst: 50 } };
const taken = (times: number, take: () => number) =>
  Array.from({ length: times }, take).filter((wait) => wait === 0).length;

test('so many at once, then as many as the rate gives, never more than at once after a pause', async () => {
  const clock = new FakeClock();
  const take = quota({ rules, clock });
  expect(taken(20, () => take('acme', 'standard'))).toBe(5);
  await clock.advance(300);
  expect(taken(20, () => take('acme', 'standard'))).toBe(3);
  await clock.advance(3_600_000);
  expect(taken(20, () => take('acme', 'standard'))).toBe(5);
});

test('each tier has its own, and each tenant', () => {
  const take = quota({ rules, clock: new FakeClock() });
  expect(taken(100, () => take('acme', 'premium'))).toBe(50);
  expect(taken(100, () => take('globex', 'standard'))).toBe(5);
});

test('a refusal gives whole seconds, at least one', async () => {
  const clock = new FakeClock();
  const take = quota({ rules: { ...rules, standard: { perSecond: 0.25, burst: 1 } }, clock });
  expect([take('acme', 'standard'), take('acme', 'standard')]).toEqual([0, 4]);
  await clock.advance(3999);
  expect(take('acme', 'standard')).toBe(1);
  await clock.advance(1);
  expect(take('acme', 'standard')).toBe(0);
});

test('a clock that is set back fills nothing', () => {
  const clock = new FakeClock();
  const take = quota({ rules, clock });
  taken(5, () => take('acme', 'standard'));
  clock.jump(-60_000);
  expect(take('acme', 'standard')).toBe(1);
  clock.jump(200);
  expect(taken(9, () => take('acme', 'standard'))).toBe(2);
});

test('so many buckets are kept; who is forgotten begins anew', () => {
  const take = quota({ rules, clock: new FakeClock(), capacity: 2 });
  taken(5, () => take('a', 'standard'));
  expect(take('a', 'standard')).toBe(1);
  take('b', 'standard');
  take('c', 'standard');
  expect(take('a', 'standard')).toBe(0);
});
