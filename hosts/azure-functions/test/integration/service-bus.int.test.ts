// Service Bus triggers against the emulator and through the real SDK: what arrives, and how batches are settled.
import { ServiceBusClient } from '@azure/service-bus';
import { ServiceBusEmulator } from '../../../../emulators/service-bus/emulator.ts';
import { BODIES, startQueueApp as start, startBus } from './service-bus-support.ts';
import { cleanUp, eventually, startApp, track } from './support.ts';

afterEach(cleanUp);

it('hands a batch over with its metadata, and completes it', async () => {
  const bus = await startBus();
  await bus.send([
    {
      body: { n: 1 },
      messageId: 'm-1',
      subject: 'reading',
      applicationProperties: { Type: 'reading.v1', tenant: 't' },
    },
    { body: 'text', messageId: 'm-2', contentType: 'text/plain', correlationId: 'c-2' },
  ]);
  const { said } = await start(
    bus,
    `cardinality: 'many'`,
    'async (messages, context) => { context.log(JSON.stringify({ messages, metadata: context.triggerMetadata })); }',
  );
  const [call] = await eventually('a batch', () => (said().length > 0 ? said() : undefined));
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  const offset = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$/);
  const uuid = expect.stringMatching(/^[\da-f-]{36}$/);
  expect(call).toEqual({
    messages: [{ n: 1 }, 'text'],
    metadata: {
      messageReceiver: {},
      messageActions: {},
      receiveActions: {},
      client: {},
      sys: { methodName: 'work', utcNow: time, randGuid: uuid },
      deliveryCountArray: [1, 1],
      deadLetterSourceArray: [],
      lockTokenArray: [uuid, uuid],
      expiresAtUtcArray: [expect.any(String), expect.any(String)],
      expiresAtArray: [expect.any(String), expect.any(String)],
      enqueuedTimeUtcArray: [time, time],
      enqueuedTimeArray: [offset, offset],
      messageIdArray: ['m-1', 'm-2'],
      contentTypeArray: ['text/plain'],
      replyToArray: [],
      sequenceNumberArray: [1, 2],
      toArray: [],
      subjectArray: ['reading'],
      labelArray: ['reading'],
      correlationIdArray: ['c-2'],
      applicationPropertiesArray: [{ type: 'reading.v1', tenant: 't' }, {}],
      userPropertiesArray: [{ type: 'reading.v1', tenant: 't' }, {}],
      sessionIdArray: [],
      replyToSessionIdArray: [],
      partitionKeyArray: [],
      transactionPartitionKeyArray: [],
    },
  });
  await eventually('the queue is empty', async () => (await bus.left()).ids.length === 0);
});

it('springs the traps of the metadata: ids that look like JSON, and entries that move up', async () => {
  const bus = await startBus();
  await bus.send([
    { body: 'a', messageId: '123' },
    { body: Buffer.alloc(0), messageId: '{"x":1}', subject: 'second' },
    { body: 'c', messageId: 'm-3', subject: 'third' },
  ]);
  const handler = `async (messages, { log, triggerMetadata: { messageIdArray, subjectArray } }) =>
    context_log(JSON.stringify({ messages, messageIdArray, subjectArray }))`;
  const wrapped = handler.replace('{ log, triggerMetadata', '{ triggerMetadata').replace('context_log', 'console.log');
  const first = await start(bus, `cardinality: 'many'`, wrapped);
  const line = await eventually('a batch', () => first.log.find(({ category }) => category === 'console'));
  expect(JSON.parse(line.message)).toEqual({
    messages: ['a', 'c'],
    messageIdArray: [123, { x: 1 }, 'm-3'],
    subjectArray: ['second', 'third'],
  });
  await first.host.stop();

  await bus.send([
    { body: 'a', messageId: 'm-1' },
    { body: Buffer.alloc(0), messageId: 'm-2', subject: 'second' },
  ]);
  const setup = `app.setup({ capabilities: { IncludeEmptyEntriesInMessagePayload: true } });`;
  const second = await start(bus, `cardinality: 'many'`, wrapped, {}, setup);
  const next = await eventually('a batch', () => second.log.find(({ category }) => category === 'console'));
  expect(JSON.parse(next.message)).toEqual({
    messages: ['a', ''],
    messageIdArray: ['m-1', 'm-2'],
    subjectArray: ['', 'second'],
  });
});

