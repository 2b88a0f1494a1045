// When a cell is failed over, when it is not, and what is said of it.
import fc from 'fast-check';
import { MONITOR_DEFAULTS, MONITOR_LOCALLY, settingsFaults } from '../../../../core/edge/monitor/monitor-settings.ts';
import type { FailoverPolicy } from '../../../../core/edge/ports/directory-model.ts';
import { APPLIED, cell, life, pair, REFUSED, settings, two } from '../../../support/monitor-life.ts';
import { property } from '../../../support/properties.ts';

describe('marking a cell down', () => {
  test('takes so many failures in a row, and no fewer', () => {
    const { round } = two();
    expect(['..', 'x.', 'x.'].map((each) => round(each))).toEqual([[], [], []]);
    expect(round('x.')).toEqual(['a']);
  });

  test('an answer in between is a sign of life, and the silence begins anew', () => {
    const { rounds2 } = pair();
    expect(rounds2('xx.xx')).toEqual([]);
    expect(rounds2('x')).toEqual(['a']);
  });

  test('one that answers a quarter of its probes is lost, though it is never silent for long', () => {
    const { rounds2 } = pair();
    expect(rounds2('.xx.xx.x')).toEqual([]);
    // Six of the last eight.
    expect(rounds2('x')).toEqual(['a']);
  });

  test('one that answers every other probe is left where it is', () => {
    const { round } = two();
    expect(Array.from({ length: 40 }, (_, index) => round(index % 2 === 0 ? 'x.' : '..')).flat()).toEqual([]);
  });

  test('a degraded cell is alive', () => {
    const { round, of } = two();
    for (let index = 0; index < 10; index += 1) expect(round('d.')).toEqual([]);
    expect(of('a')?.saved.verdict).toBe('up');
  });

  test('its beginning and its end are reported, and nothing in between', () => {
    const a = two();
    for (const probes of ['x.', 'x.', 'x.']) a.round(probes);
    a.settle('a', APPLIED);
    for (let index = 0; index < 20; index += 1) expect(a.round('x.')).toEqual([]);
    expect(a.notices).toEqual([
      'warn a It no longer answers its probes: ECONNREFUSED.',
      'warn a It has been failed over. Tenants that it no longer serves: 7.',
    ]);
  });
});

describe('coming back', () => {
  const failedOver = () => {
    const a = two();
    for (const probes of ['x.', 'x.', 'x.']) a.round(probes);
    a.settle('a', APPLIED);
    a.round('x.');
    return a;
  };

  test('a cell that answers again is reported, and stays failed over', () => {
    const a = failedOver();
    for (let index = 0; index < 30; index += 1) expect(a.round('..')).toEqual([]);
    expect(a.notices.at(-1)).toBe(
      'info a It answers again and stays failed over until it is failed back: npx polycell failover back a.',
    );
  });

  test('after it was failed back it is left alone for the grace, and failed over behind it', () => {
    const a = failedOver();
    a.round('..');
    a.set('a', 'active');
    // The grace begins in the round that sees it: 5 seconds, with a window that is new.
    expect(['x.', 'x.', 'x.', 'x.', 'x.'].map((each) => a.round(each))).toEqual([[], [], [], [], []]);
    expect(a.notices.at(-1)).toBe('error a It was failed back a moment ago and is not failed over again yet.');
    expect(a.round('x.')).toEqual(['a']);
  });

  test('the grace survives a restart', () => {
    const a = failedOver();
    a.round('..');
    a.set('a', 'active');
    a.round('x.');
    a.restart();
    expect(['x.', 'x.', 'x.', 'x.'].map((each) => a.round(each))).toEqual([[], [], [], []]);
    expect(a.round('x.')).toEqual(['a']);
  });
});

describe('policies', () => {
  test('approve: a proposal, reported once, that ends when the cell recovers', () => {
    const a = two('approve');
    for (let index = 0; index < 10; index += 1) expect(a.round('x.')).toEqual([]);
    expect(a.of('a')?.saved.stay).toBe('proposed');
    for (let index = 0; index < 3; index += 1) a.round('..');
    expect(a.of('a')?.saved.stay).toBe(null);
    expect(a.notices).toEqual([
      'warn a It no longer answers its probes: ECONNREFUSED.',
      'error a A failover is proposed: npx polycell failover start a.',
      'info a It answers again.',
    ]);
  });

  test('never: reported once, and left to operators', () => {
    const a = two('never');
    for (let index = 0; index < 10; index += 1) expect(a.round('x.')).toEqual([]);
    expect(a.notices.at(-1)).toBe('error a Its policy leaves it to operators: npx polycell failover start a.');
    expect(a.notices).toHaveLength(2);
  });
});

