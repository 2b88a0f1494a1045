// Topics: fan-out and peek-lock.
import { ServiceBusClient } from '@azure/service-bus';
import { ServiceBusEmulator } from '../../../../local/emulators/service-bus/emulator.ts';

test('a message sent to a topic is received and completed on its subscription', async () => {
  const emulator = new ServiceBusEmulator({ log: console.error });
  const { connectionString } = await emulator.start();
  emulator.namespace.createTopic('events');
  emulator.namespace.createSubscription('events', 'worker');
  const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0, timeoutInMs: 5000 } });
  const sender = client.createSender('events');
  await sender.sendMessages({ body: { hello: 'world' }, applicationProperties: { n: 1 } });
  const receiver = client.createReceiver('events', 'worker');
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 2000 });
  expect(message?.body).toEqual({ hello: 'world' });
  expect(message?.deliveryCount).toBe(0);
  if (message !== undefined) await receiver.completeMessage(message);
  expect(await receiver.peekMessages(10)).toEqual([]);
  await client.close();
  await emulator.stop();
});