it('abandons the whole batch for one bad message, until even the good ones are dead-lettered', async () => {
  const bus = await startBus({ maxDeliveryCount: 3 });
  await bus.send([
    { body: 'good', messageId: 'm-1' },
    { body: 'bad', messageId: 'm-2' },
    { body: 'good', messageId: 'm-3' },
  ]);
  const handler = `async (messages, context) => {
    context.log(JSON.stringify(context.triggerMetadata.deliveryCountArray));
    if (messages.includes('bad')) throw new Error('one of these is bad');
  }`;
  const { said, log } = await start(bus, `cardinality: 'many'`, handler);
  await eventually('all three are dead', async () => (await bus.left()).dead.length === 3);
  expect(said()).toEqual([
    [1, 1, 1],
    [2, 2, 2],
    [3, 3, 3],
  ]);
  expect(await bus.left()).toEqual({ ids: [], dead: ['m-1', 'm-2', 'm-3'] });
  expect(log.some(({ message }) => message.startsWith('All 3 messages of a failed batch are abandoned'))).toBe(true);
});

it('abandons only the bad message with cardinality one', async () => {
  const bus = await startBus({ maxDeliveryCount: 2 });
  const handler = `async (message, context) => {
    context.log(JSON.stringify([message, context.triggerMetadata.deliveryCount, context.triggerMetadata.messageId]));
    if (message === 'bad') throw new Error('this one');
  }`;
  const { said } = await start(bus, `cardinality: 'one'`, handler);
  const many = Array.from({ length: 30 }, (_, i) => ({ body: i % 3 === 0 ? 'bad' : 'good', messageId: `m-${i}` }));
  await bus.send(many);
  await eventually('20 good, 10 bad twice', () => said().length >= 40);
  await eventually('the rest is dead', async () => {
    const { ids, dead } = await bus.left();
    return ids.length === 0 && dead.length === 10;
  });
  const bad = said().filter((one) => Array.isArray(one) && one[0] === 'bad');
  expect(bad.map((one) => (Array.isArray(one) ? one[1] : 0)).sort()).toEqual([
    ...Array(10).fill(1),
    ...Array(10).fill(2),
  ]);
});

it('takes one batch at a time, of at most maxMessageBatchSize', async () => {
  const bus = await startBus();
  await bus.send(Array.from({ length: 25 }, (_, i) => ({ body: `b${i}` })));
  const handler = `async (messages, context) => {
    const g = globalThis as any;
    g.active = (g.active ?? 0) + 1;
    await new Promise((resolve) => setImmediate(resolve));
    context.log(JSON.stringify([messages.length, g.active]));
    g.active--;
  }`;
  const { said } = await start(bus, `cardinality: 'many'`, handler, { maxMessageBatchSize: 10 });
  await eventually('all batches', () => said().length === 3);
  expect(said()).toEqual([
    [10, 1],
    [10, 1],
    [5, 1],
  ]);
});

it('waits for minMessageBatchSize', async () => {
  const bus = await startBus();
  const { said } = await start(bus, `cardinality: 'many'`, BODIES, {
    minMessageBatchSize: 3,
    maxBatchWaitTime: '00:00:20',
  });
  await bus.send([{ body: 'a' }]);
  await bus.send([{ body: 'b' }]);
  await bus.send([{ body: 'c' }]);
  await eventually('a batch', () => said().length > 0);
  expect(said()).toEqual([{ bodies: ['a', 'b', 'c'], counts: [1, 1, 1] }]);
});

it('keeps the messages of a batch locked when autoComplete is off', async () => {
  const bus = await startBus();
  await bus.send([{ body: 'a', messageId: 'm-1' }]);
  const { said, host } = await start(bus, `cardinality: 'many', autoCompleteMessages: false`, BODIES);
  await eventually('a batch', () => said().length === 1);
  await host.stop();
  expect(await bus.left()).toEqual({ ids: ['m-1'], dead: [] });
});

