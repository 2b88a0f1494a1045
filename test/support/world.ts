// Two workers of a consumer at the same time, over a log and a state in memory that interleave them and fail as a plan says.

import type { MemoryStore } from '../../adapters/memory/memory-store.ts';
import { type Application, registryOf } from '../../core/domain/application.ts';
import type { Consumer, ConsumerDeps, TenantEvent } from '../../core/pipeline/consumer.ts';
import { ingest } from '../../core/pipeline/ingest.ts';
import { subjectIndex } from '../../core/pipeline/subject-index.ts';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import { isPortError } from '../../core/ports/errors.ts';
import type { Json, JsonObject } from '../../core/ports/json.ts';
import { type TestCell, testCell } from './cell.ts';
import { type Delivery, type Script, scripted } from './deliveries.ts';
import { TRACEPARENT } from './events.ts';
import { EagerClock } from './fake-clock.ts';
import type { CountedStore } from './faulty-store.ts';
import { METERS } from './meters.ts';
import { NO_TOMBSTONES } from './nothing-erased.ts';

export const TENANT = 'acme';

/** A worker repeats a delivery that fails for the store's sake so often. */
const TRIES = 300;

export interface World {
  readonly cell: TestCell;
  readonly events: MemoryStore;
  readonly state: MemoryStore;
  readonly scriptedState: CountedStore;
  readonly deps: ConsumerDeps;
  /** Stores events in the log, as a client's request does. Rejects if one is not acceptable. */
  ingest(candidates: readonly Json[]): Promise<void>;
}

export interface WorldOptions {
  readonly application?: Application;
  readonly script?: Script;
  /** The instant at which it begins; that of tests unless given. */
  readonly start?: number;
}

/** A log and a state that are empty. */
export function world({ application = METERS, script = [], start }: WorldOptions = {}): World {
  const clock = new EagerClock(start);
  const cell = testCell({ application, clock });
  const { ids, eventsMemory: events, stateMemory: state } = cell;
  const position = { next: -1 };
  const scriptedState = scripted(state, script, position);
  const take = ingest({
    tombstones: NO_TOMBSTONES,
    cell: 'cell-1',
    events,
    registry: registryOf(application),
    clock,
    subjects: subjectIndex({ events, state }),
  });
  return {
    cell,
    events,
    state,
    scriptedState,
    deps: { events: scripted(events, script, position), state: scriptedState, clock, ids },
    async ingest(candidates) {
      if (candidates.length === 0) return;
      const result = await take({ tenant: TENANT, epoch: 1, candidates, traceparent: TRACEPARENT });
      if (result.status !== 'ingested' || result.summary.rejected > 0) throw new Error(JSON.stringify(result));
    },
  };
}

/** An event on its way to a consumer. */
export const onItsWay = (candidate: JsonObject): TenantEvent => ({
  tenant: TENANT,
  event: { ...candidate, traceparent: TRACEPARENT } as unknown as CloudEvent,
});

/**
 * Stores and delivers events, in two workers at once; each repeats a delivery until it succeeds, as the bus does, and hands over the
 * events of one subject at a time, and those of these types only.
 */
export async function deliver(
  { ingest: store }: World,
  consumer: Consumer,
  candidates: readonly JsonObject[],
  deliveries: readonly Delivery[],
  types?: readonly string[],
): Promise<void> {
  const applyUntilDone = async (events: readonly TenantEvent[]) => {
    for (let tried = 1; ; tried += 1) {
      try {
        return await consumer.apply(events);
      } catch (error) {
        if (!isPortError(error) || !error.retryable || tried > TRIES) throw error;
      }
    }
  };
  const work = async (worker: 0 | 1) => {
    for (const delivery of deliveries.filter((each) => each.worker === worker)) {
      const some = delivery.events.flatMap((index) => {
        const candidate = candidates[index];
        return candidate === undefined ? [] : [candidate];
      });
      await store(some);
      const wanted = some.filter(({ type }) => types === undefined || types.includes(type as string));
      for (const subject of new Set(wanted.map((each) => each.subject)))
        await applyUntilDone(wanted.filter((each) => each.subject === subject).map(onItsWay));
    }
  };
  await Promise.all([work(0), work(1)]);
}
