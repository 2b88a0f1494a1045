// What the clouds and the pipeline ask of a topology, each with the reason.
import type { FunctionLimits, Topology } from '../../../core/cell/topology.ts';

/** Limits of the services; the tighter one where both clouds have one. */
const SERVICES = {
  /** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
  functionSeconds: 900,
  functionMegabytes: [128, 10_240],
  /** An HTTP API gives up after this long: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
  httpSeconds: 30,
  /** https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html */
  streamBatch: 10_000,
  parallelBatches: 10,
  /** https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html */
  queueBatch: 10_000,
  queueBatchWithoutWindow: 10,
  windowSeconds: 300,
  queueConcurrency: [2, 1000],
  /** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
  visibilitySeconds: 43_200,
  retentionDays: 14,
  maximumDeliveries: 1000,
  /** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html */
  queueNameCharacters: 80,
} as const;

/** AWS's advice: a message hidden for less may be handled twice at once when a batch is retried. */
const VISIBILITY_PER_TIMEOUT = 6;

/** Part of the names of queues, subscriptions and functions; Service Bus takes the shortest, 50 characters. */
const CONSUMER_NAME = /^[a-z][a-z0-9-]{0,39}$/;

/** Consumers' queues are called `<cell>-<consumer>`, and this is added for their dead letters. */
const LONGEST_SUFFIX = '-dead-letter';

/** Everything about a topology that would be refused by a service, or would lose or repeat events; `cells` are the ids of the cells. */
export function topologyFaults(
  { collections, http, relay, consumers, deadLetterRetentionDays }: Topology,
  cells: readonly string[],
): string[] {
  const faults: string[] = [];
  const check = (holds: boolean, message: string) => {
    if (!holds) faults.push(message);
  };
  const isWhole = (value: number, from: number, to: number) => Number.isInteger(value) && value >= from && value <= to;
  const checkFunction = (name: string, limits: FunctionLimits) => {
    const [least, most] = SERVICES.functionMegabytes;
    check(isWhole(limits.timeoutSeconds, 1, SERVICES.functionSeconds), `${name}: timeout of 1 to 900 s`);
    check(isWhole(limits.memoryMegabytes, least, most), `${name}: memory of 128 to 10,240 MiB`);
    check(isWhole(limits.maximumConcurrency, 1, 1000), `${name}: concurrency of 1 to 1,000`);
  };

  check(collections.events.stream, 'events: the relay reads its stream');
  check(!collections.state.stream, 'state: nothing reads its stream, and a stream is paid for');

  checkFunction('http', http);
  check(http.timeoutSeconds < SERVICES.httpSeconds, 'http: times out before the API in front of it does');

  checkFunction('relay', relay);
  check(relay.maximumRetryAttempts === -1, 'relay: retries without end; a stream that gives up loses events');
  check(isWhole(relay.batchSize, 1, SERVICES.streamBatch), 'relay: batch of 1 to 10,000');
  check(isWhole(relay.batchWindowSeconds, 0, SERVICES.windowSeconds), 'relay: window of 0 to 300 s');
  check(isWhole(relay.parallelizationFactor, 1, SERVICES.parallelBatches), 'relay: 1 to 10 batches side by side');

  const names = consumers.map(({ name }) => name);
  check(new Set(names).size === names.length, 'consumers: each name once');
  check(!names.includes('relay') && !names.includes('http'), 'consumers: relay and http are taken');
  check(isWhole(deadLetterRetentionDays, 1, SERVICES.retentionDays), 'dead letters: kept 1 to 14 days');
  for (const consumer of consumers) {
    const { name, types, batchSize, batchWindowSeconds, timeoutSeconds, visibilitySeconds } = consumer;
    const [fewest, most] = SERVICES.queueConcurrency;
    checkFunction(name, consumer);
    check(CONSUMER_NAME.test(name), `${name}: a name of 1 to 40 of a-z 0-9 - that begins with a letter`);
    for (const cell of cells) {
      const queue = `${cell}-${name}${LONGEST_SUFFIX}`;
      check(queue.length <= SERVICES.queueNameCharacters, `${queue}: a queue's name has at most 80 characters`);
    }
    check(types.length > 0 && new Set(types).size === types.length, `${name}: at least one type, each once`);
    check(isWhole(batchSize, 1, SERVICES.queueBatch), `${name}: batch of 1 to 10,000`);
    check(isWhole(batchWindowSeconds, 0, SERVICES.windowSeconds), `${name}: window of 0 to 300 s`);
    check(
      batchSize <= SERVICES.queueBatchWithoutWindow || batchWindowSeconds >= 1,
      `${name}: a batch above 10 needs a window of at least 1 s`,
    );
    check(isWhole(consumer.maximumConcurrency, fewest, most), `${name}: SQS takes a concurrency of 2 to 1,000`);
    check(
      isWhole(visibilitySeconds, timeoutSeconds * VISIBILITY_PER_TIMEOUT, SERVICES.visibilitySeconds),
      `${name}: messages stay hidden for at least 6 times the timeout`,
    );
    check(isWhole(consumer.tries, 1, 10), `${name}: 1 to 10 tries`);
    check(isWhole(consumer.crashes, 1, 10), `${name}: 1 to 10 crashes`);
    check(isWhole(consumer.maximumDeliveries, 1, SERVICES.maximumDeliveries), `${name}: 1 to 1,000 deliveries`);
    check(
      consumer.maximumDeliveries > consumer.crashes + consumer.tries,
      `${name}: the dead-letter queue comes after parking`,
    );
  }
  return faults;
}
