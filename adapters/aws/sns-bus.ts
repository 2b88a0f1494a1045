// The bus on one SNS topic: sends batches within the service's limits, and retries only failed entries.
import {
  type MessageAttributeValue,
  PublishBatchCommand,
  type PublishBatchRequestEntry,
  type SNSClient,
} from '@aws-sdk/client-sns';
import { encodeMessage, messageAttributes, messageBytes, publishOutcome, tooLarge } from '../../core/events/wire.ts';
import { mapConcurrently } from '../../core/lib/concurrently.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../../core/lib/retry.ts';
import { settleEach } from '../../core/lib/settle-each.ts';
import { BUS_LIMITS, type Bus, type BusMessage, type PublishOutcome } from '../../core/ports/bus.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import { itemError, toPortError } from './errors.ts';

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

interface Entry {
  readonly entry: Omit<PublishBatchRequestEntry, 'Id'>;
  readonly bytes: number;
}

export class SnsBus implements Bus {
  readonly #options: Required<SnsBusOptions>;

  constructor(options: SnsBusOptions) {
    this.#options = { retry: DEFAULT_RETRY, ...options };
  }

  async publish(messages: readonly BusMessage[]): Promise<readonly PublishOutcome[]> {
    const entries = messages.map(toEntry);
    const outcomes = new Map<Entry, PublishOutcome>();
    const small = entries.filter((entry) => entry.bytes <= BUS_LIMITS.messageBytes);
    await mapConcurrently(inBatches(small), LIMITS.concurrentCalls, async (batch) => {
      const results = await settleEach(this.#options, batch, (open) => this.#send(open));
      for (const [index, entry] of batch.entries()) outcomes.set(entry, publishOutcome(results[index] ?? unanswered()));
    });
    return entries.map((entry) => outcomes.get(entry) ?? publishOutcome(tooLarge(entry.bytes)));
  }

  /** Sends one batch. The service refuses a whole request because of one entry, without naming it. */
  async #send(batch: readonly Entry[]): Promise<readonly (true | PortError)[]> {
    const { client, topicArn } = this.#options;
    const command = new PublishBatchCommand({
      TopicArn: topicArn,
      PublishBatchRequestEntries: batch.map(({ entry }, index) => ({ ...entry, Id: String(index) })),
    });
    const { Successful = [], Failed = [] } = await client.send(command).catch((error: unknown) => {
      throw toPortError(error);
    });
    const answers = new Map<string | undefined, true | PortError>();
    for (const { Id } of Successful) answers.set(Id, true);
    for (const { Id, Code, Message } of Failed) answers.set(Id, itemError(Code, Message));
    return batch.map((_, index) => answers.get(String(index)) ?? unanswered());
  }
}

const unanswered = () => new PortError('unknown-outcome', 'The service did not answer for the message.');

function toEntry(message: BusMessage): Entry {
  const text = encodeMessage(message);
  const attributes = messageAttributes(message);
  const values = Object.entries(attributes).map(([name, value]): [string, MessageAttributeValue] => [
    name,
    { DataType: 'String', StringValue: value },
  ]);
  const bytes = messageBytes(text, attributes);
  return { entry: { Message: text, MessageAttributes: Object.fromEntries(values) }, bytes };
}

function inBatches(entries: readonly Entry[]): Entry[][] {
  const batches: Entry[][] = [];
  let bytes = 0;
  for (const each of entries) {
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
