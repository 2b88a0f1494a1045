// Topics with the real SDK: fan-out, filters, actions, rules and forwarding.
import type { CorrelationRuleFilter, ServiceBusMessage } from '@azure/service-bus';
import { codeOf, first, type Harness, openHarness } from './support.ts';

describe('a topic', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await openHarness();
    harness.emulator.createTopic('events');
  });

  afterEach(() => harness.close());

  const bodies = (subscription: string): unknown[] =>
    harness.emulator.messages(`events/Subscriptions/${subscription}`).map(({ body }) => JSON.parse(String(body)));

  /** A subscription with just one rule. */
  const subscribe = async (
    name: string,
    filter: { sqlExpression: string } | CorrelationRuleFilter,
    action?: { sqlExpression: string },
  ): Promise<void> => {
    harness.emulator.createSubscription('events', name);
    const rules = harness.client.createRuleManager('events', name);
    await rules.deleteRule('$Default');
    await rules.createRule('only', filter, action);
  };
  const send = (...messages: ServiceBusMessage[]): Promise<void> =>
    harness.client.createSender('events').sendMessages(messages);

  test('gives each subscription its own copy', async () => {
    const { client, emulator } = harness;
    emulator.createSubscription('events', 'one');
    emulator.createSubscription('events', 'two');
    await send({ body: { hello: 'world' } });
    const receiver = client.createReceiver('events', 'one');
    const message = first(await receiver.receiveMessages(1));
    expect(message.body).toEqual({ hello: 'world' });
    await receiver.completeMessage(message);
    expect(await receiver.peekMessages(10)).toEqual([]);
    expect(bodies('two')).toEqual([{ hello: 'world' }]);
  });

  test('SQL filters choose by application and system properties', async () => {
    await subscribe('large', { sqlExpression: "amount > 100 AND (region IN ('eu', 'us') OR region IS NULL)" });
    await subscribe('labelled', { sqlExpression: "sys.Label LIKE 'order.%' AND NOT EXISTS(test)" });
    await send(
      { body: 1, subject: 'order.created', applicationProperties: { amount: 150, region: 'eu' } },
      { body: 2, subject: 'order.paid', applicationProperties: { amount: 50, test: true } },
      { body: 3, subject: 'invoice', applicationProperties: { amount: 101.5 } },
      { body: 4, subject: 'order.lost', applicationProperties: { amount: 500, region: 'asia' } },
    );
    expect(bodies('large')).toEqual([1, 3]);
    expect(bodies('labelled')).toEqual([1, 4]);
  });

  test('correlation filters choose by equality', async () => {
    await subscribe('mine', { correlationId: 'c', applicationProperties: { type: 'reading', level: 3 } });
    await subscribe('typed', { subject: 'created', contentType: 'text/plain' });
    await send(
      { body: 1, correlationId: 'c', applicationProperties: { type: 'reading', level: 3 } },
      { body: 2, correlationId: 'c', applicationProperties: { type: 'reading', level: 4 } },
      { body: 3, correlationId: 'd', applicationProperties: { type: 'reading', level: 3 } },
      { body: 4, subject: 'created', contentType: 'text/plain' },
    );
    expect(bodies('mine')).toEqual([1]);
    expect(bodies('typed')).toEqual([4]);
  });

  test('an action changes the copy of its rule', async () => {
    const { client, emulator } = harness;
    await subscribe(
      'changed',
      { sqlExpression: 'amount >= 10' },
      { sqlExpression: "SET amount = amount * 2; SET sys.Label = 'big'; SET note = 'x' + 'y'; REMOVE secret" },
    );
    emulator.createSubscription('events', 'plain');
    await send({ body: 1, subject: 'small', applicationProperties: { amount: 20, secret: 's' } });
    const changed = first(await client.createReceiver('events', 'changed').receiveMessages(1));
    expect(changed).toMatchObject({ subject: 'big', body: 1 });
    expect(changed.applicationProperties).toEqual({ amount: 40, note: 'xy', RuleName: 'only' });
    const plain = first(await client.createReceiver('events', 'plain').receiveMessages(1));
    expect(plain).toMatchObject({ subject: 'small', applicationProperties: { amount: 20, secret: 's' } });
  });

  test('rules without action give one copy, and each rule with an action another', async () => {
    const { client, emulator } = harness;
    emulator.createSubscription('events', 's');
    const rules = client.createRuleManager('events', 's');
    await rules.createRule('also', { sqlExpression: '1=1' });
    await rules.createRule('a', { sqlExpression: '1=1' }, { sqlExpression: "SET from = 'a'" });
    await rules.createRule('b', { sqlExpression: '1=1' }, { sqlExpression: "SET from = 'b'" });
    await send({ body: 1 });
    const copies = await client.createReceiver('events', 's').receiveMessages(5);
    expect(copies.map(({ applicationProperties }) => applicationProperties?.from)).toEqual([undefined, 'a', 'b']);
  });

  test('rules can be listed, and errors have their codes', async () => {
    const { client, emulator } = harness;
    emulator.createSubscription('events', 's');
    const rules = client.createRuleManager('events', 's');
    await rules.createRule('sql', { sqlExpression: 'a = 1' }, { sqlExpression: 'SET b = 2' });
    await rules.createRule('correlated', {
      correlationId: 'c',
      messageId: 'm',
      to: 't',
      replyTo: 'r',
      subject: 'l',
      sessionId: 's',
      replyToSessionId: 'rs',
      contentType: 'ct',
      applicationProperties: { text: 'x', number: 1.5, yes: true },
    });
    const listed: unknown[] = [];
    for await (const rule of rules.listRules()) listed.push(rule);
    expect(listed).toEqual([
      { name: '$Default', filter: { sqlExpression: '1=1' }, action: {} },
      {
        name: 'correlated',
        filter: {
          correlationId: 'c',
          messageId: 'm',
          to: 't',
          replyTo: 'r',
          subject: 'l',
          sessionId: 's',
          replyToSessionId: 'rs',
          contentType: 'ct',
          applicationProperties: { text: 'x', number: 1.5, yes: true },
        },
        action: {},
      },
      { name: 'sql', filter: { sqlExpression: 'a = 1' }, action: { sqlExpression: 'SET b = 2' } },
    ]);
    expect(await codeOf(rules.createRule('sql', { sqlExpression: '1=1' }))).toBe('MessagingEntityAlreadyExists');
    expect(await codeOf(rules.createRule('bad', { sqlExpression: 'a = = 1' }))).toBe('GeneralError');
    expect(await codeOf(rules.deleteRule('nothing'))).toBe('MessagingEntityNotFound');
  });

  test('a subscription forwards to a queue, and dead letters elsewhere', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('morgue');
    emulator.createQueue('inbox', { maxDeliveryCount: 1, forwardDeadLetteredTo: 'morgue' });
    emulator.createQueue('missing');
    emulator.createSubscription('events', 'forwards', { forwardTo: 'inbox' });
    emulator.createSubscription('events', 'nowhere', { forwardTo: 'missing' });
    emulator.namespace.delete('missing');
    await send({ body: 'x' });
    const receiver = client.createReceiver('inbox');
    const message = first(await receiver.receiveMessages(1));
    expect(message).toMatchObject({ body: 'x', enqueuedSequenceNumber: 1 });
    await receiver.abandonMessage(message);
    const dead = first(await client.createReceiver('morgue').receiveMessages(1));
    expect(dead).toMatchObject({ deadLetterSource: 'inbox', deadLetterReason: 'MaxDeliveryCountExceeded' });
    const stuck = client.createReceiver('events', 'nowhere', { subQueueType: 'transferDeadLetter' });
    expect(first(await stuck.receiveMessages(1)).deadLetterReason).toBe('amqp:not-found');
    emulator.createSubscription('events', 'lost', { maxDeliveryCount: 1, forwardDeadLetteredTo: 'morgue' });
    emulator.namespace.delete('morgue');
    await send({ body: 'y' });
    const loser = client.createReceiver('events', 'lost');
    await loser.abandonMessage(first(await loser.receiveMessages(1)));
    const unburied = client.createReceiver('events', 'lost', { subQueueType: 'transferDeadLetter' });
    expect(first(await unburied.receiveMessages(1))).toMatchObject({ body: 'y', deadLetterReason: 'amqp:not-found' });
  });

  test('a topic cannot be received from, nor a subscription be sent to', async () => {
    const { client, emulator } = harness;
    emulator.createSubscription('events', 's');
    expect(await codeOf(client.createReceiver('events').receiveMessages(1))).toBe('GeneralError');
    expect(await codeOf(client.createSender('events/Subscriptions/s').sendMessages({ body: 1 }))).toBe('GeneralError');
    expect(await codeOf(client.createReceiver('events', 'missing').receiveMessages(1))).toBe('MessagingEntityNotFound');
  });

  test('names ignore case', async () => {
    const { client, emulator } = harness;
    emulator.createSubscription('events', 's');
    await client.createSender('EVENTS').sendMessages({ body: 1 });
    expect(first(await client.createReceiver('Events', 'S').receiveMessages(1)).body).toBe(1);
  });
});
