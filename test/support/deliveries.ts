// Arbitrary ways to deliver events: any order, any grouping, with repeats, in two workers, over a store that fails as a plan says.
import fc from 'fast-check';
import type { Store } from '../../core/ports/store.ts';
import { type CountedStore, type Fault, faultyStore, type StoreMethod } from './faulty-store.ts';

/** One delivery: the events by their index, and the worker that gets them. */
export interface Delivery {
  readonly worker: 0 | 1;
  readonly events: readonly number[];
}

/** What happens at the store's next calls, one number each: small ones are turns to wait, the last three are faults. */
export type Script = readonly number[];

const SCRIPT_VALUES = 9;

function faultOf(step: number, method: StoreMethod): Fault | undefined {
  if (step === 6) return { code: 'throttled', when: 'before' };
  if (step === 7) return method === 'transact' ? { code: 'conflict', when: 'before' } : undefined;
  if (step === 8)
    return { code: method === 'transact' || method === 'put' ? 'unknown-outcome' : 'unavailable', when: 'after' };
  return undefined;
}

/** A store whose calls take as many turns as the script says, and fail where it says so; well-behaved once it has ended. */
export function scripted(store: Store, script: Script, position: { next: number }): CountedStore {
  const failing = faultyStore(store, (method) => faultOf(script[position.next] ?? 0, method));
  const wait = async () => {
    position.next += 1;
    for (let turn = 0; turn < (script[position.next] ?? 0) * 3; turn += 1) await Promise.resolve();
  };
  return {
    calls: failing.calls,
    get: (key) => wait().then(() => failing.get(key)),
    put: (document, expected) => wait().then(() => failing.put(document, expected)),
    append: (documents, options) => wait().then(() => failing.append(documents, options)),
    transact: (partition, writes) => wait().then(() => failing.transact(partition, writes)),
    query: (partition, query) => wait().then(() => failing.query(partition, query)),
    digests: (partition, query) => wait().then(() => failing.digests(partition, query)),
    partitions: (query) => wait().then(() => failing.partitions(query)),
    delete: (key, expected) => wait().then(() => failing.delete(key, expected)),
  };
}

export interface Scenario<Event> {
  readonly events: readonly Event[];
  readonly deliveries: readonly Delivery[];
  readonly script: Script;
}

const worker = fc.constantFrom<0 | 1>(0, 1);

/** Events, each of which is delivered at least once. */
export const scenarioOf = <Event>(event: fc.Arbitrary<Event>): fc.Arbitrary<Scenario<Event>> =>
  fc.array(event, { minLength: 1, maxLength: 40 }).chain((events) => {
    const index = fc.integer({ min: 0, max: events.length - 1 });
    const some = fc.array(fc.record({ worker, events: fc.array(index, { minLength: 1, maxLength: 40 }) }), {
      maxLength: 8,
    });
    const order = fc.shuffledSubarray([...events.keys()], { minLength: events.length });
    return fc
      .record({
        some,
        order,
        sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 }),
        workers: fc.array(worker, { minLength: 1, maxLength: 10 }),
        script: fc.array(fc.integer({ min: 0, max: SCRIPT_VALUES - 1 }), { maxLength: 200 }),
      })
      .map((way) => {
        const all: Delivery[] = [];
        for (let from = 0, part = 0; from < way.order.length; part += 1) {
          const size = way.sizes[part % way.sizes.length] ?? 1;
          all.push({ worker: way.workers[part % way.workers.length] ?? 0, events: way.order.slice(from, from + size) });
          from += size;
        }
        const deliveries = way.some.flatMap((delivery, at) => [delivery, ...all.slice(at, at + 1)]);
        return { events, deliveries: [...deliveries, ...all.slice(way.some.length)], script: way.script };
      });
  });
