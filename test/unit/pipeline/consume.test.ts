// Consume: poison is isolated and parked without harm to the others, and faults of services park nothing.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { consume } from '../../../core/pipeline/consume.ts';
import type { TenantEvent } from '../../../core/pipeline/consumer.ts';
import { crashMarkers } from '../../../core/pipeline/crash-markers.ts';
import { parking } from '../../../core/pipeline/parking.ts';
import { type ErrorCode, PortError, STACK_LIMIT } from '../../../core/ports/errors.ts';
import { checkedStore } from '../../../core/store/checked-store.ts';
import { FakeClock, START } from '../../support/fake-clock.ts';
import { type FaultPlan, faultyStore } from '../../support/faulty-store.ts';
import { message, unreadable } from '../../support/messages.ts';
import { RecordingLog } from '../../support/recording-log.ts';

const FAR = START + 60_000;
const DONE = { status: 'done' };

interface Options {
  readonly apply?: (events: readonly TenantEvent[]) => Promise<void>;
  readonly plan?: FaultPlan;
  readonly tries?: number;
  readonly effects?: 'derived' | 'home-only';
}

function setUp({ apply = async () => undefined, plan, tries = 3, effects = 'derived' }: Options = {}) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const state = faultyStore(checkedStore(new MemoryStore({ clock })), plan);
  const parked = parking({ state, clock });
  /** The ids of each call, in order. */
  const calls: string[][] = [];
  const applied = new Set<string>();
  const handle = consume({
    cell: 'cell-1',
    consumer: {
      name: 'device-state',
      async apply(events) {
        calls.push(events.map(({ event }) => event.id));
        await apply(events);
        for (const { event } of events) applied.add(event.id);
      },
    },
    declaration: { tries, crashes: 2, effects },
    parking: parked,
    trials: crashMarkers(state, clock),
    clock,
    log,
  });
  const listed = async (tenant = 'acme') => (await parked.list('device-state', tenant, 100)).items;
  return { clock, log, state, handle, calls, applied, listed };
}

/** Fails for the events of these ids. */
const failsFor =
  (error: () => Error, ...ids: string[]) =>
  async (events: readonly TenantEvent[]) => {
    if (events.some(({ event }) => ids.includes(event.id))) throw error();
  };

const poison = () => new TypeError('This is no reading.');

test('a batch is applied in one call for each subject of each tenant', async () => {
  const { handle, calls } = setUp();
  const batch = [
    message('a'),
    message('b', {}, { subject: 'pump-2' }),
    message('c'),
    message('d', { tenant: 'globex' }),
    message('e', {}, { subject: 'pump-2' }),
  ];
  expect(await handle(batch, FAR)).toEqual([DONE, DONE, DONE, DONE, DONE]);
  expect(calls.sort()).toEqual([['a', 'c'], ['b', 'e'], ['d']]);
});

test('an empty batch is no work', async () => {
  const { handle, calls, state } = setUp();
  expect(await handle([], FAR)).toEqual([]);
  expect(calls).toEqual([]);
  expect(Object.values(state.calls).every((count) => count === 0)).toBe(true);
});