it.each(['many', 'one'])('serves one session at a time in order (cardinality %s)', async (cardinality) => {
  const bus = await startBus({ requiresSession: true });
  const sessions = ['s-a', 's-b', 's-c'];
  await bus.send(Array.from({ length: 9 }, (_, i) => ({ body: i, sessionId: sessions[i % 3] ?? '' })));
  const handler = `async (messages, context) => {
    const { sessionIdArray, sessionId } = context.triggerMetadata;
    context.log(JSON.stringify([messages, sessionIdArray ?? sessionId]));
  }`;
  const options = `isSessionsEnabled: true, cardinality: '${cardinality}'`;
  const { said } = await start(bus, options, handler, { sessionIdleTimeout: '00:00:00.2', maxConcurrentSessions: 3 });
  const count = cardinality === 'many' ? 3 : 9;
  await eventually('every session', () => said().length === count);
  if (cardinality === 'many') {
    expect(said()).toEqual([
      [
        [0, 3, 6],
        ['s-a', 's-a', 's-a'],
      ],
      [
        [1, 4, 7],
        ['s-b', 's-b', 's-b'],
      ],
      [
        [2, 5, 8],
        ['s-c', 's-c', 's-c'],
      ],
    ]);
  } else {
    const ofA = said().filter((one) => Array.isArray(one) && one[1] === 's-a');
    expect(ofA).toEqual([
      [0, 's-a'],
      [3, 's-a'],
      [6, 's-a'],
    ]);
  }
});

it('gives back what it was working on when it stops or its worker dies', async () => {
  const bus = await startBus();
  await bus.send([{ body: 'a', messageId: 'm-1' }]);
  const handler = `async (messages, context) => {
    const [count] = context.triggerMetadata.deliveryCountArray;
    context.log(JSON.stringify(count));
    if (count < 3) await new Promise(() => undefined);
  }`;
  const first = await start(bus, `cardinality: 'many'`, handler);
  await eventually('first delivery', () => first.said().length === 1);
  first.host.killWorker();
  await eventually('second delivery', () => first.said().length === 2);
  await first.host.stop();
  const second = await start(bus, `cardinality: 'many'`, handler);
  await eventually('third delivery', () => second.said().length === 1);
  expect([first.said(), second.said()]).toEqual([[1, 2], [3]]);
  await eventually('the queue is empty', async () => (await bus.left()).ids.length === 0);
});

it('refuses to start without a connection, and with an identity that is not local', async () => {
  const source = `import { app } from '@azure/functions';
    app.serviceBusQueue('q', { connection: 'BUS', queueName: 'q', handler: () => undefined });`;
  await expect(startApp({ source })).rejects.toThrow('The app setting "BUS" is not set');
  const environment = { BUS__fullyQualifiedNamespace: 'polycell.servicebus.windows.net' };
  await expect(startApp({ source }, { environment })).rejects.toThrow('The connection "BUS" uses a managed identity');
});

it("receives from a subscription's dead-letter queue, and completes what it has received", async () => {
  const emulator = new ServiceBusEmulator({ port: 0 });
  const { connectionString } = await emulator.start();
  track(emulator);
  emulator.createTopic('events');
  emulator.createSubscription('events', 'counts');
  const client = new ServiceBusClient(connectionString);
  track({ stop: () => client.close() });
  await client.createSender('events').sendMessages({ body: 'given up' });
  const receiver = client.createReceiver('events', 'counts');
  const [message] = await receiver.receiveMessages(1);
  if (message === undefined) throw new Error('The message has not arrived.');
  await receiver.deadLetterMessage(message);
  const source = `
    import { app } from '@azure/functions';
    app.serviceBusTopic('counts-dead-letters', {
      connection: 'BUS', topicName: 'events', subscriptionName: 'counts/$DeadLetterQueue', cardinality: 'many',
      handler: async (messages, context) => { context.log(JSON.stringify({ messages })); },
    });
  `;
  const { said } = await startApp({ source, hostJson: {} }, { environment: { BUS: connectionString } });
  const [call] = await eventually('a dead letter', () => (said().length > 0 ? said() : undefined));
  expect(call).toEqual({ messages: ['given up'] });
  await eventually(
    'the dead-letter queue is empty',
    async () =>
      (await client.createReceiver('events', 'counts', { subQueueType: 'deadLetter' }).peekMessages(1)).length === 0,
  );
});
