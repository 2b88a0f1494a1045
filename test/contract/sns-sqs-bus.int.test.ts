// The bus contract, kept by SnsBus and by sqsConsumer behind event source mappings, and by SqsSource, on the SNS and SQS emulator.
import { PublishCommand } from '@aws-sdk/client-sns';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { SnsBus } from '../../adapters/aws/sns-bus.ts';
import { type QueueEvent, sqsConsumer } from '../../adapters/aws/sqs-consumer.ts';
import { SqsSource } from '../../adapters/aws/sqs-source.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { LANE_NAMES, queueOf } from '../../core/cell/topology.ts';
import type { DeliveryHandler } from '../../core/ports/bus.ts';
import { snsError } from '../../emulators/faults/aws-faults.ts';
import { FaultProxy } from '../../emulators/faults/fault-proxy.ts';
import { SqsMapping } from '../../hosts/event-source-mappings/sqs-mapping.ts';
import { provision } from '../../local/emulators/provision.ts';
import { snsSqsServer } from '../support/contract-servers.ts';
import { reading } from '../support/events.ts';
import { HastyClock } from '../support/fake-clock.ts';
import { refuseCharacters, snsFaults } from './aws/bus-faults.ts';
import { dynamodbClient, snsClient, sqsClient } from './aws/clients.ts';
import { invokeInProcess } from './aws/invoke.ts';
import { consumingClauses } from './bus/consuming.ts';
import { BUS_CONSUMERS, type BusConsumer, type BusHarness, pump } from './bus/harness.ts';
import { busContract } from './bus.contract.ts';
import { runContract } from './contract.ts';

const TIMEOUT_MS = 10_000;
const emulator = snsSqsServer();
beforeAll(() => emulator.start());
afterAll(() => emulator.stop());

type Consume = (
  queue: { url: string; arn: string },
  consumer: BusConsumer,
  handler: DeliveryHandler,
) => () => Promise<void>;

async function openHarness(consume: Consume): Promise<BusHarness> {
  const cell = emulator.name('cell');
  const proxy = new FaultProxy({ target: emulator.endpoint });
  await proxy.start();
  refuseCharacters(proxy);
  const [sns, proxied, sqs] = [
    snsClient(emulator.endpoint),
    snsClient(proxy.endpoint),
    sqsClient(emulator.endpoint),
  ] as const;
  const { topicArn, queues } = await provision(
    { dynamodb: dynamodbClient(emulator.endpoint), sns, sqs },
    {
      tables: [],
      topic: cell,
      queues: Object.entries(BUS_CONSUMERS).flatMap(([name, { types, visibilitySeconds, maximumDeliveries }]) =>
        LANE_NAMES.map((lane) => ({
          name: `${cell}-${queueOf(name, lane)}`,
          visibilityTimeoutSeconds: visibilitySeconds,
          deadLetter: { name: `${cell}-${name}-dead`, maxReceiveCount: maximumDeliveries },
          filterPolicy: {
            type: types,
            consumer: [name, { exists: false }],
            lane: lane === 'first' ? [{ exists: false }] : [lane],
          },
        })),
      ),
    },
  );
  const queueNamed = (consumer: string) => {
    const queue = queues[`${cell}-${consumer}`];
    if (queue?.deadLetterUrl === undefined) throw new TypeError(`No queue was made for ${consumer}.`);
    return { ...queue, deadLetterUrl: queue.deadLetterUrl };
  };
  const common = { client: proxied, clock: new HastyClock(), ids: randomIds };
  const stops: (() => Promise<void>)[] = [];
  return {
    bus: new SnsBus({ ...common, topicArn }),
    missing: new SnsBus({ ...common, topicArn: `${topicArn}-nobody-made-this` }),
    clock: systemClock,
    consume: (consumer, handler, lane = 'first') => {
      stops.push(consume(queueNamed(queueOf(consumer, lane)), consumer, handler));
    },
    publishText: async (text, attributes) => {
      const values = Object.entries(attributes).map(([name, value]) => [
        name,
        { DataType: 'String', StringValue: value },
      ]);
      const MessageAttributes = Object.fromEntries(values);
      await sns.send(new PublishCommand({ TopicArn: topicArn, Message: text, MessageAttributes }));
    },
    deadLetters: async (consumer, count) => {
      const texts: string[] = [];
      while (texts.length < count) {
        const command = new ReceiveMessageCommand({ QueueUrl: queueNamed(consumer).deadLetterUrl, WaitTimeSeconds: 1 });
        const { Messages = [] } = await sqs.send(command);
        texts.push(...Messages.map(({ Body = '' }) => Body));
      }
      return texts;
    },
    requests: () => proxy.counts().PublishBatch ?? 0,
    faults: snsFaults(proxy),
    close: async () => {
      await Promise.all(stops.map((stop) => stop()));
      for (const client of [sns, proxied, sqs]) client.destroy();
      await proxy.stop();
    },
  };
}

/** As an event source mapping does. */
const pushed: Consume = ({ url: queueUrl, arn: queueArn }, consumer, handler) => {
  const consume = sqsConsumer(handler);
  const client = sqsClient(emulator.endpoint);
  const mapping = new SqsMapping({
    client,
    queueUrl,
    queueArn,
    invoke: invokeInProcess((event) => consume(event as QueueEvent, systemClock.now() + TIMEOUT_MS)),
    batchSize: BUS_CONSUMERS[consumer].batchSize,
    reportBatchItemFailures: true,
    waitTimeSeconds: 1,
  });
  mapping.start();
  return async () => {
    await mapping.stop();
    client.destroy();
  };
};

/** As a container does. */
const pulled: Consume = ({ url: queueUrl }, consumer, handler) => {
  const source = new SqsSource({ client: sqsClient(emulator.endpoint), queueUrl });
  return pump(consumer, source, handler);
};

busContract('SNS and SQS', () => openHarness(pushed));
runContract('bus contract: SQS, pulled', consumingClauses, () => openHarness(pulled));

test('a topic that cannot be one is a fault of the configuration, whichever events are published', async () => {
  const proxy = new FaultProxy({ target: emulator.endpoint });
  await proxy.start();
  // As the service words it; the emulator takes any text for the name of a topic.
  proxy.inject({
    operation: 'PublishBatch',
    fault: snsError(
      'InvalidParameter',
      'Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1',
    ),
  });
  const client = snsClient(proxy.endpoint);
  const bus = new SnsBus({ client, topicArn: 'events', clock: new HastyClock(), ids: randomIds });
  expect(await bus.publish([{ tenant: 'acme', event: reading() }])).toMatchObject([
    { status: 'failed', error: { code: 'misconfigured' } },
  ]);
  client.destroy();
  await proxy.stop();
});
