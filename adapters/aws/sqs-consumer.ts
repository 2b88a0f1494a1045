// A consumer on Lambda: takes SQS records, returns the ids of those to deliver again.
import { decodeMessage } from '../../core/events/wire.ts';
import type { DeliveredMessage, DeliveryHandler, UnreadableMessage } from '../../core/ports/bus.ts';
import { describeError } from '../../core/ports/errors.ts';
import type { BatchResponse } from './dynamodb-change-stream.ts';

/** The members of an SQS event that are read (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html). */
export interface QueueEvent {
  readonly Records: readonly {
    readonly messageId: string;
    readonly body: string;
    readonly attributes: { readonly ApproximateReceiveCount?: string };
    /** The queue; one for all records of an event. */
    readonly eventSourceARN?: string;
    readonly messageAttributes?: Readonly<Record<string, { readonly stringValue?: string | undefined }>>;
  }[];
}

/** Takes the messages of queues whose names end like this, in place of the handler of all others. */
export interface QueueRoute {
  readonly suffix: string;
  readonly handler: DeliveryHandler;
}

/** Wraps a delivery handler as a Lambda handler; `deadline` is when the function will be killed, in epoch milliseconds. */
export function sqsConsumer(
  handler: DeliveryHandler,
  route?: QueueRoute,
): (event: QueueEvent, deadline: number) => Promise<BatchResponse> {
  return async ({ Records }, deadline) => {
    const isRouted = route !== undefined && Records[0]?.eventSourceARN?.endsWith(route.suffix) === true;
    const outcomes = await (isRouted ? route.handler : handler)(Records.map(toDelivery), deadline);
    const failures = Records.filter((_, index) => outcomes[index]?.status !== 'done');
    return { batchItemFailures: failures.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

/** A message in a record, from an event or from the service itself. */
export function toDelivery({
  messageId,
  body,
  attributes,
  messageAttributes,
}: QueueEvent['Records'][number]): DeliveredMessage | UnreadableMessage {
  const common = { deliveryId: messageId, attempt: Number(attributes.ApproximateReceiveCount ?? 1) };
  try {
    return { ...common, ...decodeMessage(body) };
  } catch (error) {
    const tenant = messageAttributes?.tenant?.stringValue;
    return { ...common, unreadable: describeError(error).message, text: body, ...(tenant !== undefined && { tenant }) };
  }
}
