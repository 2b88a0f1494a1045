// Which messages of a batch may begin their effects: what is heard of other cells, under which lease, and for how long that counts.
import { LEASE } from '../../../core/cell/lease.ts';
import type { Leases } from '../../../core/cell/lease-keeper.ts';
import { admission } from '../../../core/pipeline/admission.ts';
import {
  RECEIPT_LIMITS,
  type ReceiptItem,
  type ReceiptQuestion,
  type Receipts,
} from '../../../core/pipeline/receipts.ts';
import type { DeliveredMessage, DeliveryOutcome } from '../../../core/ports/bus.ts';
import { PortError } from '../../../core/ports/errors.ts';
import { FakeClock, START, settle } from '../../support/fake-clock.ts';
import { message } from '../../support/messages.ts';

const FAR = START + 600_000;
const DONE: DeliveryOutcome = { status: 'done' };

/** Each tenant has as much time as it needs. */
const NO_SHARES = { charge: <T>(_: string, work: () => Promise<T>) => work() };

type Judge = (question: ReceiptQuestion, each: ReceiptItem) => DeliveryOutcome | 'apply';

function setUp(judge: Judge, { wasAsked = true, receiving = true } = {}) {
  const clock = new FakeClock();
  const held = new Set<string>();
  /** Tenants that get a lease when it is asked for. */
  const granted = new Set<string>();
  const obtained: string[][] = [];
  const questions: ReceiptQuestion[] = [];
  const deferred: string[] = [];
  /** Tenants whose copies the store does not take. */
  const refused = new Set<string>();
  const leases: Leases = {
    obtain: async (tenants) => {
      obtained.push([...tenants]);
      for (const tenant of tenants) if (granted.has(tenant)) held.add(tenant);
    },
    hindrance: (tenant, lastsMs) => (held.has(tenant) && lastsMs === LEASE.effectMs ? undefined : 'no lease'),
    epoch: () => 7,
  };
  const receipts: Receipts = {
    judge: async (question) => {
      questions.push(question);
      const verdicts = new Map(question.items.map((each) => [each.deliveryId, judge(question, each)] as const));
      return { verdicts, wasAsked };
    },
    defer: async (tenant, copies) => {
      if (refused.has(tenant)) throw new PortError('unavailable', 'The store is away.');
      deferred.push([tenant, ...copies.map(({ deliveryId }) => deliveryId)].join(' '));
    },
  };
  const begin = admission({
    cell: 'a',
    effects: 'home-only',
    leases,
    receipts: receiving ? receipts : undefined,
    clock,
  });
  const admit = async (messages: readonly DeliveredMessage[], deadline: number) => {
    const { each, hindrance } = begin(messages, deadline, NO_SHARES);
    const ready: DeliveredMessage[] = [];
    const outcomes = await each(async (some) => void ready.push(...some));
    return { ready, outcomes, hindrance };
  };
  return {
    clock,
    held,
    granted,
    obtained,
    questions,
    deferred,
    refuse: (tenant: string) => refused.add(tenant),
    admit,
    begin,
  };
}

test('a batch whose admission fails is over no sooner than the effects that it has begun', async () => {
  const { begin, granted } = setUp((_, { deliveryId }) => {
    if (deliveryId === 'd-broken') throw new TypeError('a defect');
    return 'apply';
  });
  granted.add('acme').add('globex');
  const steps: string[] = [];
  let end = (): void => undefined;
  const effect = new Promise<void>((resolve) => {
    end = resolve;
  });
  const { each } = begin([message('sound'), message('broken', { tenant: 'globex' })], FAR, NO_SHARES);
  const over = each(async () => {
    steps.push('begun');
    await effect;
    steps.push('ended');
  }).catch((error: unknown) => steps.push(String(error)));
  await settle();
  expect(steps).toEqual(['begun']);
  end();
  await over;
  expect(steps).toEqual(['begun', 'ended', 'TypeError: a defect']);
});

const copy = (id: string, more: Partial<DeliveredMessage> = {}) => message(id, { origin: 'b', ...more });

test('without a lease copies are kept in the store, and neither a lease is asked for nor the other cell', async () => {
  const { admit, obtained, questions, deferred } = setUp(() => DONE);
  const { ready, outcomes } = await admit([copy('x'), copy('y'), copy('z', { tenant: 'globex' })], FAR);
  expect([ready, [...outcomes.values()]]).toEqual([[], [DONE, DONE, DONE]]);
  expect([obtained.flat(), questions]).toEqual([[], []]);
  expect(deferred).toEqual(['acme d-x d-y', 'globex d-z']);
});

