// The retry loop, on a clock that only the test moves.

import { Backoff, DEFAULT_RETRY, type RetryPolicy, withRetry } from '../../../core/lib/retry.ts';
import { epochMs } from '../../../core/ports/clock.ts';
import { type ErrorCode, PortError } from '../../../core/ports/errors.ts';
import { nextFraction } from '../../../core/ports/ids.ts';
import { EagerClock, FakeClock, START, settle } from '../../support/fake-clock.ts';
import { scriptedIds } from '../../support/ids.ts';

const POLICY: RetryPolicy = { attempts: 4, baseMs: 100, maximumMs: 250, budgetMs: 1000 };

/** Ids whose fractions are 1/2, 1/2, … */
const halves = () => scriptedIds(...Array.from({ length: 20 }, () => '80000000'.padEnd(32, '0')));

test('fractions are drawn from the first 32 bits of an id', () => {
  expect(nextFraction(scriptedIds('00000000ffffffffffffffffffffffff'))).toBe(0);
  expect(nextFraction(scriptedIds('80000000000000000000000000000000'))).toBe(0.5);
  expect(nextFraction(scriptedIds('ffffffffffffffffffffffffffffffff'))).toBeLessThan(1);
});

test('pauses double, up to the maximum, and jitter halves them here', async () => {
  const clock = new EagerClock();
  const backoff = new Backoff({ clock, ids: halves() }, POLICY);
  expect([await backoff.pause(), await backoff.pause(), await backoff.pause(), await backoff.pause()]).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(clock.slept).toEqual([50, 100, 125]);
});

test('what the service asks for is waited, if it is longer', async () => {
  const clock = new EagerClock();
  const backoff = new Backoff({ clock, ids: halves() }, POLICY);
  await backoff.pause(400);
  await backoff.pause(1);
  expect(clock.slept).toEqual([400, 100]);
});

test('a pause that would end beyond the budget is not begun', async () => {
  const clock = new EagerClock();
  const backoff = new Backoff({ clock, ids: halves() }, POLICY);
  expect(await backoff.pause(600)).toBe(true);
  expect(await backoff.pause(401)).toBe(false);
  expect(await backoff.pause(400)).toBe(true);
  expect(await backoff.pause()).toBe(false);
  expect(clock.slept).toEqual([600, 400]);
});

test('time that the tries themselves took counts', async () => {
  const clock = new EagerClock();
  const backoff = new Backoff({ clock, ids: halves() }, POLICY);
  clock.jump(951);
  expect(await backoff.pause()).toBe(false);
  clock.jump(-1);
  expect(await backoff.pause()).toBe(true);
});

test('a policy of one attempt never pauses', async () => {
  const clock = new EagerClock();
  expect(await new Backoff({ clock, ids: halves() }, { ...POLICY, attempts: 1 }).pause()).toBe(false);
  expect(clock.slept).toEqual([]);
});

test('the usual policy stays within three seconds', async () => {
  const clock = new EagerClock();
  const ones = scriptedIds(...Array.from({ length: 20 }, () => 'f'.repeat(32)));
  const backoff = new Backoff({ clock, ids: ones });
  let tries = 1;
  while (await backoff.pause()) tries += 1;
  expect(tries).toBe(DEFAULT_RETRY.attempts);
  expect(clock.slept).toEqual([25, 50, 100, 200, 400]);
});

describe('withRetry', () => {
  const failing = (...codes: (ErrorCode | undefined)[]) => {
    let calls = 0;
    return {
      operation: async () => {
        const code = codes[calls];
        calls += 1;
        if (code !== undefined) throw new PortError(code, `call ${calls}`, { retryAfterMs: 200 });
        return `call ${calls}`;
      },
      calls: () => calls,
    };
  };
  const retryable = (error: PortError) => error.retryable;

  test('waits for the clock, and for nothing else', async () => {
    const clock = new FakeClock();
    const { operation, calls } = failing('throttled', undefined);
    let done = '';
    const work = withRetry({ clock, ids: halves() }, POLICY, operation, retryable).then((value) => {
      done = value;
    });
    await settle();
    expect(calls()).toBe(1);
    await clock.advance(199);
    expect(calls()).toBe(1);
    await clock.advance(1);
    await work;
    expect([done, calls(), clock.now()]).toEqual(['call 2', 2, epochMs(START + 200)]);
  });

  test('an error that is not to be repeated is thrown at once', async () => {
    const clock = new EagerClock();
    const { operation, calls } = failing('conflict', undefined);
    await expect(withRetry({ clock, ids: halves() }, POLICY, operation, retryable)).rejects.toMatchObject({
      code: 'conflict',
      message: 'call 1',
    });
    expect(calls()).toBe(1);
  });

  test('the last error is thrown once the attempts are used up', async () => {
    const clock = new EagerClock();
    const { operation, calls } = failing('throttled', 'unavailable', 'unknown', 'unknown-outcome', undefined);
    await expect(withRetry({ clock, ids: halves() }, POLICY, operation, retryable)).rejects.toMatchObject({
      code: 'unknown-outcome',
      message: 'call 4',
    });
    expect(calls()).toBe(4);
  });
});
