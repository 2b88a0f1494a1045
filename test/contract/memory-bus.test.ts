// The bus contract, kept by the bus in memory.
import { MemoryBus } from '../../adapters/memory/memory-bus.ts';
import { randomIds } from '../../adapters/system/system.ts';
import { LANE_NAMES, queueOf } from '../../core/cell/topology.ts';
import { HastyClock } from '../support/fake-clock.ts';
import { busFaultClauses } from './bus/faults.ts';
import { BUS_CONSUMERS, type BusHarness } from './bus/harness.ts';
import { busContract } from './bus.contract.ts';
import { type Exemption, exemptFrom } from './contract.ts';
import { Watched } from './watched.ts';

const noNetwork: Exemption<BusHarness> = {
  reason: 'it has no network, and no topic apart from itself',
  instead: async ({ bus, missing, faults }) => {
    expect([missing, faults]).toStrictEqual([undefined, undefined]);
    expect(await bus.publish([])).toStrictEqual([]);
  },
};

busContract(
  'memory',
  () => {
    const clock = new HastyClock();
    const deadLetters = new Watched<string>();
    const bus = new MemoryBus({
      clock,
      ids: randomIds,
      consumers: Object.entries(BUS_CONSUMERS).flatMap(([name, consumer]) =>
        LANE_NAMES.map((lane) => ({ name, lane, ...consumer })),
      ),
      onDeadLetter: (consumer) => deadLetters.add(consumer),
    });
    return {
      bus,
      clock,
      consume: (consumer, handler, lane = 'first') => bus.start(queueOf(consumer, lane), handler),
      publishText: async (text, attributes) => bus.publishText(text, { ...attributes }),
      deadLetters: async (consumer, count) => {
        await deadLetters.until((seen) => seen.filter((each) => each === consumer).length >= count);
        return bus.deadLetters(consumer);
      },
      close: () => bus.stop(),
    };
  },
  exemptFrom(busFaultClauses, noNetwork),
);
