// subscribe() with the real SDK: concurrency, automatic completion, and handlers that fail.
import { deferred, type Harness, openHarness, until } from './support.ts';

describe('subscribe', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await openHarness();
    harness.emulator.createQueue('q');
  });

  afterEach(() => harness.close());

  test('runs as many handlers at once as it is allowed, and completes what they finish', async () => {
    const { client, emulator } = harness;
    await client.createSender('q').sendMessages(Array.from({ length: 40 }, (_, body) => ({ body })));
    const seen: number[] = [];
    let running = 0;
    let most = 0;
    const gate = deferred<void>();
    const all = deferred<void>();
    const subscription = client.createReceiver('q').subscribe(
      {
        async processMessage({ body }) {
          most = Math.max(most, ++running);
          if (running === 5) gate.resolve();
          await gate.promise;
          running--;
          seen.push(body);
          if (seen.length === 40) all.resolve();
        },
        processError: async ({ error }) => all.reject(error),
      },
      { maxConcurrentCalls: 5 },
    );
    await all.promise;
    // Closing does not wait for settlements that are under way.
    await until(() => emulator.messages('q').length === 0);
    await subscription.close();
    expect(most).toBe(5);
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index));
  });

  test('delivers what is sent while it runs, in order', async () => {
    const { client } = harness;
    const seen: number[] = [];
    const all = deferred<void>();
    const subscription = client.createReceiver('q').subscribe({
      async processMessage({ body }) {
        seen.push(body);
        if (seen.length === 20) all.resolve();
      },
      processError: async ({ error }) => all.reject(error),
    });
    const sender = client.createSender('q');
    for (let body = 0; body < 20; body++) await sender.sendMessages({ body });
    await all.promise;
    await subscription.close();
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  test('a handler that throws has its message again, until it is dead-lettered', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('fragile', { maxDeliveryCount: 3 });
    await client.createSender('fragile').sendMessages({ body: 'poison' });
    const attempts: (number | undefined)[] = [];
    const third = deferred<void>();
    const subscription = client.createReceiver('fragile').subscribe({
      async processMessage({ deliveryCount }) {
        attempts.push(deliveryCount);
        throw new Error('cannot');
      },
      async processError() {
        if (attempts.length === 3) third.resolve();
      },
    });
    await third.promise;
    const graveyard = client.createReceiver('fragile', { subQueueType: 'deadLetter' });
    const [dead] = await graveyard.receiveMessages(1);
    await subscription.close();
    expect(attempts).toEqual([0, 1, 2]);
    expect(dead?.deadLetterReason).toBe('MaxDeliveryCountExceeded');
  });

  test('more messages than one session can hold are delivered as they are settled', async () => {
    const { client, emulator } = harness;
    const sender = client.createSender('q');
    // The client's own table of deliveries holds 2,048.
    const total = 2_400;
    for (let at = 0; at < total; at += 800)
      await sender.sendMessages(Array.from({ length: 800 }, (_, index) => ({ body: at + index })));
    const receiver = client.createReceiver('q');
    let received = 0;
    while (received < total) {
      const messages = await receiver.receiveMessages(total - received);
      expect(messages.length).toBeGreaterThan(0);
      received += messages.length;
      await Promise.all(messages.map((message) => receiver.completeMessage(message)));
    }
    expect(emulator.messages('q')).toEqual([]);
  });
});
