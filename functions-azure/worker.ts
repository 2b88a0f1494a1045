// Functions entry point of the consumers: the messages of each subscription in, and its dead letters.
import { app, type InvocationContext } from '@azure/functions';
import { composeWorkers } from './compose.ts';
import { CONNECTIONS, readWorkerConfig, SETUP } from './config.ts';

app.setup(SETUP);
const config = readWorkerConfig(process.env);

for (const { subscription, deadLetters, work } of composeWorkers(config)) {
  app.serviceBusTopic(deadLetters ? `${subscription}-dead-letters` : subscription, {
    connection: CONNECTIONS.serviceBus,
    topicName: config.topic,
    subscriptionName: deadLetters ? `${subscription}/$DeadLetterQueue` : subscription,
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
