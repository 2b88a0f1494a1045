// Buckets of tokens: what a tenant may send at once, on average, and after a pause, and how many buckets are kept.

import type { Tier } from '../../../../core/edge/ports/directory-model.ts';
import { type QuotaDeps, quota as quotas } from '../../../../core/edge/router/quota.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const rules = { standard: { perSecond: 10, burst: 5 }, premium: { perSecond: 100, burst: 50 } };
/** The seconds to wait for a request. */
const quota = (deps: QuotaDeps) => {
  const { take } = quotas(deps);
  return (tenant: string, tier: Tier, bytes?: number) => take(tenant, tier, bytes).wait;
};

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

describe('bytes', () => {
  const bytes = { perSecond: 100, burst: 100, bytesPerSecond: 1_000_000, burstBytes: 2_000_000 };
  const rules = { standard: bytes, premium: { perSecond: 100, burst: 200 } };

  test('so many at once, then as many as the rate gives; a refused request takes none', async () => {
    const clock = new FakeClock();
    const take = quota({ rules, clock });
    expect(taken(10, () => take('acme', 'standard', 400_000))).toBe(5);
    expect(take('acme', 'standard', 400_000)).toBe(1);
    expect(take('acme', 'standard', 0)).toBe(0);
    await clock.advance(1000);
    expect(taken(10, () => take('acme', 'standard', 400_000))).toBe(2);
    expect(taken(10, () => take('globex', 'standard', 400_000))).toBe(5);
  });

  test('are 32 KiB for each request of a quota that does not say, and at least the largest body', () => {
    const take = quota({ rules, clock: new FakeClock() });
    expect(taken(50, () => take('acme', 'premium', 1_048_576))).toBe(6);
    const small = { perSecond: 1, burst: 1, bytesPerSecond: 1, burstBytes: 1 };
    const narrow = quota({ rules: { standard: small, premium: small }, clock: new FakeClock() });
    expect(narrow('acme', 'standard', 1_048_576)).toBe(0);
  });

  test('that become known later are owed, and keep the next request waiting', async () => {
    const clock = new FakeClock();
    const { take, charge } = quotas({ rules, clock });
    charge('acme', 'standard', 5_000_000);
    expect(take('acme', 'standard').wait).toBe(3);
    await clock.advance(3000);
    expect(take('acme', 'standard').wait).toBe(0);
  });

  test('headers tell the quota and what is left of it', () => {
    const { take } = quotas({ rules, clock: new FakeClock() });
    expect(take('acme', 'standard', 500_000).headers).toEqual({
      ratelimit: '"requests";r=99;t=1, "bytes";r=1500000;t=1',
      'ratelimit-policy': '"requests";q=100;w=1, "bytes";q=2000000;w=2;qu="content-bytes"',
    });
  });
});
