// Timer triggers on a clock that only the test moves.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileTimerStatus, memoryTimerStatus, type Timers } from '../../index.ts';
import { cleanUp, eventually, startApp, type TestHost } from './support.ts';

afterEach(cleanUp);

/** A clock that stands still until it is moved. */
class ManualTimers implements Timers {
  #now: number;
  #sleepers: { at: number; wake: () => void }[] = [];

  constructor(start: string) {
    this.#now = Date.parse(start);
  }

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (milliseconds <= 0 || signal?.aborted === true) return Promise.resolve();
    return new Promise((wake) => {
      this.#sleepers.push({ at: this.#now + milliseconds, wake });
      signal?.addEventListener('abort', () => wake(), { once: true });
    });
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    const due = this.#sleepers.filter(({ at }) => at <= this.#now);
    this.#sleepers = this.#sleepers.filter(({ at }) => at > this.#now);
    for (const { wake } of due) wake();
  }

  /** True while a timer is set for exactly this long from now. */
  isAwaited(milliseconds: number): boolean {
    return this.#sleepers.some(({ at }) => at === this.#now + milliseconds);
  }
}

const MINUTE = 60_000;

function timerApp(
  options: string,
  handler = `async (timer, context) => context.log(JSON.stringify(timer))`,
): { source: string } {
  return {
    source: `
      import { app } from '@azure/functions';
      app.timer('tick', { ${options}, handler: ${handler} });
    `,
  };
}

const runs = (host: TestHost): unknown[] => host.said();

it('runs on schedule, with the status in UTC', async () => {
  const timers = new ManualTimers('2026-03-01T10:02:30Z');
  const host = await startApp(timerApp(`schedule: '%EVERY%'`), { timers, environment: { EVERY: '0 */5 * * * *' } });
  await eventually('it waits', () => timers.isAwaited(2.5 * MINUTE));
  timers.advance(2.5 * MINUTE);
  await eventually('a run', () => runs(host).length === 1);
  await eventually('it waits again', () => timers.isAwaited(5 * MINUTE));
  timers.advance(5 * MINUTE);
  await eventually('a second run', () => runs(host).length === 2);
  expect(runs(host)).toEqual([
    {
      schedule: { adjustForDST: true },
      scheduleStatus: {
        last: '0001-01-01T00:00:00+00:00',
        next: '2026-03-01T10:05:00+00:00',
        lastUpdated: '2026-03-01T10:02:30+00:00',
      },
      isPastDue: false,
    },
    {
      schedule: { adjustForDST: true },
      scheduleStatus: {
        last: '2026-03-01T10:05:00+00:00',
        next: '2026-03-01T10:10:00+00:00',
        lastUpdated: '2026-03-01T10:05:00+00:00',
      },
      isPastDue: false,
    },
  ]);
});

it.each(['memory', 'file'])('makes up once for what it missed while the host was down (status in %s)', async (kind) => {
  const timers = new ManualTimers('2026-03-01T10:02:30Z');
  const folder = await mkdtemp(path.join(tmpdir(), 'timers-'));
  const timerStatus = kind === 'memory' ? memoryTimerStatus() : fileTimerStatus(folder);
  const app = timerApp(`schedule: '0 */5 * * * *'`);
  const first = await startApp(app, { timers, timerStatus });
  await first.host.stop();
  timers.advance(17 * MINUTE);
  const second = await startApp(app, {
    timers,
    timerStatus: kind === 'memory' ? timerStatus : fileTimerStatus(folder),
  });
  await eventually('a late run', () => runs(second).length === 1);
  expect(runs(second)).toEqual([expect.objectContaining({ isPastDue: true })]);
  await eventually('then as planned', () => timers.isAwaited(0.5 * MINUTE));
  // Another schedule does not make anything late.
  await second.host.stop();
  timers.advance(60 * MINUTE);
  const third = await startApp(timerApp(`schedule: '0 0 * * * *'`), { timers, timerStatus });
  await eventually('it waits', () => timers.isAwaited(40.5 * MINUTE));
  expect(runs(third)).toEqual([]);
});

it('runs on start-up when asked to, and does not monitor schedules under a minute', async () => {
  const timers = new ManualTimers('2026-03-01T10:00:00.500Z');
  const host = await startApp(timerApp(`schedule: '*/10 * * * * *', runOnStartup: true`), { timers });
  await eventually('a run', () => runs(host).length === 1);
  expect(runs(host)).toEqual([{ schedule: { adjustForDST: true }, scheduleStatus: null, isPastDue: false }]);
  await eventually('the next', () => timers.isAwaited(9500));
});

it('never runs twice at once, and retries as its policy says', async () => {
  const timers = new ManualTimers('2026-03-01T10:00:00Z');
  const retry = `retry: { strategy: 'exponentialBackoff', minimumInterval: { seconds: 4 }, maximumInterval: { minutes: 3 }, maxRetryCount: 2 }`;
  const handler = `async (_timer, { retryContext, log }) => { console.log(retryContext?.retryCount ?? 0); throw new Error('no'); }`;
  const host = await startApp(timerApp(`schedule: '00:01:00', ${retry}`, handler), { timers });
  const attempts = (): string[] =>
    host.log.filter(({ category }) => category === 'console').map(({ message }) => message);
  await eventually('it waits', () => timers.isAwaited(MINUTE));
  timers.advance(MINUTE);
  await eventually('the first retry waits', () => timers.isAwaited(4000));
  expect(attempts()).toEqual(['0']);
  timers.advance(4000);
  await eventually('the second retry waits', () => host.log.some(({ message }) => /before retry 2 of 2/.test(message)));
  timers.advance(2 * MINUTE);
  await eventually('it gave up', () => attempts().length === 3);
  // The occurrences that passed meanwhile are not made up for: the next one is a full interval away.
  await eventually('it waits', () => timers.isAwaited(MINUTE));
  expect(attempts()).toEqual(['0', '1', '2']);
});

it('refuses schedules that make no sense, and other time zones', async () => {
  await expect(startApp(timerApp(`schedule: '61 * * * * *'`))).rejects.toThrow('has "61" as its second');
  await expect(startApp(timerApp(`schedule: 'often'`))).rejects.toThrow('neither an NCRONTAB expression');
  const environment = { WEBSITE_TIME_ZONE: 'Europe/Vienna' };
  await expect(startApp(timerApp(`schedule: '0 * * * * *'`), { environment })).rejects.toThrow('only run in UTC');
});
