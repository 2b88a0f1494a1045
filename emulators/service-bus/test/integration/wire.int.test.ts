// The wire itself, with rhea as a plain AMQP client: what the SDK has no method for, and what is refused.
import rhea, { type Connection, type EventContext, type Message, type Receiver, type Sender } from 'rhea';
import { first, type Harness, openHarness } from './support.ts';

describe('on the wire', () => {
  let harness: Harness;
  let connection: Connection;

  beforeEach(async () => {
    harness = await openHarness();
    harness.emulator.createQueue('q');
    harness.emulator.createQueue('s', { requiresSession: true });
    const port = Number(/:(\d+);/.exec(harness.connectionString)?.[1]);
    connection = rhea.create_container().connect({ host: '127.0.0.1', port, username: 'any', reconnect: false });
    connection.on('disconnected', () => undefined);
    await once(connection, 'connection_open');
  });

  afterEach(async () => {
    await hangUp(connection);
    await harness.close();
  });

  const once = (emitter: Connection | Sender | Receiver, event: string): Promise<EventContext> =>
    new Promise((resolve) => emitter.once(event, resolve));

  const hangUp = async (open: Connection): Promise<void> => {
    const closed = once(open, 'connection_close');
    open.close();
    await closed;
  };

  /** Sends one request to an entity's `$management` and waits for the response. */
  const manage = async (entity: string, operation: string, body: unknown): Promise<Message> => {
    const address = `${entity}/$management`;
    const receiver = connection.open_receiver({ source: address, target: { address: 'replies' } });
    const sender = connection.open_sender(address);
    const [response] = await Promise.all([
      once(receiver, 'message'),
      once(sender, 'sendable').then(() =>
        sender.send({ message_id: 'r', reply_to: 'replies', application_properties: { operation }, body }),
      ),
    ]);
    receiver.close();
    sender.close();
    if (response.message === undefined) throw new Error('the response is empty');
    return response.message;
  };

  /** The error with which the server closes a link that it refuses. */
  const refusal = async (link: Sender | Receiver): Promise<unknown> => {
    link.on('sender_close', () => undefined).on('receiver_close', () => undefined);
    const context = await once(link, link.is_sender() ? 'sender_error' : 'receiver_error');
    const { error } = context.sender ?? context.receiver ?? {};
    return error !== undefined && 'condition' in error ? `${error.condition}: ${error.description}` : error;
  };

  test('transactions are refused by name', async () => {
    const sender = connection.open_sender('replaced');
    // rhea has no coordinators; the attach leaves at the end of the turn, so its target can still be changed.
    const { attach } = (sender as unknown as { local: { attach: { target: unknown } } }).local;
    attach.target = rhea.types.described(rhea.types.wrap_ulong(0x30), rhea.types.wrap_list([]));
    expect(await refusal(sender)).toMatch(/^amqp:not-implemented: .*transactions/);
  });

  test('an unknown operation and an unknown entity are refused by name', async () => {
    const response = await manage('q', 'com.microsoft:dance', {});
    expect(response.application_properties).toMatchObject({
      statusCode: 501,
      errorCondition: 'amqp:not-implemented',
      statusDescription: expect.stringContaining('com.microsoft:dance'),
    });
    expect(await refusal(connection.open_sender('missing/$management'))).toMatch(/^amqp:not-found: .*missing/);
  });

  test('sessions can be listed', async () => {
    const sender = harness.client.createSender('s');
    await sender.sendMessages([
      { body: 1, sessionId: 'a' },
      { body: 2, sessionId: 'b' },
    ]);
    const ask = async (date: Date, skip = 0): Promise<unknown> => {
      const body = {
        'last-updated-time': date,
        skip: rhea.types.wrap_int(skip),
        top: rhea.types.wrap_int(100),
      };
      return (await manage('s', 'com.microsoft:get-message-sessions', body)).body?.['sessions-ids'];
    };
    const end = new Date('9999-12-31T23:59:59Z');
    expect(await ask(end)).toEqual(['a', 'b']);
    expect(await ask(end, 1)).toEqual(['b']);
    expect(await ask(new Date(Date.now() + 3_600_000))).toBeUndefined();
    const session = await harness.client.acceptSession('s', 'c');
    const before = new Date(Date.now() - 1_000);
    await session.setSessionState('x');
    expect(await ask(before)).toContain('c');
  });

  test('messages can be deleted in batches', async () => {
    const sender = harness.client.createSender('q');
    await sender.sendMessages([{ body: 1 }, { body: 2 }, { body: 3 }]);
    const remove = async (count: number): Promise<unknown> => {
      const body = { 'message-count': rhea.types.wrap_int(count), 'enqueued-time-utc': new Date(Date.now() + 1_000) };
      const response = await manage('q', 'com.microsoft:batch-delete-messages', body);
      return [response.application_properties?.statusCode, response.body?.['message-count']];
    };
    expect(await remove(2)).toEqual([200, 2]);
    expect(await remove(2)).toEqual([200, 1]);
    expect(await remove(2)).toEqual([200, 0]);
  });

  test('a released message is free again, and no attempt is counted', async () => {
    await harness.client.createSender('q').sendMessages({ body: 1 });
    const receiver = connection.open_receiver({ source: 'q', credit_window: 0, autoaccept: false, rcv_settle_mode: 1 });
    await once(receiver, 'receiver_open');
    receiver.add_credit(1);
    const { delivery } = await once(receiver, 'message');
    delivery?.release();
    const message = first(await harness.client.createReceiver('q').receiveMessages(1));
    expect(message.deliveryCount).toBe(0);
  });

  test('a message too large for one frame is sent in several, both ways', async () => {
    const small = rhea.create_container().connect({
      host: '127.0.0.1',
      port: Number(/:(\d+);/.exec(harness.connectionString)?.[1]),
      username: 'any',
      reconnect: false,
      max_frame_size: 4_096,
    });
    small.on('disconnected', () => undefined);
    const body = 'x'.repeat(100_000);
    const sender = small.open_sender('q');
    await once(sender, 'sendable');
    sender.send({ body });
    await once(sender, 'accepted');
    const receiver = small.open_receiver('q');
    const { message } = await once(receiver, 'message');
    expect(message?.body).toBe(body);
    await hangUp(small);
  });
});
