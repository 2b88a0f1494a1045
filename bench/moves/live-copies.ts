// Sends what the clients of `moves` write to the tenant's other cell, as the consumer `replicate` does behind a bus: without it a long walk never comes close.
import { noTelemetry } from '../../adapters/otlp/no-telemetry.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { delayNotes } from '../../core/cell/delays.ts';
import { epochMs } from '../../core/ports/clock.ts';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import type { Log } from '../../core/ports/log.ts';
import { replicator } from '../../core/replication/replicator.ts';
import type { RouteKeys } from '../../local/route-keys.ts';
import type { MovesCell } from './ground.ts';

/** Messages of one batch. */
const BATCH = 100;
/** The pause of a queue that is empty, or whose batch was not taken, in milliseconds. */
const PAUSE_MS = 100;
/** As long as a function of `replicate` has, in milliseconds. */
const FUNCTION_MS = 20_000;
/** Batches in a row of which nothing is taken; the other cell is taken to be lost then. */
const ATTEMPTS = 100;
/** Messages that wait at most; the clients send some tens a second. */
const WAITING = 100_000;

export interface LiveCopies {
  /** Queues an event that the cell has accepted. */
  accepted(tenant: string, event: CloudEvent): void;
  /** Ends once the queue is empty, and rejects if a batch could not be handled. */
  stop(): Promise<void>;
}

/** Starts the queue of one cell. */
export function liveCopies({ id, key, events, state }: MovesCell, keys: RouteKeys, log: Log): LiveCopies {
  const telemetry = noTelemetry(randomIds);
  const handler = replicator({
    ...{ cell: id, identityKey: key, routeKeys: keys.publicKeys, events, state, telemetry, log, clock: systemClock },
    delays: delayNotes({ state, telemetry, clock: systemClock, ids: randomIds, log }),
    fetch: (request) => fetch(request),
  });
  let waiting: { readonly tenant: string; readonly event: CloudEvent; readonly acceptedAt: number }[] = [];
  let stopped = false;
  const work = (async () => {
    let attempts = 0;
    while (!stopped || waiting.length > 0) {
      const batch = waiting.splice(0, BATCH);
      if (batch.length > 0) {
        const messages = batch.map((each, index) => ({ ...each, origin: id, deliveryId: String(index), attempt: 1 }));
        const outcomes = await handler(messages, epochMs(systemClock.now() + FUNCTION_MS));
        const again = batch.filter((_, index) => outcomes[index]?.status !== 'done');
        waiting = [...again, ...waiting];
        attempts = again.length < batch.length ? 0 : attempts + 1;
        if (attempts === ATTEMPTS)
          throw new Error(`${waiting.length} events of ${id} are not taken by the other cell.`);
        if (again.length === 0) continue;
      }
      await systemClock.sleep(PAUSE_MS);
    }
  })();
  work.catch(() => undefined);
  return {
    accepted(tenant, event) {
      if (waiting.length >= WAITING) throw new Error(`${WAITING} events wait for the other cell of ${id}.`);
      waiting.push({ tenant, event, acceptedAt: systemClock.now() });
    },
    async stop() {
      stopped = true;
      await work;
    },
  };
}
