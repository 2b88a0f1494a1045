// The bus on one SNS topic: sends batches within the service's limits, and retries only failed entries.
import {
  type MessageAttributeValue,
  PublishBatchCommand,
  type PublishBatchRequestEntry,
  type SNSClient,
} from '@aws-sdk/client-sns';
import { encodeMessage, messageAttributes, messageBytes } from '../../core/events/wire.ts';
import { mapConcurrently } from '../../core/lib/concurrently.ts';
import { Backoff, DEFAULT_RETRY, type RetryPolicy } from '../../core/lib/retry.ts';
import { BUS_LIMITS, type Bus, type BusMessage, type PublishOutcome } from '../../core/ports/bus.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { PERMANENT, PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import { isTransient, itemError, toPortError } from './errors.ts';

/** https://docs.aws.amazon.com/sns/latest/dg/sns-batch-api-actions.html: 10 entries, 256 KiB in all with their attributes. */
const LIMITS = { entries: 10, concurrentCalls: 8 } as const;

export interface SnsBusOptions {
  /** Created with `maxAttempts: 1`: this adapter retries. */
  readonly client: SNSClient;
  readonly topicArn: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry?: RetryPolicy;
}

interface Pending {
  readonly entry: Omit<PublishBatchRequestEntry, 'Id'>;
  readonly bytes: number;
  outcome?: PublishOutcome;
}

export class SnsBus implements Bus {
  readonly #options: Required<SnsBusOptions>;

  constructor(options: SnsBusOptions) {
    this.#options = { retry: DEFAULT_RETRY, ...options };
  }

  async publish(messages: readonly BusMessage[]): Promise<readonly PublishOutcome[]> {
    const all = messages.map(toPending);
    const batches = inBatches(all.filter(({ outcome }) => outcome === undefined));
    await mapConcurrently(batches, LIMITS.concurrentCalls, (batch) => this.#publishBatch(batch));
    return all.map(
      ({ outcome }) => outcome ?? { status: 'failed', error: new PortError('unknown', 'The message was not reached.') },
    );
  }

  async #publishBatch(batch: readonly Pending[]): Promise<void> {
    const { client, topicArn, retry } = this.#options;
    const backoff = new Backoff(this.#options, retry);
    let open = [...batch];
    for (;;) {
      let lastError = new PortError('unknown', 'The service did not answer for the message.');
      try {
        const entries = open.map(({ entry }, index) => ({ ...entry, Id: String(index) }));
        const { Successful = [], Failed = [] } = await client.send(
          new PublishBatchCommand({ TopicArn: topicArn, PublishBatchRequestEntries: entries }),
        );
        for (const { Id } of Successful) settle(open[Number(Id)], { status: 'published' });
        for (const { Id, Code, Message } of Failed) {
          lastError = itemError(Code, Message);
          if (!isTransient(lastError)) settle(open[Number(Id)], { status: 'failed', error: lastError });
        }
      } catch (error) {
        lastError = toPortError(error);
        // The service refuses a whole request because of one entry: halving it isolates that entry and publishes the others.
        if (PERMANENT[lastError.code] && open.length > 1) {
          const half = Math.ceil(open.length / 2);
          await Promise.all([this.#publishBatch(open.slice(0, half)), this.#publishBatch(open.slice(half))]);
          return;
        }
        if (!isTransient(lastError))
          for (const pending of open) settle(pending, { status: 'failed', error: lastError });
      }
      open = open.filter(({ outcome }) => outcome === undefined);
      if (open.length === 0) return;
      if (!(await backoff.pause(lastError.retryAfterMs))) {
        for (const pending of open) settle(pending, { status: 'failed', error: lastError });
        return;
      }
    }
  }
}

function settle(pending: Pending | undefined, outcome: PublishOutcome): void {
  if (pending !== undefined) pending.outcome = outcome;
}

function toPending(message: BusMessage): Pending {
  const text = encodeMessage(message);
  const attributes = messageAttributes(message);
  const values = Object.entries(attributes).map(([name, value]): [string, MessageAttributeValue] => [
    name,
    { DataType: 'String', StringValue: value },
  ]);
  const bytes = messageBytes(text, attributes);
  const pending: Pending = { entry: { Message: text, MessageAttributes: Object.fromEntries(values) }, bytes };
  if (bytes > BUS_LIMITS.messageBytes) {
    pending.outcome = {
      status: 'failed',
      error: new PortError('too-large', `The message has ${bytes} bytes; the bus takes ${BUS_LIMITS.messageBytes}.`),
    };
  }
  return pending;
}

function inBatches(pending: readonly Pending[]): Pending[][] {
  const batches: Pending[][] = [];
  let bytes = 0;
  for (const each of pending) {
    const batch = batches.at(-1);
    if (batch === undefined || batch.length === LIMITS.entries || bytes + each.bytes > BUS_LIMITS.messageBytes) {
      batches.push([each]);
      bytes = each.bytes;
    } else {
      batch.push(each);
      bytes += each.bytes;
    }
  }
  return batches;
}
