// The administration client against the emulator: every operation it has, through the messaging connection string.
import { ServiceBusAdministrationClient } from '@azure/service-bus';
import { codeOf, first, type Harness, openHarness } from './support.ts';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('the administration API', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await openHarness();
  });

  afterEach(() => harness.close());

  test('creates a queue with the defaults of the cloud', async () => {
    const { admin } = harness;
    const created = await admin.createQueue('orders');
    expect(created).toMatchObject({
      name: 'orders',
      lockDuration: 'PT1M',
      maxSizeInMegabytes: 1024,
      maxDeliveryCount: 10,
      requiresSession: false,
      requiresDuplicateDetection: false,
      deadLetteringOnMessageExpiration: false,
      enableBatchedOperations: true,
      enablePartitioning: false,
      duplicateDetectionHistoryTimeWindow: 'PT10M',
      defaultMessageTimeToLive: 'P10675199DT2H48M5.4775807S',
      autoDeleteOnIdle: 'P10675199DT2H48M5.4775807S',
      status: 'Active',
      availabilityStatus: 'Available',
    });
    expect(created.forwardTo).toBeUndefined();
    expect(await admin.getQueue('orders')).toMatchObject({ name: 'orders', maxDeliveryCount: 10 });
    expect(await admin.queueExists('orders')).toBe(true);
    expect(await admin.queueExists('other')).toBe(false);
    expect(await codeOf(admin.createQueue('ORDERS'))).toBe('MessageEntityAlreadyExistsError');
    expect(await codeOf(admin.getQueue('other'))).toBe('MessageEntityNotFoundError');
    expect(await codeOf(admin.deleteQueue('other'))).toBe('MessageEntityNotFoundError');
    await admin.deleteQueue('orders');
    expect(await admin.queueExists('orders')).toBe(false);
  });

  test('keeps every setting of a queue', async () => {
    const { admin } = harness;
    const settings = {
      lockDuration: 'PT45S',
      maxSizeInMegabytes: 2048,
      maxDeliveryCount: 5,
      requiresSession: true,
      requiresDuplicateDetection: true,
      deadLetteringOnMessageExpiration: true,
      enableBatchedOperations: false,
      duplicateDetectionHistoryTimeWindow: 'PT30S',
      defaultMessageTimeToLive: 'P2DT3H',
      autoDeleteOnIdle: 'PT1H30M',
      userMetadata: 'for <you> & "me"',
      status: 'ReceiveDisabled' as const,
      enableExpress: false,
      authorizationRules: [
        {
          claimType: 'SharedAccessKey',
          accessRights: ['Manage' as const, 'Send' as const, 'Listen' as const],
          keyName: 'key',
          primaryKey: 'pNSRzKKm2vfdbCuTXMa9gOMHD66NwCTxJi4KWJX/TDc=',
          secondaryKey: 'UreXLPWiP6Murmsq2HYiIXs23qAvWa36ZOL3gb9rXLs=',
        },
      ],
    };
    const created = await admin.createQueue('full', settings);
    expect(created).toMatchObject(settings);
    const updated = await admin.updateQueue({ ...created, maxDeliveryCount: 7, lockDuration: 'PT1M30S' });
    expect(updated).toMatchObject({ ...settings, maxDeliveryCount: 7, lockDuration: 'PT1M30S' });
    expect(await codeOf(admin.updateQueue({ ...created, requiresSession: false }))).toBe('ServiceError');
    expect(await codeOf(admin.createQueue('bad', { lockDuration: 'PT1H' }))).toBe('ServiceError');
  });

  test('forwarding can be set and taken back', async () => {
    const { admin } = harness;
    await admin.createQueue('target');
    const created = await admin.createQueue('source', { forwardTo: 'target', forwardDeadLetteredMessagesTo: 'target' });
    expect(created.forwardTo).toMatch(/^(sb|https):\/\/127\.0\.0\.1(:\d+)?\/target$/);
    await harness.client.createSender('source').sendMessages({ body: 'x' });
    expect(harness.emulator.messages('target')).toHaveLength(1);
    const { forwardTo: _forwardTo, ...plain } = created;
    const updated = await admin.updateQueue(plain as typeof created);
    expect(updated.forwardTo).toBeUndefined();
  });

  test('a partitioned queue is shown as in the cloud', async () => {
    const created = await harness.admin.createQueue('parts', { enablePartitioning: true });
    expect(created).toMatchObject({ enablePartitioning: true, maxSizeInMegabytes: 16_384 });
  });

  test('topics and subscriptions, with their defaults, changes and errors', async () => {
    const { admin } = harness;
    expect(await codeOf(admin.createSubscription('t', 's'))).toBe('MessageEntityNotFoundError');
    const topic = await admin.createTopic('t', { defaultMessageTimeToLive: 'PT1H', requiresDuplicateDetection: true });
    expect(topic).toMatchObject({ name: 't', defaultMessageTimeToLive: 'PT1H', supportOrdering: true });
    expect(await admin.updateTopic({ ...topic, userMetadata: 'm' })).toMatchObject({ userMetadata: 'm' });
    const created = await admin.createSubscription('t', 's', { maxDeliveryCount: 3, userMetadata: 'x' });
    expect(created).toMatchObject({
      topicName: 't',
      subscriptionName: 's',
      lockDuration: 'PT1M',
      maxDeliveryCount: 3,
      deadLetteringOnFilterEvaluationExceptions: true,
      userMetadata: 'x',
    });
    expect(await admin.updateSubscription({ ...created, lockDuration: 'PT2M' })).toMatchObject({
      lockDuration: 'PT2M',
    });
    expect(await codeOf(admin.createSubscription('t', 's'))).toBe('MessageEntityAlreadyExistsError');
    expect(await codeOf(admin.getSubscription('t', 'none'))).toBe('MessageEntityNotFoundError');
    expect(await admin.subscriptionExists('t', 's')).toBe(true);
    expect(await admin.topicExists('t')).toBe(true);
    await admin.deleteSubscription('t', 's');
    await admin.deleteTopic('t');
    expect(await admin.topicExists('t')).toBe(false);
  });

  test('rules of every kind', async () => {
    const { admin } = harness;
    await admin.createTopic('t');
    await admin.createSubscription('t', 's');
    expect(await admin.getRule('t', 's', '$Default')).toMatchObject({ filter: { sqlExpression: '1=1' } });
    const correlation = {
      correlationId: 'c',
      subject: 'l',
      contentType: 'ct',
      messageId: 'm',
      replyTo: 'r',
      replyToSessionId: 'rs',
      sessionId: 's',
      to: 't',
      applicationProperties: {
        text: 'a & b',
        number: 5,
        fraction: 1.5,
        yes: true,
        at: new Date('2024-05-06T07:08:09Z'),
      },
    };
    const created = await admin.createRule('t', 's', 'correlated', correlation);
    expect(created.filter).toMatchObject(correlation);
    const sql = {
      sqlExpression: 'amount > @least AND kind = @kind',
      sqlParameters: { '@least': 10, '@kind': 'x' },
    };
    const rule = await admin.createRule('t', 's', 'sql', sql, { sqlExpression: 'SET a = 1' });
    expect(rule).toMatchObject({ name: 'sql', filter: sql, action: { sqlExpression: 'SET a = 1' } });
    rule.filter = { sqlExpression: 'amount > 5' };
    expect((await admin.updateRule('t', 's', rule)).filter).toEqual({ sqlExpression: 'amount > 5' });
    const names = (await collect(admin.listRules('t', 's'))).map(({ name }) => name);
    expect(names).toEqual(['$Default', 'correlated', 'sql']);
    expect(await codeOf(admin.createRule('t', 's', 'sql', { sqlExpression: '1=1' }))).toBe(
      'MessageEntityAlreadyExistsError',
    );
    expect(await codeOf(admin.createRule('t', 's', 'bad', { sqlExpression: 'a >' }))).toBe('ServiceError');
    await admin.deleteRule('t', 's', 'sql');
    expect(await admin.ruleExists('t', 's', 'sql')).toBe(false);
    expect(await codeOf(admin.getRule('t', 's', 'sql'))).toBe('MessageEntityNotFoundError');
  });

  test('a subscription can be made with its first rule', async () => {
    const { admin, client } = harness;
    await admin.createTopic('t');
    await admin.createSubscription('t', 's', {
      defaultRuleOptions: { name: 'red', filter: { applicationProperties: { color: 'red' } } },
    });
    await client.createSender('t').sendMessages([
      { body: 1, applicationProperties: { color: 'red' } },
      { body: 2, applicationProperties: { color: 'blue' } },
    ]);
    expect((await collect(admin.listRules('t', 's'))).map(({ name }) => name)).toEqual(['red']);
    expect(first(await client.createReceiver('t', 's').receiveMessages(5)).body).toBe(1);
  });

  test('lists page by page', async () => {
    const { admin } = harness;
    for (let index = 0; index < 25; index++) harness.emulator.createQueue(`q-${String(index).padStart(2, '0')}`);
    const names = (await collect(admin.listQueues())).map(({ name }) => name);
    expect(names).toHaveLength(25);
    expect(names[0]).toBe('q-00');
    const pages = await collect(admin.listQueues().byPage({ maxPageSize: 10 }));
    expect(pages.map((page) => page.length)).toEqual([10, 10, 5]);
    expect(await collect(admin.listTopics())).toEqual([]);
  });

  test('counts messages by what became of them', async () => {
    const { admin, client } = harness;
    await admin.createQueue('q');
    const sender = client.createSender('q');
    await sender.sendMessages([{ body: 1 }, { body: 2 }, { body: 3 }]);
    await sender.scheduleMessages({ body: 4 }, new Date(Date.now() + 60_000));
    const receiver = client.createReceiver('q');
    const message = first(await receiver.receiveMessages(1));
    await receiver.deadLetterMessage(message);
    const counts = await admin.getQueueRuntimeProperties('q');
    expect(counts).toMatchObject({
      name: 'q',
      totalMessageCount: 4,
      activeMessageCount: 2,
      deadLetterMessageCount: 1,
      scheduledMessageCount: 1,
      transferMessageCount: 0,
      transferDeadLetterMessageCount: 0,
    });
    expect(counts.sizeInBytes).toBeGreaterThan(0);
    expect(counts.createdAt.getTime()).toBeLessThanOrEqual(Date.now());
    await admin.createTopic('t');
    await admin.createSubscription('t', 's');
    await client.createSender('t').sendMessages({ body: 1 });
    expect(await admin.getSubscriptionRuntimeProperties('t', 's')).toMatchObject({ activeMessageCount: 1 });
    expect(await admin.getTopicRuntimeProperties('t')).toMatchObject({
      subscriptionCount: 1,
      scheduledMessageCount: 0,
    });
    expect(await collect(admin.listQueuesRuntimeProperties())).toHaveLength(1);
    expect(await collect(admin.listSubscriptionsRuntimeProperties('t'))).toHaveLength(1);
    expect(await collect(admin.listTopicsRuntimeProperties())).toHaveLength(1);
  });

  test('describes the namespace', async () => {
    expect(await harness.admin.getNamespaceProperties()).toMatchObject({ messagingSku: 'Standard' });
  });

  test('plain HTTP works on the same port', async () => {
    const client = new ServiceBusAdministrationClient(harness.connectionString);
    const { pipeline } = client as unknown as { pipeline: { addPolicy(policy: unknown): void } };
    pipeline.addPolicy({
      name: 'plain-http',
      sendRequest(request: { url: string; allowInsecureConnection: boolean }, next: (request: unknown) => unknown) {
        request.url = request.url.replace('https:', 'http:');
        request.allowInsecureConnection = true;
        return next(request);
      },
    });
    await client.createQueue('plain');
    expect(harness.emulator.namespace.queue('plain')?.name).toBe('plain');
  });

  test('an entity with slashes in its name', async () => {
    const { admin, client } = harness;
    await admin.createQueue('a/b.c_d-e');
    await client.createSender('a/b.c_d-e').sendMessages({ body: 1 });
    expect(await admin.getQueueRuntimeProperties('a/b.c_d-e')).toMatchObject({ activeMessageCount: 1 });
  });
});
