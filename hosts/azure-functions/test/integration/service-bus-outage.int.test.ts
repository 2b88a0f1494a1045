// Service Bus triggers when the namespace, or the queue, is not there.
import { BODIES, startQueueApp as start, startBus } from './service-bus-support.ts';
import { cleanUp, eventually, freePort } from './support.ts';

afterEach(cleanUp);

it.each(['many', 'one'])('goes on when the namespace was away (cardinality %s)', async (cardinality) => {
  const port = await freePort();
  const first = await startBus({}, port);
  const handler = `async (_messages, { triggerMetadata }) => console.log(triggerMetadata.messageIdArray ?? triggerMetadata.messageId)`;
  // The namespace may go while a message is being completed. The client waits this long for the answer, by default a minute.
  const hostJson = { clientRetryOptions: { tryTimeout: '00:00:03' } };
  const { log } = await start(first, `cardinality: '${cardinality}'`, handler, hostJson);
  const received = (id: string): boolean =>
    log.some(({ category, message }) => category === 'console' && message.includes(id));
  await first.send([{ body: 'a', messageId: 'm-1' }]);
  await eventually('the first', () => received('m-1'));
  await first.emulator.stop();
  const second = await startBus({}, port);
  await second.send([{ body: 'b', messageId: 'm-2' }]);
  await eventually('the second', () => received('m-2'));
});

it('waits for a queue that does not exist yet', async () => {
  const bus = await startBus();
  bus.emulator.namespace.delete('work');
  const { said, log } = await start(bus, `cardinality: 'many'`, BODIES);
  await eventually('it complains', () => log.some(({ message }) => message.includes('could not be found')));
  bus.emulator.createQueue('work');
  await bus.send([{ body: 'a' }]);
  await eventually('a batch', () => said().length === 1);
});

it('stops in time although the namespace is gone', async () => {
  const bus = await startBus();
  const { host, said } = await start(bus, `cardinality: 'many'`, BODIES);
  await bus.send([{ body: 'a' }]);
  await eventually('a batch', () => said().length === 1);
  await bus.emulator.stop();
  // The client would try to connect without end, beyond Jest's limit.
  await host.stop();
});
