// The bus contract, kept by ServiceBus and by serviceBusConsumer behind the host's way of receiving, and by ServiceBusSource, on the Service Bus emulator, or another one.
import type { ServiceBusClient } from '@azure/service-bus';
import { ServiceBus } from '../../adapters/azure/service-bus.ts';
import { serviceBusConsumer } from '../../adapters/azure/service-bus-consumer.ts';
import { ServiceBusSource } from '../../adapters/azure/service-bus-source.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { subscriptionsOf } from '../../build/azure-resources.ts';
import { declareConsumer, queueOf } from '../../core/cell/topology.ts';
import type { DeliveryHandler } from '../../core/ports/bus.ts';
import type { ServiceBusEmulator } from '../../emulators/service-bus/emulator.ts';
import { CONDITION } from '../../emulators/service-bus/errors.ts';
import { serviceBusIsNamed, serviceBusTopic } from '../support/contract-servers.ts';
import { HastyClock } from '../support/fake-clock.ts';
import { serviceBusClient } from './azure/clients.ts';
import { driveSubscription } from './azure/subscription-driver.ts';
import { TcpProxy } from './azure/tcp-proxy.ts';
import { consumingClauses } from './bus/consuming.ts';
import { busFaultClauses } from './bus/faults.ts';
import { BUS_CONSUMERS, type BusConsumer, type BusHarness, Inbox, message, pump, words } from './bus/harness.ts';
import { type BusClauseName, busContract } from './bus.contract.ts';
import { type Exemption, runContract, times } from './contract.ts';

/** How long a publisher waits for an answer that does not come. */
const ANSWER_MS = 400;

interface Subscribed {
  readonly topic: string;
  readonly consumer: BusConsumer;
  /** In one of its lanes. */
  readonly subscription: string;
}

type Consume = (client: ServiceBusClient, from: Subscribed, handler: DeliveryHandler) => () => Promise<void>;

/** As the Functions host does. */
const pushed: Consume = (client, { topic, consumer, subscription }, handler) => {
  const { batchSize, visibilitySeconds } = BUS_CONSUMERS[consumer];
  const invoke = serviceBusConsumer(handler, { clock: systemClock, lockMs: visibilitySeconds * 1000 });
  return driveSubscription({ client, topic, subscription, batchSize, invoke });
};

/** As a container does. */
const pulled: Consume = (client, { topic, consumer, subscription }, handler) =>
  pump(consumer, new ServiceBusSource({ client, topic, subscription, deadLetters: false }), handler);

async function openHarness(consume: Consume): Promise<BusHarness> {
  const consumers = Object.entries(BUS_CONSUMERS).map(([name, consumer]) =>
    declareConsumer({ name, ...consumer }, consumer.types, 'derived'),
  );
  const namespace = await serviceBusTopic(subscriptionsOf(consumers));
  const { topic, emulator } = namespace;
  const proxy = new TcpProxy(namespace.port);
  await proxy.start();
  const publishing = serviceBusClient(namespace.connection(proxy.port), ANSWER_MS);
  const direct = serviceBusClient(namespace.connection());
  const open = (name: string) =>
    new ServiceBus({ sender: publishing.createSender(name), clock: new HastyClock(), ids: randomIds });
  const texts = direct.createSender(topic);
  const stops: (() => Promise<void>)[] = [];
  return {
    bus: open(topic),
    missing: open('nobody-made-this'),
    clock: systemClock,
    consume: (consumer, handler, lane = 'first') => {
      stops.push(consume(direct, { topic, consumer, subscription: queueOf(consumer, lane) }, handler));
    },
    publishText: (text, attributes) =>
      texts.sendMessages({ body: Buffer.from(text), applicationProperties: { ...attributes } }),
    deadLetters: async (consumer, count) => {
      const receiver = direct.createReceiver(topic, consumer, {
        subQueueType: 'deadLetter',
        receiveMode: 'receiveAndDelete',
        skipParsingBodyAsJson: true,
      });
      const bodies: string[] = [];
      while (bodies.length < count) {
        const received = await receiver.receiveMessages(10, { maxWaitTimeInMs: 1000 });
        bodies.push(...received.map(({ body }) => String(body)));
      }
      await receiver.close();
      return bodies;
    },
    faults: {
      deny: () => ownOf(emulator).faults.rejectSends(Number.POSITIVE_INFINITY, CONDITION.unauthorized),
      throttle: (requests = Number.POSITIVE_INFINITY) => ownOf(emulator).throttle(requests),
      // The service takes or refuses a whole batch.
      refuse: (_, how) =>
        ownOf(emulator).rejectSends(1, how === 'for now' ? CONDITION.internalError : CONDITION.argumentError),
      refuseRequestsWith: (id) => ownOf(emulator).faults.rejectSendsWith(`"id":"${id}"`),
      loseAnswers: (requests = Number.POSITIVE_INFINITY) => ownOf(emulator).faults.loseAnswers(requests),
      disconnect: () => proxy.stop(),
      heal: async () => {
        emulator?.faults.clear();
        await proxy.start();
      },
    },
    close: async () => {
      await Promise.all(stops.map((stop) => stop()));
      await Promise.all([publishing.close(), direct.close()]);
      await proxy.stop();
      await namespace.close();
    },
  };
}

