// Redrive: sends parked events to their consumer again, once what parked them is mended.
import { statePartition } from '../cell/identity.ts';
import type { Bus } from '../ports/bus.ts';
import { isPortError, type PortError } from '../ports/errors.ts';
import type { Store, StoredDocument } from '../ports/store.ts';
import { PARKING_LIMITS, parkedKey, RELAY, toParked } from './parking.ts';

export interface RedriveSummary {
  readonly redriven: number;
  readonly failed: number;
  /** Whether there are parked events that this call did not reach. */
  readonly more: boolean;
}

export interface RedriveCommand {
  readonly consumer: string;
  readonly tenant: string;
  /** Ids of parked events; without them the first `PARKING_LIMITS.redriveEvents` that are found. */
  readonly ids?: readonly string[] | undefined;
}

export interface RedriveDeps {
  readonly state: Store;
  readonly bus: Bus;
}

/**
 * Returns the use case. A parked event is removed once the bus has it, so a crash in between sends it twice, which consumers
 * expect. One that cannot be sent, or that never was an event, stays parked and counts as failed. Rejects with the store's error.
 */
export function redrive({ state, bus }: RedriveDeps): (command: RedriveCommand) => Promise<RedriveSummary> {
  const find = async ({
    consumer,
    tenant,
    ids,
  }: RedriveCommand): Promise<{ documents: StoredDocument[]; more: boolean }> => {
    if (ids === undefined) {
      const limit = PARKING_LIMITS.redriveEvents;
      const page = await state.query(statePartition.parked(consumer), { prefix: `${tenant}!`, limit });
      return { documents: [...page.items], more: page.next !== undefined };
    }
    const keys = ids
      .map((id) => parkedKey(id, tenant))
      .filter((key) => key?.partition === statePartition.parked(consumer));
    const found = await Promise.all(keys.map((key) => key && state.get(key)));
    return { documents: found.filter((document) => document !== undefined), more: false };
  };

  const send = async (document: StoredDocument): Promise<boolean> => {
    const { consumer, tenant, event } = toParked(document);
    if (event === undefined) return false;
    const [outcome] = await bus.publish([consumer === RELAY ? { event, tenant } : { event, tenant, consumer }]);
    if (outcome?.status !== 'published') return false;
    // Parked anew meanwhile, it has another version and stays.
    await state.delete(document, document.version).catch(unlessParkedAnew);
    return true;
  };

  return async (command) => {
    const { documents, more } = await find(command);
    let redriven = 0;
    for (const document of documents) if (await send(document)) redriven += 1;
    return { redriven, failed: (command.ids?.length ?? documents.length) - redriven, more };
  };
}

function unlessParkedAnew(error: PortError): void {
  if (!isPortError(error, 'conflict')) throw error;
}