describe('poison', () => {
  test('is tried alone so many times, then parked; its batch mates are applied', async () => {
    const { handle, calls, applied, listed, log } = setUp({ apply: failsFor(poison, 'bad') });
    expect(await handle([message('a'), message('bad'), message('b')], FAR)).toEqual([DONE, DONE, DONE]);
    expect(calls).toEqual([['a', 'bad', 'b'], ['a'], ['bad'], ['bad'], ['bad'], ['b']]);
    expect([...applied].sort()).toEqual(['a', 'b']);
    expect(await listed()).toMatchObject([
      {
        consumer: 'device-state',
        tenant: 'acme',
        parkedAt: '2026-11-21T07:41:03.000Z',
        reason: { code: 'TypeError', message: 'This is no reading.' },
        event: { id: 'bad', data: { metric: 'temperature', value: 21.5, unit: 'Cel' } },
      },
    ]);
    expect(log.messages('error')).toEqual(['parked an event']);
    // The log has the line that threw; the parked document goes to clients and has none.
    expect(log.lines.at(-1)?.fields.stack).toMatch(/^TypeError: This is no reading\.\n\s+at .*consume\.test\.ts:\d+/);
    expect(JSON.stringify(await listed())).not.toContain('consume.test.ts');
  });

  test('that a service refuses is logged without a stack, and a stack is cut at its limit', async () => {
    const refused = setUp({ apply: failsFor(() => new PortError('invalid', 'x'), 'bad'), tries: 1 });
    await refused.handle([message('bad')], FAR);
    expect(refused.log.lines.at(-1)?.fields).not.toHaveProperty('stack');
    const verbose = setUp({ apply: failsFor(() => new Error('x'.repeat(STACK_LIMIT)), 'bad'), tries: 1 });
    await verbose.handle([message('bad')], FAR);
    expect(verbose.log.lines.at(-1)?.fields.stack).toHaveLength(STACK_LIMIT);
  });

  test('of another subject does not even touch the others', async () => {
    const { handle, calls } = setUp({ apply: failsFor(poison, 'bad'), tries: 1 });
    await handle([message('a'), message('bad', {}, { subject: 'pump-2' })], FAR);
    expect(calls).toEqual([['a'], ['bad'], ['bad']]);
  });

  test('every kind of error that is no fault of a service is its own fault', async () => {
    for (const error of [
      new Error('x'),
      new RangeError('x'),
      new PortError('invalid', 'x'),
      new PortError('too-large', 'x'),
      new PortError('unsupported', 'x'),
    ]) {
      const { handle, listed } = setUp({ apply: failsFor(() => error, 'bad') });
      expect(await handle([message('bad')], FAR)).toEqual([DONE]);
      expect(await listed()).toHaveLength(1);
    }
  });

  test('a thrown undefined is an error too', async () => {
    const { handle, listed } = setUp({ apply: () => Promise.reject(undefined) });
    expect(await handle([message('bad')], FAR)).toEqual([DONE]);
    expect(await listed()).toMatchObject([{ reason: { message: 'an empty value was thrown' } }]);
  });

  test('that succeeds on its last try is applied', async () => {
    let failures = 3;
    const { handle, listed, applied } = setUp({
      apply: async () => {
        failures -= 1;
        if (failures >= 0) throw poison();
      },
    });
    expect(await handle([message('a')], FAR)).toEqual([DONE]);
    expect([...applied]).toEqual(['a']);
    expect(await listed()).toEqual([]);
  });

  test('a long reason is cut, and still parked', async () => {
    const { handle, listed } = setUp({ apply: failsFor(() => new Error('\u0000'.repeat(500_000)), 'bad') });
    expect(await handle([message('bad')], FAR)).toEqual([DONE]);
    expect((await listed())[0]?.reason.message).toHaveLength(2048);
  });

  test('an event of the largest size, all of it control characters, can be parked', async () => {
    const padding = '\u0001'.repeat(34_000);
    const { handle, listed } = setUp({ apply: failsFor(() => new Error('\u0001'.repeat(5000)), 'bad') });
    expect(await handle([message('bad', {}, { padding })], FAR)).toEqual([DONE]);
    expect(await listed()).toHaveLength(1);
  });

  test('that cannot be parked now is delivered again', async () => {
    const { handle, applied } = setUp({
      apply: failsFor(poison, 'bad'),
      plan: (method) => (method === 'put' ? { code: 'throttled', when: 'before' } : undefined),
    });
    expect(await handle([message('a'), message('bad')], FAR)).toEqual([
      DONE,
      { status: 'retry', reason: expect.stringMatching(/^throttled: /) },
    ]);
    expect([...applied]).toEqual(['a']);
  });
});

describe('faults of services', () => {
  test.each<ErrorCode>([
    'throttled',
    'unavailable',
    'denied',
    'not-found',
    'misconfigured',
    'conflict',
    'unknown-outcome',
    'unknown',
  ])('%s parks nothing, and the messages come again', async (code) => {
    const fault = () => new PortError(code, 'planned');
    const { handle, listed, calls, log } = setUp({ apply: failsFor(fault, 'b') });
    const batch = [message('a'), message('b'), message('c', {}, { subject: 'pump-2' })];
    const again = { status: 'retry', reason: `${code}: planned` };
    for (let times = 0; times < 5; times += 1) expect(await handle(batch, FAR)).toEqual([again, again, DONE]);
    expect(calls).toHaveLength(10);
    expect(await listed()).toEqual([]);
    expect(log.messages('warn')).toHaveLength(5);
  });

  test('a fault that comes while events are tried alone parks nothing either', async () => {
    let call = 0;
    const { handle, listed } = setUp({
      apply: async () => {
        call += 1;
        throw call === 1 ? poison() : new PortError('throttled', 'planned');
      },
    });
    const again = { status: 'retry', reason: expect.stringMatching(/^throttled: /) };
    expect(await handle([message('a'), message('b')], FAR)).toEqual([again, again]);
    expect(await listed()).toEqual([]);
  });
});

