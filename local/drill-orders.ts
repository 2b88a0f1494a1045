// What a running stack does for drills: it loses events of a cell, makes an outage look long, and hands out what an administrator of a cell has.
import { systemClock } from '../adapters/system/system.ts';
import { isName, statePartition } from '../core/cell/identity.ts';
import { logPartition } from '../core/events/cloud-event.ts';
import { isSubject } from '../core/events/subject.ts';
import { mapConcurrently } from '../core/lib/concurrently.ts';
import { isPortError } from '../core/ports/errors.ts';
import { isJsonObject } from '../core/ports/json.ts';
import type { PrivateKey } from '../core/ports/keys.ts';
import type { Store, StoreCursor } from '../core/ports/store.ts';
import { heldAssignments } from '../core/replication/held-assignments.ts';
import { NOTE_LIMITS, replicaNotes } from '../core/replication/notes.ts';
import type { ControlCall, ControlRoutes } from './control.ts';
import type { LocalCell } from './local-cell.ts';

const LIMITS = { page: 200, concurrent: 16 } as const;

/** What an administrator of one cell has in hand against a tenant's other cell. */
export interface Administrator {
  /** The cell's own key. */
  readonly identityKey: PrivateKey;
  /** The newest assignment of the tenant that the cell holds, as the edge has signed it; `null` if it holds none. */
  readonly assignment: string | null;
}

function named(query: URLSearchParams, name: string): string {
  const value = query.get(name) ?? '';
  if (!isName(value)) throw new Error(`Name a ${name}.`);
  return value;
}

/** Removes all events of a subject from a log, as a person with access to the store would. Resolves with how many there were. */
async function lose(events: Store, partition: string): Promise<number> {
  let deleted = 0;
  for (let cursor: StoreCursor | undefined; ; ) {
    const page = await events.query(partition, { limit: LIMITS.page, ...(cursor !== undefined && { cursor }) });
    await mapConcurrently(page.items, LIMITS.concurrent, (key) => events.delete(key, 'any'));
    deleted += page.items.length;
    if (page.next === undefined) return deleted;
    cursor = page.next;
  }
}

/** Returns the routes. */
export function drillOrders(cells: () => readonly LocalCell[]) {
  const cellIn = ({ query }: ControlCall): LocalCell => {
    const id = query.get('cell') ?? '';
    const cell = cells().find((each) => each.id === id);
    if (cell === undefined) throw new Error(`No cell ${JSON.stringify(id)} runs.`);
    return cell;
  };
  return {
    /** Removes a tenant's events of one subject from the cell's store, past its functions. */
    'POST /lose-events': async (call) => {
      const subject = call.query.get('subject') ?? '';
      if (!isSubject(subject)) throw new Error('Name a subject.');
      return { deleted: await lose(cellIn(call).stores.events, logPartition(named(call.query, 'tenant'), subject)) };
    },

    /**
     * Has the cell take its tenant's other cell for away for longer than it is patient: it goes by when it noted that the other cell was not
     * reached, which is set back. `aged` is false while it has noted nothing, or is noting something now.
     */
    'POST /age-outage': async (call) => {
      const { state } = cellIn(call).stores;
      const id = `${named(call.query, 'tenant')}!to!${named(call.query, 'peer')}`;
      const note = await state.get({ partition: statePartition.replicas, id });
      if (note === undefined || !isJsonObject(note.body) || typeof note.body.failingSince !== 'number')
        return { aged: false };
      const failingSince = note.body.failingSince - NOTE_LIMITS.patienceMs;
      const { partition, version } = note;
      try {
        await state.put({ partition, id, body: { ...note.body, failingSince } }, version);
      } catch (error) {
        // The cell has just noted something else; who asks looks again.
        if (!isPortError(error, 'conflict')) throw error;
        return { aged: false };
      }
      return { aged: true };
    },

    /** The credentials of the cell's administrator: its key, and an assignment from its store. */
    'GET /administrator': async (call): Promise<Administrator> => {
      const cell = cellIn(call);
      const { state } = cell.stores;
      const notes = replicaNotes(state, systemClock);
      const held = await heldAssignments({ cell: cell.id, state, keys: [], notes }).newest(named(call.query, 'tenant'));
      return { identityKey: cell.identityKey, assignment: held?.signed ?? null };
    },
  } satisfies ControlRoutes;
}
