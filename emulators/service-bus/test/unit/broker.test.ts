// The broker without a network, on a clock that stands still: order, locks, expiry, sessions and forwarding.
import type { MessageStore } from '../../broker/store.ts';
import { bodyOf, frozenNamespace, messageBytes, START, TestConsumer } from './support.ts';

const MINUTE = 60_000;

function setUp(settings: Parameters<ReturnType<typeof frozenNamespace>['namespace']['createQueue']>[1] = {}) {
  const { namespace, clock } = frozenNamespace();
  const queue = namespace.createQueue('q', settings);
  const send = (...bodies: readonly string[]): void =>
    namespace.send(
      queue,
      bodies.map((body) => messageBytes({ body })),
    );
  return { namespace, clock, queue, send, store: queue.receivable.store, dead: queue.receivable.deadLetters };
}

function bodies(store: MessageStore): string[] {
  return [...store.inOrder()].map(bodyOf);
}

test('the frozen clock moves only when it is advanced', () => {
  const { clock } = frozenNamespace();
  expect(clock.now()).toBe(START);
  clock.advance(5);
  expect(clock.now()).toBe(START + 5);
  expect(() => clock.advance(-1)).toThrow(RangeError);
});

test('timers run in order, each at its own time, also those set meanwhile', () => {
  const { clock } = frozenNamespace();
  const ran: [string, number][] = [];
  clock.schedule(START + 20, () => ran.push(['b', clock.now() - START]));
  clock.schedule(START + 10, () => {
    ran.push(['a', clock.now() - START]);
    clock.schedule(START + 15, () => ran.push(['c', clock.now() - START]));
  });
  const cancel = clock.schedule(START + 12, () => ran.push(['never', 0]));
  cancel();
  clock.advance(30);
  expect(ran).toEqual([
    ['a', 10],
    ['c', 15],
    ['b', 20],
  ]);
});

test('an abandoned message comes back before younger ones', () => {
  const { send, store } = setUp();
  send('1', '2', '3');
  const consumer = new TestConsumer(2);
  store.dispatcher.subscribe(consumer);
  store.dispatcher.pump();
  const [one] = consumer.received;
  if (one === undefined) throw new Error('nothing was delivered');
  store.abandon(one);
  consumer.credit = 2;
  store.dispatcher.pump();
  expect(consumer.bodies).toEqual(['1', '2', '1', '3']);
  expect(one.deliveryCount).toBe(1);
});

test('consumers take turns', () => {
  const { send, store } = setUp();
  const first = new TestConsumer(10);
  const second = new TestConsumer(10);
  store.dispatcher.subscribe(first);
  store.dispatcher.subscribe(second);
  send('1', '2', '3', '4');
  store.dispatcher.pump();
  expect(first.received).toHaveLength(2);
  expect(second.received).toHaveLength(2);
});

test('each delivery has a token of its own, and only the last one settles', () => {
  const { send, store, clock } = setUp();
  send('1');
  const consumer = new TestConsumer(2);
  store.dispatcher.subscribe(consumer);
  store.dispatcher.pump();
  const before = consumer.received[0]?.lock?.key ?? '';
  clock.advance(MINUTE);
  store.dispatcher.pump();
  expect(() => store.locked(before)).toThrow(expect.objectContaining({ condition: 'com.microsoft:message-lock-lost' }));
  const after = consumer.received[1]?.lock?.key ?? '';
  store.complete(store.locked(after));
  expect(store.messages.size).toBe(0);
  expect(store.sizeInBytes).toBe(0);
});

test('locks that are renewed at different times run out at different times', () => {
  const { send, store, clock } = setUp();
  send('1', '2');
  const consumer = new TestConsumer(2);
  store.dispatcher.subscribe(consumer);
  store.dispatcher.pump();
  clock.advance(MINUTE / 2);
  store.renew(consumer.received[0]?.lock?.key ?? '');
  clock.advance(MINUTE / 2);
  expect(consumer.received.map(({ lock }) => lock !== undefined)).toEqual([true, false]);
  clock.advance(MINUTE / 2);
  expect(consumer.received.map(({ lock }) => lock !== undefined)).toEqual([false, false]);
});

test('a message that expires while it is locked goes when the lock ends', () => {
  const { namespace, queue, store, dead, clock } = setUp({ deadLetterOnExpiration: true });
  namespace.send(queue, [messageBytes({ ttlMs: 10_000, body: 'x' })]);
  const consumer = new TestConsumer(1);
  store.dispatcher.subscribe(consumer);
  store.dispatcher.pump();
  clock.advance(30_000);
  expect(store.messages.size).toBe(1);
  clock.advance(MINUTE);
  expect(store.messages.size).toBe(0);
  expect(bodies(dead)).toEqual(['x']);
});

test('a dead-lettered message keeps its sequence number', () => {
  const { send, store, dead } = setUp();
  send('1', '2', '3');
  const [, two] = [...store.inOrder()];
  if (two === undefined) throw new Error('there is no second message');
  store.deadLetter(two, { reason: 'r' });
  expect([...dead.inOrder()].map(({ sequenceNumber }) => sequenceNumber)).toEqual([2]);
  expect(dead.peek(0, 1)[0]?.content.applicationProperties.get('DeadLetterReason')).toBe('r');
});

