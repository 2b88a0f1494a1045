// What depends on time, with the emulator's clock: schedules, expiry, lock loss and duplicate detection.
import Long from 'long';
import { codeOf, first, type Harness, openHarness } from './support.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const QUICKLY = { maxWaitTimeInMs: 300 };

describe('time', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await openHarness();
  });

  afterEach(() => harness.close());

  test('a scheduled message comes when its time has come, with a new sequence number', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('q');
    const sender = client.createSender('q');
    const due = new Date(Date.now() + 10 * MINUTE);
    const [number] = await sender.scheduleMessages({ body: 'later' }, due);
    await sender.sendMessages({ body: 'now' });
    const receiver = client.createReceiver('q', { receiveMode: 'receiveAndDelete' });
    const peeked = first(await receiver.peekMessages(1));
    expect(peeked).toMatchObject({ body: 'later', state: 'scheduled', scheduledEnqueueTimeUtc: due });
    expect(peeked.sequenceNumber?.equals(number ?? Long.ZERO)).toBe(true);
    expect(first(await receiver.receiveMessages(1)).body).toBe('now');
    expect(emulator.messages('q')).toMatchObject([{ body: '"later"', state: 'scheduled' }]);
    emulator.advanceClock(10 * MINUTE);
    const message = first(await receiver.receiveMessages(1));
    expect(message.body).toBe('later');
    expect(message.sequenceNumber?.greaterThan(number ?? Long.ZERO)).toBe(true);
    expect(message.enqueuedTimeUtc?.getTime()).toBeGreaterThanOrEqual(due.getTime());
  });

  test('the time can also be a property of the message', async () => {
    const { client, emulator } = harness;
    emulator.createTopic('t');
    emulator.createSubscription('t', 's');
    await client.createSender('t').sendMessages({ body: 'x', scheduledEnqueueTimeUtc: new Date(Date.now() + MINUTE) });
    expect(emulator.messages('t/Subscriptions/s')).toEqual([]);
    emulator.advanceClock(MINUTE + SECOND);
    expect(first(await client.createReceiver('t', 's').receiveMessages(1)).body).toBe('x');
  });

  test('a scheduled message can be cancelled, once', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('q');
    const sender = client.createSender('q');
    const numbers = await sender.scheduleMessages([{ body: 1 }, { body: 2 }], new Date(Date.now() + MINUTE));
    await sender.cancelScheduledMessages(numbers);
    expect(emulator.messages('q')).toEqual([]);
    expect(await codeOf(sender.cancelScheduledMessages(numbers))).toBe('MessageNotFound');
  });

  test('a message expires after its own time to live or the default of the queue, whichever is shorter', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('drops', { defaultTtlMs: MINUTE });
    emulator.createQueue('buries', { defaultTtlMs: MINUTE, deadLetterOnExpiration: true });
    for (const queue of ['drops', 'buries'])
      await client
        .createSender(queue)
        .sendMessages([
          { body: 'short', timeToLive: 10 * SECOND },
          { body: 'long', timeToLive: 10 * MINUTE },
          { body: 'none' },
        ]);
    emulator.advanceClock(11 * SECOND);
    expect(emulator.messages('drops').map(({ body }) => body)).toEqual(['"long"', '"none"']);
    emulator.advanceClock(MINUTE);
    expect(emulator.messages('drops')).toEqual([]);
    expect(emulator.messages('drops/$DeadLetterQueue')).toEqual([]);
    const graveyard = client.createReceiver('buries', { subQueueType: 'deadLetter' });
    const dead = await graveyard.receiveMessages(3);
    expect(dead.map(({ body, deadLetterReason }) => [body, deadLetterReason])).toEqual([
      ['short', 'TTLExpiredException'],
      ['long', 'TTLExpiredException'],
      ['none', 'TTLExpiredException'],
    ]);
  });

  test('a lock that runs out gives the message to the next receiver and refuses the first', async () => {
    const { client, connect, emulator } = harness;
    emulator.createQueue('q', { lockDurationMs: 30 * SECOND });
    await client.createSender('q').sendMessages({ body: 'x' });
    const slow = client.createReceiver('q', { maxAutoLockRenewalDurationInMs: 0 });
    const message = first(await slow.receiveMessages(1));
    emulator.advanceClock(31 * SECOND);
    const quick = connect().createReceiver('q');
    const again = first(await quick.receiveMessages(1));
    expect(again.deliveryCount).toBe(1);
    expect(again.lockToken).not.toBe(message.lockToken);
    expect(await codeOf(slow.completeMessage(message))).toBe('MessageLockLost');
    await quick.completeMessage(again);
  });

  test('a renewed lock holds', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('q', { lockDurationMs: 30 * SECOND });
    await client.createSender('q').sendMessages({ body: 'x' });
    const receiver = client.createReceiver('q', { maxAutoLockRenewalDurationInMs: 0 });
    const message = first(await receiver.receiveMessages(1));
    emulator.advanceClock(20 * SECOND);
    const until = await receiver.renewMessageLock(message);
    expect(until.getTime()).toBe(message.lockedUntilUtc?.getTime());
    emulator.advanceClock(20 * SECOND);
    await receiver.completeMessage(message);
    expect(emulator.messages('q')).toEqual([]);
  });

  test('a closed receiver keeps its locks until they run out', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('q');
    await client.createSender('q').sendMessages({ body: 'x' });
    const receiver = client.createReceiver('q');
    await receiver.receiveMessages(1);
    await receiver.close();
    const next = client.createReceiver('q');
    expect(await next.receiveMessages(1, QUICKLY)).toEqual([]);
    emulator.advanceClock(MINUTE + SECOND);
    expect(first(await next.receiveMessages(1)).deliveryCount).toBe(1);
  });

  test('a lock outlives its receiver and can be settled over the management link', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('q');
    await client.createSender('q').sendMessages([{ body: 'a' }, { body: 'b' }, { body: 'c' }, { body: 'd' }]);
    const receiver = client.createReceiver('q');
    const messages = await receiver.receiveMessages(4);
    emulator.detachLinks({ path: 'q' });
    const [a, b, c, d] = messages;
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four were expected');
    await receiver.peekMessages(1);
    await receiver.completeMessage(a);
    await receiver.abandonMessage(b, { n: 1 });
    await receiver.deferMessage(c);
    await receiver.deadLetterMessage(d, { deadLetterReason: 'r', deadLetterErrorDescription: 'd' });
    expect(emulator.messages('q').map(({ body, state, deliveryCount }) => [body, state, deliveryCount])).toEqual([
      ['"b"', 'active', 1],
      ['"c"', 'deferred', 1],
    ]);
    expect(emulator.messages('q/$DeadLetterQueue')).toMatchObject([
      { body: '"d"', applicationProperties: { DeadLetterReason: 'r', DeadLetterErrorDescription: 'd' } },
    ]);
  });

  test('duplicates are dropped within the window, and accepted after it', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('once', { requiresDuplicateDetection: true, duplicateWindowMs: MINUTE });
    const sender = client.createSender('once');
    await sender.sendMessages({ body: 1, messageId: 'same' });
    await sender.sendMessages({ body: 2, messageId: 'same' });
    await sender.sendMessages([
      { body: 3, messageId: 'same' },
      { body: 4, messageId: 'other' },
    ]);
    expect(emulator.messages('once').map(({ body }) => body)).toEqual(['1', '4']);
    emulator.advanceClock(MINUTE + SECOND);
    await sender.sendMessages({ body: 5, messageId: 'same' });
    expect(emulator.messages('once').map(({ body }) => body)).toEqual(['1', '4', '5']);
  });
});
