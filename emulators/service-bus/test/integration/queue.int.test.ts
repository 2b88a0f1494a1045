// Queues with the real SDK: sending, receiving, and every way to settle a message.
import Long from 'long';
import { codeOf, first, type Harness, openHarness } from './support.ts';

const QUICKLY = { maxWaitTimeInMs: 300 };
const MINUTE = 60_000;

describe('a queue', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await openHarness();
    harness.emulator.createQueue('orders');
  });

  afterEach(() => harness.close());

  test('delivers what was sent, property by property', async () => {
    const { client } = harness;
    const sent = {
      body: { total: 12.5, items: ['a', 'b'] },
      messageId: 'm-1',
      correlationId: 'c-1',
      contentType: 'application/json',
      subject: 'created',
      to: 'there',
      replyTo: 'here',
      replyToSessionId: 'reply-session',
      sessionId: 'session',
      partitionKey: 'session',
      timeToLive: 60_000,
      applicationProperties: { text: 'ü', whole: 3, fraction: 1.5, yes: true, nothing: null, at: new Date(5_000) },
    };
    const began = Date.now();
    await client.createSender('orders').sendMessages(sent);
    const message = first(await client.createReceiver('orders').receiveMessages(1));
    expect(message).toMatchObject({
      ...sent,
      applicationProperties: { ...sent.applicationProperties, at: 5_000 },
      deliveryCount: 0,
      state: 'active',
    });
    expect(message.sequenceNumber?.toNumber()).toBe(1);
    expect(message.lockToken).toMatch(/^[0-9a-f-]{36}$/);
    const received = Date.now();
    const [enqueued = 0, lockedUntil = 0] = [message.enqueuedTimeUtc?.getTime(), message.lockedUntilUtc?.getTime()];
    expect([began <= enqueued, enqueued <= received]).toEqual([true, true]);
    expect([began + MINUTE <= lockedUntil, lockedUntil <= received + MINUTE]).toEqual([true, true]);
    expect((message.expiresAtUtc?.getTime() ?? 0) - (message.enqueuedTimeUtc?.getTime() ?? 0)).toBe(60_000);
  });

  test('keeps every kind of body', async () => {
    const { client } = harness;
    const sender = client.createSender('orders');
    const receiver = client.createReceiver('orders', { receiveMode: 'receiveAndDelete' });
    const bodies = ['text', 42, 1.0, true, null, { deep: { list: [1, null, 'x'] } }, Buffer.from([0, 1, 255]), ''];
    for (const body of bodies) await sender.sendMessages({ body });
    const received = await receiver.receiveMessages(bodies.length);
    expect(received.map(({ body }) => body)).toEqual(bodies);
    await sender.sendMessages({ body: [[1, 'two'], [3]], bodyType: 'sequence' });
    await sender.sendMessages({ body: { a: 1 }, bodyType: 'value' });
    const annotated = await receiver.receiveMessages(2);
    expect(annotated.map(({ body }) => body)).toEqual([[[1, 'two'], [3]], { a: 1 }]);
  });

  test('gives an id to a message without one', async () => {
    const { client } = harness;
    await client.createSender('orders').sendMessages({ body: 'x' });
    const receiver = client.createReceiver('orders');
    const message = first(await receiver.receiveMessages(1));
    expect(message.messageId).toMatch(/^[0-9a-f]{32}$/);
    await receiver.completeMessage(message);
  });

  test('complete removes the message', async () => {
    const { client, emulator } = harness;
    await client.createSender('orders').sendMessages({ body: 'x' });
    const receiver = client.createReceiver('orders');
    await receiver.completeMessage(first(await receiver.receiveMessages(1)));
    expect(emulator.messages('orders')).toEqual([]);
  });

  test('abandon gives it back with changed properties and a higher delivery count', async () => {
    const { client } = harness;
    await client
      .createSender('orders')
      .sendMessages([{ body: 'first', applicationProperties: { kept: 1 } }, { body: 'second' }]);
    const receiver = client.createReceiver('orders');
    await receiver.abandonMessage(first(await receiver.receiveMessages(1)), { attempt: 'one', number: 2.5 });
    const again = first(await receiver.receiveMessages(1));
    expect(again).toMatchObject({
      body: 'first',
      deliveryCount: 1,
      applicationProperties: { kept: 1, attempt: 'one', number: 2.5 },
    });
  });

  test('abandoning up to the maximum delivery count dead-letters it', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('impatient', { maxDeliveryCount: 3 });
    await client.createSender('impatient').sendMessages({ body: 'x' });
    const receiver = client.createReceiver('impatient');
    for (const expected of [0, 1, 2]) {
      const message = first(await receiver.receiveMessages(1));
      expect(message.deliveryCount).toBe(expected);
      await receiver.abandonMessage(message);
    }
    expect(await receiver.receiveMessages(1, QUICKLY)).toEqual([]);
    const dead = first(await client.createReceiver('impatient', { subQueueType: 'deadLetter' }).receiveMessages(1));
    expect(dead.deadLetterReason).toBe('MaxDeliveryCountExceeded');
    expect(dead.deadLetterErrorDescription).toBe('Message could not be consumed after 3 delivery attempts.');
  });

  test('dead-letter moves it, and the dead-letter queue can be received from and completed', async () => {
    const { client, emulator } = harness;
    await client.createSender('orders').sendMessages({ body: 'x', applicationProperties: { kept: true } });
    const receiver = client.createReceiver('orders');
    const message = first(await receiver.receiveMessages(1));
    await receiver.deadLetterMessage(message, {
      deadLetterReason: 'bad',
      deadLetterErrorDescription: 'very bad',
      extra: 7,
    });
    const graveyard = client.createReceiver('orders', { subQueueType: 'deadLetter' });
    const dead = first(await graveyard.receiveMessages(1));
    expect(dead).toMatchObject({
      body: 'x',
      deadLetterReason: 'bad',
      deadLetterErrorDescription: 'very bad',
      applicationProperties: { kept: true, extra: 7, DeadLetterReason: 'bad' },
    });
    expect(await codeOf(graveyard.deadLetterMessage(dead))).toBe('GeneralError');
    emulator.loseLocks();
    const again = first(await graveyard.receiveMessages(1));
    expect(again.deliveryCount).toBe(0);
    await graveyard.completeMessage(again);
    expect(emulator.messages('orders/$DeadLetterQueue')).toEqual([]);
  });

  test('defer sets it aside until it is asked for', async () => {
    const { client } = harness;
    await client.createSender('orders').sendMessages({ body: 'later' });
    const receiver = client.createReceiver('orders');
    const message = first(await receiver.receiveMessages(1));
    await receiver.deferMessage(message, { why: 'busy' });
    expect(await receiver.receiveMessages(1, QUICKLY)).toEqual([]);
    expect(first(await receiver.peekMessages(1)).state).toBe('deferred');
    const number = message.sequenceNumber ?? Long.ZERO;
    const deferredMessage = first(await receiver.receiveDeferredMessages(number));
    expect(deferredMessage).toMatchObject({ body: 'later', state: 'deferred', applicationProperties: { why: 'busy' } });
    await receiver.completeMessage(deferredMessage);
    expect(await codeOf(receiver.receiveDeferredMessages(number))).toBe('MessageNotFound');
  });

  test('settles two messages differently in the same tick', async () => {
    const { client, emulator } = harness;
    await client.createSender('orders').sendMessages([{ body: 'a' }, { body: 'b' }, { body: 'c' }]);
    const receiver = client.createReceiver('orders');
    const [a, b, c] = await receiver.receiveMessages(3);
    if (a === undefined || b === undefined || c === undefined) throw new Error('three messages were expected');
    // The client library merges the first two outcomes of a tick into one frame, so the third settlement is the one
    // that shows whether the server keeps outcomes apart.
    await Promise.all([receiver.completeMessage(a), receiver.completeMessage(b), receiver.deadLetterMessage(c)]);
    expect(emulator.messages('orders')).toEqual([]);
    expect(emulator.messages('orders/$DeadLetterQueue').map(({ body }) => body)).toEqual(['"c"']);
  });

  test('receive-and-delete needs no settlement', async () => {
    const { client, emulator } = harness;
    await client.createSender('orders').sendMessages([{ body: 1 }, { body: 2 }]);
    const receiver = client.createReceiver('orders', { receiveMode: 'receiveAndDelete' });
    expect((await receiver.receiveMessages(2)).map(({ body }) => body)).toEqual([1, 2]);
    expect(emulator.messages('orders')).toEqual([]);
  });

  test('peeks without locking, from any sequence number', async () => {
    const { client } = harness;
    const bodies = Array.from({ length: 10 }, (_, index) => index);
    await client.createSender('orders').sendMessages(bodies.map((body) => ({ body })));
    const receiver = client.createReceiver('orders');
    expect((await receiver.peekMessages(4)).map(({ body }) => body)).toEqual([0, 1, 2, 3]);
    expect((await receiver.peekMessages(4)).map(({ body }) => body)).toEqual([4, 5, 6, 7]);
    const from = await receiver.peekMessages(50, { fromSequenceNumber: Long.fromNumber(9) });
    expect(from.map(({ body }) => body)).toEqual([8, 9]);
    expect((await receiver.receiveMessages(10)).length).toBe(10);
  });

  test('sends batches up to their size, and refuses what is too large', async () => {
    const { client, emulator } = harness;
    const sender = client.createSender('orders');
    const batch = await sender.createMessageBatch();
    expect(batch.maxSizeInBytes).toBe(262_144);
    let count = 0;
    while (batch.tryAddMessage({ body: Buffer.alloc(10_000) })) count++;
    expect(count).toBeGreaterThan(20);
    await sender.sendMessages(batch);
    expect(emulator.messages('orders')).toHaveLength(count);
    expect(await codeOf(sender.sendMessages({ body: Buffer.alloc(300_000) }))).toBe('MessageSizeExceeded');
  });

  test('a batch of one and an empty list are fine', async () => {
    const { client, emulator } = harness;
    const sender = client.createSender('orders');
    const batch = await sender.createMessageBatch();
    batch.tryAddMessage({ body: 'alone', applicationProperties: { n: 1 } });
    await sender.sendMessages(batch);
    await sender.sendMessages([]);
    expect(emulator.messages('orders')).toMatchObject([{ body: '"alone"', applicationProperties: { n: 1 } }]);
  });

  test('a missing queue is named', async () => {
    const { client } = harness;
    expect(await codeOf(client.createSender('nothing').sendMessages({ body: 1 }))).toBe('MessagingEntityNotFound');
    expect(await codeOf(client.createReceiver('nothing').receiveMessages(1))).toBe('MessagingEntityNotFound');
    expect(await codeOf(client.createReceiver('nothing').peekMessages(1))).toBe('MessagingEntityNotFound');
  });

  test('a disabled queue refuses sends or receives, and says so', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('silent', { status: 'ReceiveDisabled' });
    await client.createSender('silent').sendMessages({ body: 1 });
    expect(await codeOf(client.createReceiver('silent').receiveMessages(1))).toBe('MessagingEntityDisabled');
    emulator.createQueue('closed', { status: 'SendDisabled' });
    expect(await codeOf(client.createSender('closed').sendMessages({ body: 1 }))).toBe('MessagingEntityDisabled');
  });

  test('a queue that is deleted closes its links', async () => {
    const { client, emulator } = harness;
    const sender = client.createSender('orders');
    await sender.sendMessages({ body: 1 });
    emulator.namespace.delete('orders');
    // A further round trip on the connection proves that the detach has arrived.
    expect(await codeOf(client.createReceiver('orders').peekMessages(1))).toBe('MessagingEntityNotFound');
    expect(await codeOf(sender.sendMessages({ body: 2 }))).toBe('MessagingEntityNotFound');
  });

  test('serves two clients at once', async () => {
    const { client, connect, emulator } = harness;
    await client.createSender('orders').sendMessages({ body: 'x' });
    const other = connect();
    const receiver = other.createReceiver('orders');
    await receiver.completeMessage(first(await receiver.receiveMessages(1)));
    expect(emulator.messages('orders')).toEqual([]);
  });
});