test('peeking is in order, although dead letters arrive in any', () => {
  const { send, store, dead } = setUp();
  send('1', '2', '3');
  for (const message of [...store.inOrder()].reverse()) store.deadLetter(message, {});
  expect(bodies(dead)).toEqual(['1', '2', '3']);
});

test('a batch with one bad message is refused as a whole', () => {
  const { namespace, queue, store } = setUp();
  expect(() => namespace.send(queue, [messageBytes(), Buffer.from('nonsense')])).toThrow(
    expect.objectContaining({ condition: 'amqp:decode-error' }),
  );
  expect(() => namespace.send(queue, [messageBytes(), messageBytes({ id: 'x'.repeat(129) })])).toThrow(
    expect.objectContaining({ condition: 'com.microsoft:argument-error' }),
  );
  expect(store.messages.size).toBe(0);
});

test('a queue that is full refuses messages', () => {
  const { namespace, queue } = setUp({ maxSizeInMegabytes: 1 });
  const large = messageBytes({ body: 'x'.repeat(200_000) });
  for (let index = 0; index < 5; index++) namespace.send(queue, [large]);
  expect(() => namespace.send(queue, [large])).toThrow(
    expect.objectContaining({ condition: 'amqp:resource-limit-exceeded' }),
  );
});

test('forwarding in a circle ends in the transfer dead-letter queue', () => {
  const { namespace } = frozenNamespace();
  const b = namespace.createQueue('b');
  const a = namespace.createQueue('a', { forwardTo: 'b' });
  namespace.update(b, { forwardTo: 'a' });
  namespace.send(a, [messageBytes({ body: 'x' })]);
  const stuck = [...a.receivable.transferDeadLetters.inOrder(), ...b.receivable.transferDeadLetters.inOrder()];
  expect(stuck.map(bodyOf)).toEqual(['x']);
  expect(stuck[0]?.content.applicationProperties.get('DeadLetterErrorDescription')).toMatch('more than 4 times');
});

test('messages that wait are passed on once their queue forwards, and those put aside are kept', () => {
  const { namespace } = frozenNamespace();
  const target = namespace.createQueue('target');
  const source = namespace.createQueue('source');
  namespace.send(
    source,
    ['1', '2', '3'].map((body) => messageBytes({ body })),
  );
  const [first] = source.receivable.store.inOrder();
  if (first === undefined) throw new Error('three messages were expected');
  source.receivable.store.defer(first);
  namespace.update(source, { forwardTo: 'sb://any.host/target' });
  expect([...target.receivable.store.inOrder()].map(bodyOf)).toEqual(['2', '3']);
  expect([...source.receivable.store.inOrder()].map(bodyOf)).toEqual(['1']);
});

test('a filter that cannot be evaluated dead-letters the message where that is wanted', () => {
  const { namespace } = frozenNamespace();
  const topic = namespace.createTopic('t');
  const rule = { name: 'r', filter: { kind: 'sql', expression: 'a / 0 = 1' } } as const;
  const buries = namespace.createSubscription('t', 'buries', {}, rule);
  const drops = namespace.createSubscription('t', 'drops', { deadLetterOnFilterErrors: false }, rule);
  namespace.send(topic, [messageBytes({ body: 'x', application: { a: 1 } })]);
  expect(bodies(buries.receivable.deadLetters)).toEqual(['x']);
  expect(bodies(drops.receivable.deadLetters)).toEqual([]);
});

describe('sessions', () => {
  const holder = { sessionLost: () => undefined };

  test('a session without messages and state is forgotten', () => {
    const { namespace, queue, store } = setUp({ requiresSession: true });
    namespace.send(queue, [messageBytes({ session: 'a' })]);
    const held = store.acquireSession('a', holder);
    const consumer = new TestConsumer(1);
    consumer.session = held;
    store.dispatcher.subscribe(consumer);
    store.dispatcher.pump();
    store.complete(store.locked(consumer.received[0]?.lock?.key ?? ''));
    store.releaseSession(held);
    expect(store.sessions?.records.size).toBe(0);
  });

  test('those who wait are served in turn', () => {
    const { namespace, queue, store } = setUp({ requiresSession: true });
    const granted: string[] = [];
    store.acquireNextSession(holder, ({ id }) => granted.push(`1:${id}`));
    const withdraw = store.acquireNextSession(holder, ({ id }) => granted.push(`2:${id}`));
    store.acquireNextSession(holder, ({ id }) => granted.push(`3:${id}`));
    withdraw();
    namespace.send(queue, [messageBytes({ session: 'a' }), messageBytes({ session: 'b' })]);
    store.dispatcher.pump();
    expect(granted).toEqual(['1:a', '3:b']);
  });

  test('an expired lock notifies its holder and counts as an attempt', () => {
    const { namespace, queue, store, clock } = setUp({ requiresSession: true });
    namespace.send(queue, [messageBytes({ session: 'a' })]);
    const lost: string[] = [];
    const consumer = new TestConsumer(1);
    consumer.session = store.acquireSession('a', { sessionLost: ({ condition }) => lost.push(condition) });
    store.dispatcher.subscribe(consumer);
    store.dispatcher.pump();
    clock.advance(MINUTE);
    expect(lost).toEqual(['com.microsoft:session-lock-lost']);
    expect(consumer.received[0]?.deliveryCount).toBe(1);
    expect(() => store.renewSession('a')).toThrow(
      expect.objectContaining({ condition: 'com.microsoft:session-lock-lost' }),
    );
  });
});
