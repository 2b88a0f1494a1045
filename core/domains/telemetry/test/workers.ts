// Two workers of a consumer at the same time, over a store that interleaves them and fails as a plan says.
import { MemoryStore } from '../../../../adapters/memory/memory-store.ts';
import { READING, TRACEPARENT } from '../../../../test/support/events.ts';
import { EagerClock } from '../../../../test/support/fake-clock.ts';
import { type CountedStore, type Fault, faultyStore, type StoreMethod } from '../../../../test/support/faulty-store.ts';
import { countingIds } from '../../../../test/support/ids.ts';
import { EPOCH, type Made, SOURCE, timeOf, toCandidate } from '../../../../test/support/telemetry-model.ts';
import { registryOf } from '../../../domain/application.ts';
import { eventKey } from '../../../events/cloud-event.ts';
import type { Consumer, ConsumerDeps } from '../../../pipeline/consumer.ts';
import { ingest } from '../../../pipeline/ingest.ts';
import { isPortError } from '../../../ports/errors.ts';
import type { Json } from '../../../ports/json.ts';
import type { Store } from '../../../ports/store.ts';
import { telemetry } from '../domain.ts';

export const TENANT = 'acme';
export const DEVICE = 'pump-1';

/** One delivery: the readings by their index, and the worker that gets them. */
export interface Delivery {
  readonly worker: 0 | 1;
  readonly readings: readonly number[];
}

/** What happens at the store's next calls, one number each: small ones are turns to wait, the last three are faults. */
export type Script = readonly number[];

export const SCRIPT_VALUES = 9;

function faultOf(step: number, method: StoreMethod): Fault | undefined {
  if (step === 6) return { code: 'throttled', when: 'before' };
  if (step === 7) return method === 'transact' ? { code: 'conflict', when: 'before' } : undefined;
  if (step === 8)
    return { code: method === 'transact' || method === 'put' ? 'unknown-outcome' : 'unavailable', when: 'after' };
  return undefined;
}

/** A store whose calls take as many turns as the script says, and fail where it says so; well-behaved once it has ended. */
function scripted(store: Store, script: Script, position: { next: number }): CountedStore {
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
    delete: (key, expected) => wait().then(() => failing.delete(key, expected)),
  };
}

export interface World {
  readonly events: MemoryStore;
  readonly state: MemoryStore;
  readonly scriptedState: CountedStore;
  readonly deps: ConsumerDeps;
  /** Stores events in the log, as a client's request does. */
  ingest(candidates: readonly Json[]): Promise<void>;
  /** Stores readings in the same way. */
  store(readings: readonly Made[]): Promise<void>;
}

/** A log and a state that are empty. */
export function world(script: Script = []): World {
  const clock = new EagerClock((EPOCH + 1_000_000) * 1000);
  const ids = countingIds();
  const events = new MemoryStore({ clock });
  const state = new MemoryStore({ clock });
  const position = { next: -1 };
  const scriptedState = scripted(state, script, position);
  const take = ingest({ events, registry: registryOf([telemetry]), clock, ids });
  const send = async (candidates: readonly Json[]) => {
    if (candidates.length === 0) return;
    const result = await take({ tenant: TENANT, candidates, traceparent: TRACEPARENT });
    if (result.status !== 'ingested' || result.summary.rejected > 0) throw new Error(JSON.stringify(result));
  };
  return {
    events,
    state,
    scriptedState,
    deps: { events: scripted(events, script, position), state: scriptedState, clock, ids },
    ingest: send,
    store: (readings) => send(readings.map((made) => toCandidate(made, DEVICE) as unknown as Json)),
  };
}

/** A reading on its way to a consumer. */
export const delivered = (made: Made) => ({
  tenant: TENANT,
  event: { ...toCandidate(made, DEVICE), specversion: '1.0' as const, traceparent: TRACEPARENT },
});

/** Something in the log that is no reading though it says so: a release that checked less let it in. */
export async function storePoison({ events }: World, second: number, data: Json): Promise<void> {
  const event = { ...delivered({ id: `poison-${second}`, second, metric: '', value: 0 }).event, data };
  const body = { id: event.id, source: SOURCE, type: READING, data };
  await events.append([{ ...eventKey(TENANT, event), body }]);
}

/** Delivers everything, in two workers at once; each repeats a delivery until it succeeds, as the bus does. */
export async function deliver(
  { store }: World,
  consumer: Consumer,
  readings: readonly Made[],
  deliveries: readonly Delivery[],
): Promise<void> {
  const work = async (worker: 0 | 1) => {
    for (const delivery of deliveries.filter((each) => each.worker === worker)) {
      const group = delivery.readings.flatMap((index) => readings[index] ?? []);
      await store(group);
      for (let tried = 1; ; tried += 1) {
        try {
          await consumer.apply(group.map(delivered));
          break;
        } catch (error) {
          if (!isPortError(error) || !error.retryable || tried > 300) throw error;
        }
      }
    }
  };
  await Promise.all([work(0), work(1)]);
}

/** The instant of a reading as the log's ids begin. */
export const sortKeyOf = (made: Made): string => timeOf(made).slice(0, -1);
