// Functions entry point of the consumers: one subscription's messages in, for each, and one for its dead letters.
import { app, type InvocationContext } from '@azure/functions';
import { composeWorkers } from './compose.ts';
import { CONNECTIONS, readWorkerConfig, SETUP } from './config.ts';

app.setup(SETUP);
const config = readWorkerConfig(process.env);

for (const { consumer, deadLetters, work } of composeWorkers(config)) {
  app.serviceBusTopic(deadLetters ? `${consumer}-dead-letters` : consumer, {
    connection: CONNECTIONS.serviceBus,
    topicName: config.topic,
    subscriptionName: deadLetters ? `${consumer}/$DeadLetterQueue` : consumer,
    cardinality: 'many',
    // Raw bodies: a body that is not text would fail its batch before it gets here. The types lack this option.
    ...{ dataType: 'binary' },
    handler: (bodies: unknown, { triggerMetadata = {} }: InvocationContext) =>
      work({
        bodies: bodies as unknown[],
        deliveryCounts: (triggerMetadata.deliveryCountArray ?? []) as unknown[],
        properties: (triggerMetadata.applicationPropertiesArray ?? []) as unknown[],
      }),
  });
}
