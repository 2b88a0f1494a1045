// What the Functions host does for a Service Bus trigger of many messages: a batch at a time, which succeeds or fails as a whole.
import type { ServiceBusClient } from '@azure/service-bus';
import type { ServiceBusBatch } from '../../../adapters/azure/service-bus-consumer.ts';

/** After the first message of a batch, those that follow at once join it. */
const FILL_MS = 10;

const IDLE_MS = 60_000;

/** Receives until stopped. A batch whose function throws is abandoned, and with it a delivery of each of its messages counted. */
export function driveSubscription(options: {
  readonly client: ServiceBusClient;
  readonly topic: string;
  readonly subscription: string;
  readonly batchSize: number;
  readonly invoke: (batch: ServiceBusBatch) => Promise<void>;
}): () => Promise<void> {
  const { client, topic, subscription, batchSize, invoke } = options;
  const receiver = client.createReceiver(topic, subscription, {
    maxAutoLockRenewalDurationInMs: 0,
    skipParsingBodyAsJson: true,
  });
  const stopping = new AbortController();
  const { signal: abortSignal } = stopping;
  const run = async () => {
    while (!abortSignal.aborted) {
      const batch = await receiver.receiveMessages(1, { maxWaitTimeInMs: IDLE_MS, abortSignal });
      if (batch.length > 0)
        batch.push(...(await receiver.receiveMessages(batchSize - 1, { maxWaitTimeInMs: FILL_MS })));
      if (batch.length === 0) continue;
      const succeeded = await invoke({
        bodies: batch.map(({ body }) => body as Buffer),
        deliveryCounts: batch.map(({ deliveryCount = 0 }) => deliveryCount + 1),
        properties: batch.map(({ applicationProperties }) => applicationProperties),
      }).then(
        () => true,
        () => false,
      );
      const settle = batch.map((message) =>
        succeeded ? receiver.completeMessage(message) : receiver.abandonMessage(message),
      );
      // A lock that ran out meanwhile is no fault: the message comes again.
      await Promise.allSettled(settle);
    }
  };
  const running = run().catch((error: unknown) => {
    if (!abortSignal.aborted) throw error;
  });
  return async () => {
    stopping.abort();
    await running;
    await receiver.close();
  };
}
