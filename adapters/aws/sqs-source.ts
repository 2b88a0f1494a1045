// A consumer's queue on SQS, pulled.
import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { DeliverySource, Received } from '../../core/ports/delivery-source.ts';
import { PortError } from '../../core/ports/errors.ts';
import { itemError, toPortError } from './errors.ts';
import { toDelivery } from './sqs-consumer.ts';

export interface SqsSourceOptions {
  /** A client with `maxAttempts: 1`, whose requests may take longer than `receive` waits. */
  readonly client: SQSClient;
  readonly queueUrl: string;
}

/** Messages of one request, at most (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html). */
const PAGE = 10;

/** Questions wait for whole seconds, 20 at most; less than half a second is none. */
const secondsOf = (milliseconds: number): number => Math.min(20, Math.round(milliseconds / 1000));

/** How often messages are finished with that the service did not take at first. A message that stays comes again, which consumers bear. */
const TRIES = 3;

export class SqsSource implements DeliverySource {
  readonly #options: SqsSourceOptions;

  constructor(options: SqsSourceOptions) {
    this.#options = options;
  }

  async receive(most: number, waitMs: number, signal: AbortSignal): Promise<readonly Received[]> {
    const { client, queueUrl } = this.#options;
    try {
      const command = new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: Math.min(PAGE, most),
        WaitTimeSeconds: secondsOf(waitMs),
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
        MessageAttributeNames: ['tenant'],
      });
      const { Messages: messages = [] } = await client.send(command, { abortSignal: signal });
      return messages.map(toReceived);
    } catch (error) {
      if (signal.aborted) return [];
      throw toPortError(error);
    }
  }

  async finish(messages: readonly Received[]): Promise<void> {
    const receipts = messages.map(({ receipt }) => String(receipt));
    const pages = Array.from({ length: Math.ceil(receipts.length / PAGE) }, (_, page) =>
      receipts.slice(page * PAGE, (page + 1) * PAGE),
    );
    await Promise.all(pages.map((page) => this.#delete(page)));
  }

  async close(): Promise<void> {
    this.#options.client.destroy();
  }

  async #delete(receipts: readonly string[]): Promise<void> {
    const { client, queueUrl } = this.#options;
    let left = receipts;
    let failure: PortError | undefined;
    for (let tries = 0; tries < TRIES && left.length > 0; tries += 1) {
      const entries = left.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
      try {
        const command = new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries });
        const { Failed: failed = [] } = await client.send(command);
        // A handle whose time is over is the sender's fault, and stays one.
        failure = failed[0] && itemError(failed[0].Code, failed[0].Message);
        const again = failed.filter(({ SenderFault }) => SenderFault !== true);
        left = again.flatMap(({ Id }) => left[Number(Id)] ?? []);
      } catch (error) {
        failure = toPortError(error);
        if (!failure.retryable) throw failure;
      }
    }
    if (left.length > 0) throw failure ?? new PortError('unavailable', `${left.length} messages were not deleted.`);
  }
}

function toReceived({
  MessageId = '',
  Body = '',
  Attributes = {},
  MessageAttributes,
  ReceiptHandle,
}: Message): Received {
  const tenant = MessageAttributes?.tenant?.StringValue;
  const message = toDelivery({
    messageId: MessageId,
    body: Body,
    attributes: Attributes,
    messageAttributes: { tenant: { stringValue: tenant } },
  });
  return { message, bytes: Buffer.byteLength(Body), receipt: ReceiptHandle };
}