describe('a failover that is refused', () => {
  test('is reported once and retried after a while, with a preview first', () => {
    const a = two();
    for (const probes of ['x.', 'x.', 'x.']) a.round(probes);
    a.settle('a', REFUSED);
    // Ten intervals later, and not before.
    expect(Array.from({ length: 10 }, () => a.round('x.')).flat()).toEqual([]);
    expect(a.round('x.')).toEqual(['a preview']);
    a.settle('a', REFUSED);
    expect(a.round('x.')).toEqual([]);
    expect(a.notices.filter((each) => each.includes('refused'))).toEqual([
      'error a Its failover is refused (standby_unavailable: Its standby is down.). Its tenants are not served.',
    ]);
    expect(a.of('a')?.saved.refusal).toBe('standby_unavailable: Its standby is down.');
  });

  test('is retried at once when another cell is up again, which may be the one that was missing', () => {
    const a = life([cell('a'), cell('b'), cell('c')]);
    for (const probes of ['xx.', 'xx.', 'xx.']) a.round(probes);
    for (const id of ['a', 'b']) a.settle(id, REFUSED);
    expect(a.of('b')?.saved.verdict).toBe('failing');
    const orders: (readonly string[])[] = [];
    for (let rounds = 0; rounds < 10 && a.of('b')?.saved.verdict === 'failing'; rounds += 1)
      orders.push(a.round('x..'));
    expect(orders.at(-1)).toEqual(['a preview']);
    expect(orders.slice(0, -1).flat()).toEqual([]);
    a.settle('a', REFUSED);
    expect(a.round('x..')).toEqual([]);
  });

  test('is reported again in the next episode', () => {
    const a = two();
    for (const probes of ['x.', 'x.', 'x.']) a.round(probes);
    a.settle('a', REFUSED);
    for (const probes of ['..', '..', '..', 'x.', 'x.']) a.round(probes);
    expect(a.round('x.')).toEqual(['a']);
    a.settle('a', REFUSED);
    expect(a.notices.filter((each) => each.includes('refused'))).toHaveLength(2);
  });
});

describe('the monitor’s own troubles', () => {
  test('when no cell answers, nothing is done, which is reported once', () => {
    const a = two();
    for (let index = 0; index < 10; index += 1) expect(a.round('xx')).toEqual([]);
    expect(a.notices.filter((each) => each.includes('several clouds'))).toHaveLength(1);
    expect(a.of('a')?.saved.stay).toBe('held');
  });

  test('a probe of which nothing follows is no failure: the monitor was late itself', () => {
    const a = pair();
    expect(a.rounds2('x????')).toEqual([]);
    expect(a.rounds2('xx')).toEqual(['a']);
  });

  test('after a restart a window begins anew, whatever was known before', () => {
    const a = two();
    for (const probes of ['x.', 'x.', 'x.']) a.round(probes);
    a.restart();
    expect(['x.', 'x.'].map((each) => a.round(each))).toEqual([[], []]);
    expect(a.round('x.')).toEqual(['a']);
  });

  test('after a gap a window begins anew', () => {
    const a = two();
    for (const probes of ['x.', 'x.']) a.round(probes);
    a.pause(5000);
    expect(['x.', 'x.'].map((each) => a.round(each))).toEqual([[], []]);
    expect(a.round('x.')).toEqual(['a']);
  });

  test('while all is well there is nothing to save', () => {
    const a = two();
    for (let index = 0; index < 5; index += 1) a.round('..');
    a.restart();
    expect(a.size()).toBe(0);
  });
});

const history = fc.record({
  cells: fc.array(fc.constantFrom<FailoverPolicy>('automatic', 'approve', 'never'), { minLength: 1, maxLength: 5 }),
  steps: fc.array(
    fc.record({
      probes: fc.string({ unit: fc.constantFrom('.', 'x', 'd', ' '), minLength: 5, maxLength: 5 }),
      outcome: fc.constantFrom(APPLIED, REFUSED),
      event: fc.constantFrom('none', 'none', 'none', 'restart', 'back', 'pause'),
    }),
    { maxLength: 60 },
  ),
});

property('no history has the monitor fail over what it must not', history, ({ cells, steps }) => {
  const ids = cells.map((_, index) => String.fromCodePoint(97 + index));
  const monitor = life(cells.map((failover, index) => cell(ids[index] ?? '', { failover })));
  const windows = new Map(ids.map((id) => [id, '']));
  const down = new Set<string>();
  for (const { probes, outcome, event } of steps) {
    if (event === 'restart') {
      monitor.restart();
      for (const id of ids) windows.set(id, '');
    }
    if (event === 'pause') {
      monitor.pause(60_000);
      for (const id of ids) windows.set(id, '');
    }
    if (event === 'back')
      for (const id of down) {
        monitor.set(id, 'active');
        windows.set(id, '');
      }
    if (event === 'back') down.clear();
    const orders = monitor.round(probes).map((order) => order.split(' ')[0] ?? '');
    for (const [index, id] of ids.entries())
      if (probes[index] !== ' ') windows.set(id, `${windows.get(id)}${probes[index]}`.slice(-settings.window));
    const answers = ids.some((id) => /[.d]$/.test(windows.get(id) ?? ''));
    for (const id of orders) {
      expect(cells[ids.indexOf(id)]).toBe('automatic');
      expect(down.has(id)).toBe(false);
      expect([...(windows.get(id) ?? '')].filter((each) => each === 'x').length).toBeGreaterThanOrEqual(3);
      expect(answers).toBe(true);
      monitor.settle(id, outcome);
      if (outcome.status === 'applied') down.add(id);
    }
    expect(monitor.size()).toBeLessThanOrEqual(ids.length);
    for (const id of ids) expect(monitor.of(id)?.evidence.probes.length ?? 0).toBeLessThanOrEqual(settings.window);
  }
  expect(steps.length).toBeGreaterThanOrEqual(0);
});

describe('settings', () => {
  test('what production and a laptop run with can be used', () => {
    expect(settingsFaults(MONITOR_DEFAULTS)).toEqual([]);
    expect(settingsFaults(MONITOR_LOCALLY)).toEqual([]);
    expect({ ...MONITOR_LOCALLY, graceMs: 60_000 }).toEqual(MONITOR_DEFAULTS);
  });

  test('every fault is reported', () => {
    expect(settingsFaults({ ...MONITOR_DEFAULTS, intervalMs: 249, timeoutMs: 0.5, window: 2, failures: 3 })).toEqual([
      'intervalMs must be a whole number from 250 to 60000, not 249.',
      'timeoutMs must be a whole number from 100 to 10000, not 0.5.',
      'failures (3) must not be more than window (2).',
    ]);
  });
});