/** The own emulator, which can be made to fail. */
function ownOf(emulator: ServiceBusEmulator | undefined): ServiceBusEmulator {
  if (emulator === undefined)
    throw new TypeError('Another server cannot be made to fail: the clause is one of NOT_ELSEWHERE.');
  return emulator;
}

/** Clauses about failures that a server has to be made to have. */
const NOT_ELSEWHERE = Object.keys(busFaultClauses).filter(
  (name) => !/^a missing topic|^a bus that cannot be reached/.test(name),
) as BusClauseName[];

const ids = (count: number): string[] => times(count, (index) => `m${index}`);
const done = { status: 'done' } as const;
const retry = { status: 'retry', reason: 'not yet' } as const;

/** The platform completes or abandons the whole batch; https://learn.microsoft.com/azure/azure-functions/functions-bindings-service-bus */
const matesComeAgain: Exemption<BusHarness> = {
  reason: 'the trigger abandons a batch as a whole, so the mates of a message to be retried come again',
  instead: async (harness) => {
    const inbox = new Inbox(harness, ({ message: delivered }) =>
      'event' in delivered && delivered.event.id === 'm3' && delivered.attempt === 1 ? retry : done,
    );
    await harness.bus.publish(ids(8).map((id) => message(id)));
    harness.consume('readings', inbox.handler);
    await inbox.until((seen) => seen.length === 16);
    for (const id of ids(8)) expect(inbox.of(id).map((each) => each.message.attempt)).toStrictEqual([1, 2]);
  },
};

const refusedAsAWhole: Exemption<BusHarness> = {
  reason: 'the service takes or refuses a batch as a whole, not some of its messages',
  instead: async (harness) => {
    const inbox = new Inbox(harness);
    harness.consume('readings', inbox.handler);
    // Refused for now, the batch is repeated as it is; refused for good, its halves are tried.
    for (const [how, id] of [
      ['for now', 'x'],
      ['for good', 'y'],
    ] as const) {
      harness.faults?.refuse([1], how);
      const sent = times(4, (index) => message(`${id}${index}`));
      expect(words(await harness.bus.publish(sent))).toStrictEqual(times(4, () => 'published'));
    }
    await inbox.untilAll(['x0', 'x3', 'y0', 'y3']);
    await harness.bus.publish([message('z')]);
    await inbox.untilAll(['z']);
    expect(inbox.ids).toStrictEqual(['x0', 'x1', 'x2', 'x3', 'y0', 'y1', 'y2', 'y3', 'z']);
  },
};

runContract('bus contract: Service Bus, pulled', consumingClauses, () => openHarness(pulled));

busContract(
  'Service Bus',
  () => openHarness(pushed),
  {
    'a message that was finished with does not come again': matesComeAgain,
    'the mates of a message to be retried are finished with': matesComeAgain,
    'a message that always fails ends among the dead letters after the limit, and its mates do not': {
      reason: 'the trigger abandons a batch as a whole, so the deliveries of its mates are used up as well',
      instead: async (harness) => {
        const inbox = new Inbox(harness, ({ message: delivered }) =>
          'event' in delivered && delivered.event.id === 'm1' ? retry : done,
        );
        await harness.bus.publish(ids(3).map((id) => message(id)));
        harness.consume('readings', inbox.handler);
        const dead = await harness.deadLetters('readings', 3);
        expect(dead.map((text) => (JSON.parse(text) as { id: string }).id).sort()).toStrictEqual(ids(3));
        for (const id of ids(3)) expect(inbox.of(id).map((each) => each.message.attempt)).toStrictEqual([1, 2, 3]);
      },
    },
    'messages that the service refuses for now are repeated alone': refusedAsAWhole,
    'messages that the service refuses for good fail as invalid at once, in their places': refusedAsAWhole,
    'messages that are refused for now until the budget ends fail alone, with a code that may be tried again': {
      reason: refusedAsAWhole.reason,
      instead: async ({ bus, faults }) => {
        faults?.throttle();
        const outcomes = await bus.publish(ids(4).map((id) => message(id)));
        expect(words(outcomes)).toStrictEqual(times(4, () => 'throttled'));
      },
    },
  },
  new Set(serviceBusIsNamed() ? NOT_ELSEWHERE : []),
);
