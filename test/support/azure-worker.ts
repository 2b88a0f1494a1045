// The Functions entry point of the consumers in tests: locks are shorter, and APP_VERSION says whether the release is a bad one.
import { app, type InvocationContext } from '@azure/functions';
import { composeWorkers } from '../../functions-azure/compose.ts';
import { CONNECTIONS, readWorkerConfig, SETUP } from '../../functions-azure/config.ts';
import { faulty } from './faulty.ts';
import { AZURE_LOCK_SECONDS } from './impatient.ts';

app.setup(SETUP);
const config = readWorkerConfig(process.env);
const workers = composeWorkers(config, {
  lockSeconds: AZURE_LOCK_SECONDS,
  ...(config.version === 'faulty' && { consumer: faulty }),
});

for (const { subscription, deadLetters, work } of workers) {
  app.serviceBusTopic(deadLetters ? `${subscription}-dead-letters` : subscription, {
    connection: CONNECTIONS.serviceBus,
    topicName: config.topic,
    subscriptionName: deadLetters ? `${subscription}/$DeadLetterQueue` : subscription,
    cardinality: 'many',
    handler: (bodies: unknown, { triggerMetadata = {} }: InvocationContext) =>
      work({
        bodies: bodies as unknown[],
        deliveryCounts: (triggerMetadata.deliveryCountArray ?? []) as unknown[],
        properties: (triggerMetadata.applicationPropertiesArray ?? []) as unknown[],
      }),
  });
}
