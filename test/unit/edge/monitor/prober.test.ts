// Six connections for all probes: which one is given up when there are not enough, and which is not.
import { healthProbe, type ProbeResult } from '../../../../core/cell/health-probe.ts';
import { MONITOR_DEFAULTS } from '../../../../core/edge/monitor/monitor-settings.ts';
import { createProber, PROBER_LIMITS } from '../../../../core/edge/monitor/prober.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const { urgentMs, timeoutMs } = MONITOR_DEFAULTS;
const NEVER = Number.POSITIVE_INFINITY;

/** Rounds of probes, as they come while a cell does not answer in time. Cell → after how long it answers, in milliseconds. */
async function rounds(count: number, answerMs: Readonly<Record<string, number>>, everyMs: number = urgentMs) {
  const clock = new FakeClock();
  const open = { now: 0, most: 0, all: 0 };
  const asked: string[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    const cell = new URL(request.url).hostname.replace('.example', '');
    const after = answerMs[cell] ?? NEVER;
    open.now += 1;
    open.all += 1;
    open.most = Math.max(open.most, open.now);
    const cut = new Promise<never>((_, reject) => {
      request.signal.addEventListener('abort', () => reject(request.signal.reason));
    });
    try {
      await Promise.race([after === NEVER ? cut : clock.sleep(after), cut]);
    } finally {
      open.now -= 1;
    }
    return Response.json({ cell, status: 'ok' });
  };
  const prober = createProber({
    probe: healthProbe({ fetch, clock }, { timeoutMs, lateMs: 5 * timeoutMs }),
    ask: async ({ id }) => {
      asked.push(id);
      await clock.sleep(40);
      return null;
    },
    clock,
  });
  const targets = Object.keys(answerMs).map((id) => ({ id, endpoint: `https://${id}.example` }));
  const found = new Map<string, ProbeResult[]>(targets.map(({ id }) => [id, []]));
  for (let round = 0; round < count; round += 1) {
    const [about, witness] = targets.slice(-2) as [(typeof targets)[0], (typeof targets)[0]];
    const sent = prober.send(targets, [{ witness, about, spare: true }], urgentMs);
    await clock.advance(everyMs);
    await sent;
    for (const [cell, results] of prober.take().results) found.get(cell)?.push(...results);
  }
  /** The longest time without a sign of life, in milliseconds. */
  const silence = (cell: string): number => {
    const signs = (found.get(cell) ?? [])
      .filter(({ answer }) => answer === 'alive')
      .map(({ sentAt, tookMs }) => sentAt + tookMs);
    const times = [clock.now() - count * everyMs, ...signs, clock.now()];
    return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? time)));
  };
  return { clock, found, silence, open, asked };
}

test.each([
  ['two cells are slow', { slow: 2210, slower: 2260, quick: 20 }],
  ['one is slow and one silent', { silent: NEVER, slow: 1550, quick: 20 }],
  ['one is slow and one silent, in the other order', { slow: 1550, silent: NEVER, quick: 20 }],
])('when %s, each slow one goes on showing that it is alive', async (_, cells) => {
  const { silence, open } = await rounds(40, cells);
  for (const [cell, after] of Object.entries(cells))
    if (after !== NEVER) expect([cell, silence(cell) < MONITOR_DEFAULTS.silenceMs]).toEqual([cell, true]);
  expect(open.most).toBeLessThanOrEqual(PROBER_LIMITS.connections);
});

test('a witness is asked once the probes of the round are answered, however many cells there are', async () => {
  const clock = new FakeClock();
  const asked: string[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    await clock.sleep(20);
    return Response.json({ cell: new URL(request.url).hostname.replace('.example', ''), status: 'ok' });
  };
  const prober = createProber({
    probe: healthProbe({ fetch, clock }, { timeoutMs, lateMs: 5 * timeoutMs }),
    ask: async (witness, about) => {
      asked.push(`${witness.id} ${about.id}`);
      return null;
    },
    clock,
  });
  const cells = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, endpoint: `https://${id}.example` }));
  const [witness, about] = cells as [(typeof cells)[0], (typeof cells)[0]];
  const sent = prober.send(cells, [{ witness, about, spare: true }], urgentMs);
  await clock.advance(urgentMs);
  await sent;
  expect(asked).toEqual(['a b']);
});

test('however many cells are silent, and for however long, a cell has one probe waiting: no backlog is left when they are back', async () => {
  const silent = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`silent-${index}`, NEVER]));
  const answers: Record<string, number> = { ...silent, quick: 20 };
  const { clock, open, silence } = await rounds(120, answers);
  expect(silence('quick')).toBeLessThan(10_000);
  for (const cell of Object.keys(silent)) answers[cell] = 20;
  const before = open.all;
  await clock.advance(10_000);
  expect(open.all - before).toBeLessThanOrEqual(Object.keys(answers).length);
});

test.each([1, 2])('a witness is asked for its proof although %d cells of five are silent for long', async (count) => {
  const cells = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((id, index) => [id, index < count ? NEVER : 20]));
  const { asked } = await rounds(40, cells, MONITOR_DEFAULTS.intervalMs);
  expect(asked.length).toBeGreaterThan(0);
});

test('many silent cells keep no connection from the others: all of them are judged within each timeout', async () => {
  const silent = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`silent-${index}`, NEVER]));
  const { found, open } = await rounds(40, { ...silent, quick: 20 });
  for (const [cell, results] of found) {
    const judged = results.filter(({ answer }) => answer === (cell === 'quick' ? 'alive' : 'silent'));
    expect([cell, judged.length >= 10]).toEqual([cell, true]);
  }
  expect(open.most).toBe(PROBER_LIMITS.connections);
});