describe('messages that could not be read', () => {
  test('are parked with their text, and the others are applied', async () => {
    const { handle, listed, applied } = setUp();
    expect(await handle([unreadable('{"half'), message('a')], FAR)).toEqual([DONE, DONE]);
    expect([...applied]).toEqual(['a']);
    expect(await listed()).toMatchObject([
      { tenant: 'acme', text: '{"half', reason: { code: 'unreadable', message: 'Unexpected token' } },
    ]);
  });

  test.each([
    ['none', undefined],
    ['one that is no name', 'a/b'],
    ['an empty one', ''],
  ])('with the tenant %s they are parked without a tenant', async (_case, tenant) => {
    const { handle, listed } = setUp();
    const { tenant: _tenant, ...rest } = unreadable('x');
    expect(await handle([tenant === undefined ? rest : { ...rest, tenant }], FAR)).toEqual([DONE]);
    expect(await listed('_')).toHaveLength(1);
    expect(await listed()).toHaveLength(0);
  });

  test.each([
    ['control characters, which take six bytes each in JSON', '\u0000'],
    ['half surrogates', '\ud800'],
    ['quotes', '"'],
    ['emoji', '🚰'],
  ])('a megabyte of %s can be parked', async (_case, character) => {
    const { handle, listed } = setUp();
    expect(await handle([unreadable(character.repeat(1_000_000))], FAR)).toEqual([DONE]);
    expect((await listed())[0]?.text?.slice(0, 1)).toBe(
      character.slice(0, 1) === '\ud800' ? '\ufffd' : character.slice(0, 1),
    );
  });

  test('the same text is parked once', async () => {
    const { handle, listed } = setUp();
    await handle([unreadable('x'), unreadable('x', { deliveryId: 'again' })], FAR);
    expect(await listed()).toHaveLength(1);
  });

  test('parking down: they come again', async () => {
    const { handle } = setUp({ plan: () => ({ code: 'unavailable', when: 'before' }) });
    expect(await handle([unreadable('x'), message('a')], FAR)).toEqual([
      { status: 'retry', reason: expect.stringMatching(/^unavailable: /) },
      DONE,
    ]);
  });
});

describe('the deadline', () => {
  const late = { status: 'retry', reason: 'the deadline is near', timedOut: true };

  test('1.5 seconds before it nothing new is begun', async () => {
    const { handle, calls, listed } = setUp();
    expect(await handle([message('a'), unreadable('x')], START + 1499)).toEqual([late, late]);
    expect(calls).toEqual([]);
    expect(await listed()).toEqual([]);
    expect(await handle([message('a')], START + 1500)).toEqual([DONE]);
  });

  test('what was begun is finished, the rest comes again', async () => {
    const { handle, clock, calls } = setUp({
      apply: async (events) => {
        if (events.length > 1) throw poison();
        clock.jump(2000);
      },
    });
    const outcomes = await handle([message('a'), message('b'), message('c')], START + 5000);
    expect(outcomes).toEqual([DONE, DONE, late]);
    expect(calls).toEqual([['a', 'b', 'c'], ['a'], ['b']]);
  });
});

describe('a batch of several tenants', () => {
  const many = (tenant: string, count: number, prefix: string) =>
    Array.from({ length: count }, (_, index) =>
      message(`${prefix}${index}`, { tenant }, { subject: `${prefix}${index}` }),
    );

  test('begins with a few groups of the one that has many, and with all of the others', async () => {
    const begun: string[] = [];
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { handle } = setUp({
      apply: async ([first]) => {
        begun.push(first?.tenant ?? '');
        if (first?.tenant === 'acme') await gate;
      },
    });
    const done = handle([...many('acme', 40, 'a'), ...many('globex', 10, 'g')], FAR);
    for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
    expect(begun.filter((tenant) => tenant === 'acme')).toHaveLength(4);
    expect(begun.filter((tenant) => tenant === 'globex')).toHaveLength(10);
    release();
    expect(await done).toEqual(Array.from({ length: 50 }, () => DONE));
  });

  test('gives a slow tenant ten seconds of work; the rest of it comes again, and the others are done', async () => {
    const made = setUp({
      apply: async ([first]) => {
        if (first?.tenant === 'acme') made.clock.jump(4000);
      },
    });
    const answers = await made.handle([...many('acme', 9, 'a'), ...many('globex', 3, 'g')], FAR);
    expect(answers.slice(9)).toEqual([DONE, DONE, DONE]);
    const late = answers.filter(({ status }) => status === 'retry');
    expect(late.length).toBeGreaterThan(0);
    expect(late[0]).toMatchObject({ reason: 'the tenant has had its share of the batch’s time', timedOut: true });
  });

  test('a tenant that is alone in a batch has all of its time', async () => {
    const made = setUp({ apply: async () => made.clock.jump(3000) });
    expect(await made.handle(many('acme', 9, 'a'), FAR)).toEqual(Array.from({ length: 9 }, () => DONE));
  });
});