test('under the lease the other cell is asked once for all; of what waits, copies are kept in the store and own events in the queue', async () => {
  const { admit, granted, questions, deferred } = setUp((_, { deliveryId }) =>
    deliveryId.endsWith('open')
      ? 'apply'
      : deliveryId.endsWith('over')
        ? DONE
        : { status: 'retry', reason: 'not known' },
  );
  granted.add('acme');
  const batch = [
    copy('open'),
    copy('over'),
    copy('unsure'),
    ...['own-open', 'own-over', 'own-unsure'].map((id) => message(id)),
  ];
  // What is its own gets the lease; copies of other tenants have none.
  const { ready, outcomes } = await admit([...batch, copy('other', { tenant: 'globex' })], FAR);
  expect(ready.map(({ deliveryId }) => deliveryId).sort()).toEqual(['d-open', 'd-own-open']);
  expect(deferred.sort()).toEqual(['acme d-unsure', 'globex d-other']);
  expect(Object.fromEntries(outcomes)).toEqual({
    ...{ 'd-over': DONE, 'd-unsure': DONE, 'd-own-over': DONE, 'd-other': DONE },
    'd-own-unsure': { status: 'retry', reason: 'not known' },
  });
  expect(questions.map(({ items, hindrance }) => [items.length, hindrance])).toEqual([[6, undefined]]);
});

test('for a copy that is sent to be acted on a lease is asked for', async () => {
  const { admit, granted, obtained } = setUp(() => 'apply');
  granted.add('acme');
  const { ready } = await admit([copy('x', { consumer: 'mail' })], FAR);
  expect([ready.map(({ deliveryId }) => deliveryId), obtained]).toEqual([['d-x'], [['acme']]]);
});

test('a copy that cannot be kept is delivered again', async () => {
  const { admit, refuse } = setUp(() => DONE);
  refuse('acme');
  const { outcomes } = await admit([copy('x'), copy('y', { tenant: 'globex' })], FAR);
  expect([...outcomes].sort()).toEqual([
    ['d-x', { status: 'retry', reason: 'unavailable: The store is away.' }],
    ['d-y', DONE],
  ]);
});

test('an answer lets effects begin for as long as it counts, and one that was not needed for as long as the lease does', async () => {
  for (const wasAsked of [true, false]) {
    const { admit, held, clock } = setUp(() => 'apply', { wasAsked });
    held.add('acme');
    const { hindrance } = await admit([copy('x')], FAR);
    clock.jump(RECEIPT_LIMITS.answeredMs);
    expect(hindrance('acme')).toBeUndefined();
    clock.jump(1);
    expect(hindrance('acme')?.status).toBe(wasAsked ? 'retry' : undefined);
    held.clear();
    expect(hindrance('acme')).toEqual({ status: 'retry', reason: 'no lease' });
  }
});

test('a fault of the store lets one tenant wait, and no other', async () => {
  const { admit, held } = setUp(({ tenant }) => {
    if (tenant === 'acme') throw new PortError('unavailable', 'The store is away.', { timedOut: true });
    return 'apply';
  });
  held.add('acme').add('globex');
  const { ready, outcomes } = await admit([message('x'), message('y', { tenant: 'globex' })], FAR);
  expect(ready.map(({ tenant }) => tenant)).toEqual(['globex']);
  expect([...outcomes.values()]).toEqual([
    { status: 'retry', reason: 'unavailable: The store is away.', timedOut: true },
  ]);
  await expect(
    setUp(() => {
      throw new TypeError('a fault of ours');
    }).admit([message('x')], FAR),
  ).rejects.toThrow('a fault of ours');
});

test('without receipts a copy is its cell’s, and no lease is asked for it', async () => {
  const { admit, obtained, granted } = setUp(() => 'apply', { receiving: false });
  granted.add('acme');
  const { ready, outcomes } = await admit([copy('x'), message('own', { origin: 'a' })], FAR);
  expect([ready.map(({ deliveryId }) => deliveryId), [...outcomes]]).toEqual([['d-own'], [['d-x', DONE]]]);
  expect(obtained).toEqual([['acme']]);
});
