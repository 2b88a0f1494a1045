// A namespace with a queue, and apps that receive from it, for the tests of the Service Bus trigger.
import { ServiceBusClient, type ServiceBusMessage } from '@azure/service-bus';
import { ServiceBusEmulator } from '../../../../emulators/service-bus/emulator.ts';
import { startApp, type TestHost, track } from './support.ts';

/** A namespace with the queue `work`. */
export interface Bus {
  readonly connectionString: string;
  readonly emulator: ServiceBusEmulator;
  send(messages: ServiceBusMessage[]): Promise<void>;
  /** What is still in the queue, locked or not, and what is in its dead-letter queue. */
  left(): Promise<{ ids: unknown[]; dead: unknown[] }>;
}

/** Starts a namespace, on a free port by default. */
export async function startBus(
  settings: { requiresSession?: boolean; maxDeliveryCount?: number } = {},
  port = 0,
): Promise<Bus> {
  const emulator = new ServiceBusEmulator({ port });
  const { connectionString } = await emulator.start();
  track(emulator);
  emulator.createQueue('work', settings);
  const client = new ServiceBusClient(connectionString);
  track({ stop: () => client.close() });
  const sender = client.createSender('work');
  const peek = async (subQueue: { subQueueType?: 'deadLetter' }): Promise<unknown[]> => {
    // A client of its own: the SDK goes on peeking where the last receiver of the same client stopped.
    const peeking = new ServiceBusClient(connectionString);
    const messages = await peeking.createReceiver('work', subQueue).peekMessages(100);
    await peeking.close();
    return messages.map(({ messageId }) => messageId);
  };
  return {
    connectionString,
    emulator,
    send: (messages) => sender.sendMessages(messages),
    left: async () => ({ ids: await peek({}), dead: await peek({ subQueueType: 'deadLetter' }) }),
  };
}

/** Starts an app with one trigger, `work`. */
export function startQueueApp(
  bus: Bus,
  options: string,
  handler: string,
  hostJson: object = {},
  setup = '',
): Promise<TestHost> {
  const source = `
    import { app } from '@azure/functions';
    ${setup}
    app.serviceBusQueue('work', { connection: 'BUS', queueName: '%QUEUE%', ${options}, handler: ${handler} });
  `;
  const environment = { BUS: bus.connectionString, QUEUE: 'work' };
  return startApp({ source, hostJson: { extensions: { serviceBus: hostJson } } }, { environment });
}

/** Logs the bodies of each batch and their delivery counts. */
export const BODIES = `async (messages, context) => { context.log(JSON.stringify({ bodies: messages, counts: context.triggerMetadata.deliveryCountArray })); }`;
