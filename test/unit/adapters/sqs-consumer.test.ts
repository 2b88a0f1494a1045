// SQS records on Lambda: which handler gets them, by the queue that they come from.
import { type QueueEvent, sqsConsumer } from '../../../adapters/aws/sqs-consumer.ts';
import { encodeMessage } from '../../../core/events/wire.ts';
import type { DeliveryHandler } from '../../../core/ports/bus.ts';
import { reading } from '../../support/events.ts';

const eventFrom = (eventSourceARN?: string): QueueEvent => ({
  Records: [
    {
      messageId: 'm-1',
      body: encodeMessage({ tenant: 'acme', event: reading() }),
      attributes: { ApproximateReceiveCount: '1' },
      ...(eventSourceARN !== undefined && { eventSourceARN }),
    },
  ],
});

test.each<[string | undefined, string]>([
  ['arn:aws:sqs:eu-central-1:1:alpha-counts', 'queue'],
  ['arn:aws:sqs:eu-central-1:1:alpha-counts-dead-letter', 'dead letters'],
  ['arn:aws:sqs:eu-central-1:1:alpha-dead-letter-counts', 'queue'],
  [undefined, 'queue'],
])('what comes from %s goes to the handler of the %s', async (arn, expected) => {
  const handled: string[] = [];
  const handler =
    (name: string): DeliveryHandler =>
    async (messages) => {
      handled.push(name);
      return messages.map(() => ({ status: 'done' }));
    };
  const consumer = sqsConsumer(handler('queue'), { suffix: '-dead-letter', handler: handler('dead letters') });
  expect(await consumer(eventFrom(arn), Number.MAX_SAFE_INTEGER)).toEqual({ batchItemFailures: [] });
  expect(handled).toEqual([expected]);
});
