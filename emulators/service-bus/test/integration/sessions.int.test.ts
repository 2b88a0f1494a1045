// Sessions with the real SDK: ordered receiving, locks, state, and what happens when a lock is lost.
import type { ServiceBusSessionReceiver } from '@azure/service-bus';
import { EmulatorClock } from '../../broker/clock.ts';
import { codeOf, deferred, first, type Harness, openHarness, until } from './support.ts';

const MINUTE = 60_000;

describe('sessions', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await openHarness({ clock: new EmulatorClock() });
    harness.emulator.createQueue('carts', { requiresSession: true });
  });

  afterEach(() => harness.close());

  const send = async (...messages: readonly (readonly [session: string, body: string])[]): Promise<void> => {
    await harness.client
      .createSender('carts')
      .sendMessages(messages.map(([sessionId, body]) => ({ sessionId, body, partitionKey: sessionId })));
  };
  const accept = (id: string): Promise<ServiceBusSessionReceiver> =>
    harness.client.acceptSession('carts', id, { maxAutoLockRenewalDurationInMs: 0 });

  test('a named session gives its messages in order, and no others', async () => {
    await send(['a', 'a1'], ['b', 'b1'], ['a', 'a2']);
    const session = await accept('a');
    expect(session.sessionId).toBe('a');
    expect(session.sessionLockedUntilUtc.getTime()).toBeGreaterThan(Date.now() + MINUTE / 2);
    const messages = await session.receiveMessages(10);
    expect(messages.map(({ body }) => body)).toEqual(['a1', 'a2']);
    for (const message of messages) await session.completeMessage(message);
    await session.close();
    expect(harness.emulator.messages('carts').map(({ body }) => body)).toEqual(['"b1"']);
  });

  test('the next session is the one with the oldest message, and waits until there is one', async () => {
    await send(['second', '1'], ['first', '2']);
    const { client } = harness;
    const one = await client.acceptNextSession('carts');
    const two = await client.acceptNextSession('carts');
    expect([one.sessionId, two.sessionId]).toEqual(['second', 'first']);
    const waiting = client.acceptNextSession('carts');
    await send(['late', '3']);
    expect((await waiting).sessionId).toBe('late');
  });

  test('no session in time is a timeout', async () => {
    const client = harness.connect({ retryOptions: { maxRetries: 0, timeoutInMs: 1_000 } });
    expect(await codeOf(client.acceptNextSession('carts'))).toBe('ServiceTimeout');
  });

  test('a session is held by one receiver only', async () => {
    await send(['a', '1']);
    const holder = await accept('a');
    expect(await codeOf(harness.connect().acceptSession('carts', 'a'))).toBe('SessionCannotBeLocked');
    await holder.close();
    const next = await accept('a');
    // Closing the holder is no failed attempt.
    expect(first(await next.receiveMessages(1)).deliveryCount).toBe(0);
  });

  test('state is kept with the session, empty sessions included', async () => {
    const session = await accept('stateful');
    expect(await session.getSessionState()).toBeNull();
    await session.setSessionState({ step: 3 });
    await session.close();
    const again = await accept('stateful');
    expect(await again.getSessionState()).toEqual({ step: 3 });
    await again.setSessionState(null);
    expect(await again.getSessionState()).toBeNull();
  });

  test('renewing moves the lock, and a lock that runs out frees the messages', async () => {
    const { emulator } = harness;
    await send(['a', '1']);
    const session = await accept('a');
    const before = session.sessionLockedUntilUtc.getTime();
    emulator.advanceClock(MINUTE / 2);
    const renewed = await session.renewSessionLock();
    expect(renewed.getTime()).toBeGreaterThanOrEqual(before + MINUTE / 2);
    const message = first(await session.receiveMessages(1));
    emulator.advanceClock(MINUTE + 1);
    const next = await accept('a');
    expect(await codeOf(session.completeMessage(message))).toBe('SessionLockLost');
    const again = first(await next.receiveMessages(1));
    expect(again).toMatchObject({ body: '1', deliveryCount: 1 });
  });

  test('a settlement that crosses the loss of its session fails at once', async () => {
    await send(['a', '1']);
    const session = await accept('a');
    const message = first(await session.receiveMessages(1));
    harness.emulator.advanceClock(MINUTE + 1);
    expect(await codeOf(session.completeMessage(message))).toBe('SessionLockLost');
    const again = first(await (await accept('a')).receiveMessages(1));
    expect(again).toMatchObject({ body: '1', deliveryCount: 1 });
  });

  test('a subscriber is notified when it loses its session', async () => {
    await send(['a', '1']);
    const session = await accept('a');
    const processed = deferred<string>();
    const failed = deferred<unknown>();
    session.subscribe({
      processMessage: async ({ body }) => processed.resolve(body),
      processError: async ({ error }) => failed.resolve('code' in error ? error.code : error),
    });
    expect(await processed.promise).toBe('1');
    await until(() => harness.emulator.messages('carts').length === 0);
    harness.emulator.advanceClock(2 * MINUTE);
    expect(await failed.promise).toBe('SessionLockLost');
  });

  test('defers, peeks and dead-letters within a session', async () => {
    await send(['a', '1'], ['b', 'other'], ['a', '2']);
    const session = await accept('a');
    expect((await session.peekMessages(10)).map(({ body }) => body)).toEqual(['1', '2']);
    const [one, two] = await session.receiveMessages(2);
    if (one?.sequenceNumber === undefined || two === undefined) throw new Error('two messages were expected');
    await session.deferMessage(one);
    await session.deadLetterMessage(two, { deadLetterReason: 'why not', deadLetterErrorDescription: '' });
    const late = first(await session.receiveDeferredMessages(one.sequenceNumber));
    await session.completeMessage(late);
    expect(harness.emulator.messages('carts').map(({ body }) => body)).toEqual(['"other"']);
    const dead = first(await harness.client.createReceiver('carts', { subQueueType: 'deadLetter' }).receiveMessages(1));
    expect(dead).toMatchObject({ body: '2', sessionId: 'a', deadLetterReason: 'why not' });
  });

  test('kinds of receivers and entities must fit, and messages need a session', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('plain');
    expect(await codeOf(client.createReceiver('carts').receiveMessages(1))).toBe('GeneralError');
    // The client library reports any refusal of a named session in this way.
    expect(await codeOf(client.acceptSession('plain', 'a'))).toBe('SessionCannotBeLocked');
    expect(await codeOf(client.createSender('carts').sendMessages({ body: 1 }))).toBe('GeneralError');
  });

  test('a subscription with sessions dead-letters a message without one', async () => {
    const { client, emulator } = harness;
    emulator.createTopic('events');
    emulator.createSubscription('events', 'ordered', { requiresSession: true });
    await client.createSender('events').sendMessages([{ body: 'lost' }, { body: 'kept', sessionId: 's' }]);
    const session = await client.acceptNextSession('events', 'ordered');
    expect(first(await session.receiveMessages(1)).body).toBe('kept');
    const graveyard = client.createReceiver('events', 'ordered', { subQueueType: 'deadLetter' });
    expect(first(await graveyard.receiveMessages(1)).deadLetterReason).toBe('Session ID is null.');
  });
});
