// Register consumers: keep items whose fields say what was written last, equal in every cell that has the log.
import { statePartition } from '../cell/identity.ts';
import { type ConsumerOptions, declareConsumer } from '../cell/topology.ts';
import { eventKey, fromStored, type LogDocument, logPartition } from '../events/cloud-event.ts';
import { bodyHash, epochOfCopy } from '../events/copies.ts';
import { formatTime } from '../events/time.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import { Backoff, type RetryPolicy } from '../lib/retry.ts';
import { sameJson } from '../lib/same-json.ts';
import type { Consumer, ConsumerDefinition, ConsumerDeps, TenantEvent } from '../pipeline/consumer.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import type { Json } from '../ports/json.ts';
import type { Key, Store, StoreCursor, StoredDocument } from '../ports/store.ts';
import {
  type Assignment,
  type Collision,
  collisionsOf,
  EMPTY,
  holdsOther,
  type Item,
  joined,
  type Stamp,
  written,
} from './registers.ts';

export const REGISTER_LIMITS = {
  /** The newest events of an item that a read applies to what is kept of it: those that were accepted just now are not in it yet. */
  readEvents: 16,
  concurrentReads: 16,
  /** Events that are read at once where an item is derived anew. */
  pageEvents: 100,
} as const;

/** Of two workers on the same item, one must start over. */
const CONFLICTS: RetryPolicy = { attempts: 12, baseMs: 10, maximumMs: 250, budgetMs: 2000 };

export interface Registers {
  readonly types: readonly string[];
  /** Where a subject's item lies; the items of a tenant in one partition can be listed. `undefined` for a subject that has none. */
  key(tenant: string, subject: string): Key | undefined;
  /** What an event of these types writes. Pure. Throws for an event that cannot be processed. */
  project(event: CloudEvent): Assignment;
}

/** Registers with their row in the topology. */
export interface RegisterDefinition extends ConsumerOptions, Registers {}

/** Declares a register consumer; see `registerConsumer` for its guarantees. */
export function registers(definition: RegisterDefinition): ConsumerDefinition {
  const { types, key: _key, project: _project, ...options } = definition;
  return {
    declaration: declareConsumer(options, types, 'derived'),
    create: (deps) => registerConsumer(definition, deps),
  };
}

export const stampOf = (document: LogDocument): Stamp => ({
  epoch: epochOfCopy(document),
  position: document.id,
  origin: fromStored(document).origin ?? '',
});

/** The item as it is stored. */
export const itemIn = (document: StoredDocument | undefined): Item =>
  document === undefined ? EMPTY : (document.body as unknown as Item);

/** What one document of the log writes; nothing for an event of other types, or one that cannot be processed. */
function writeOf({ types, project }: Registers, document: LogDocument): Item {
  const { event } = fromStored(document);
  if (!types.includes(event.type)) return EMPTY;
  try {
    return written(project(event), stampOf(document));
  } catch {
    // It is parked on its own delivery, and counts once the code is fixed.
    return EMPTY;
  }
}

/**
 * An item, with the newest events of its log: a read after a write shows it, in the cell that has accepted it. Rejects with the store's error.
 */
export async function readItem(
  registers: Registers,
  { events, state }: { readonly events: Store; readonly state: Store },
  tenant: string,
  subject: string,
): Promise<Item> {
  const key = registers.key(tenant, subject);
  if (key === undefined) return EMPTY;
  const kept = itemIn(await state.get(key));
  const { items } = await events.query(logPartition(tenant, subject), {
    limit: REGISTER_LIMITS.readEvents,
    order: 'descending',
  });
  return items.map((document) => writeOf(registers, document)).reduce(joined, kept);
}

/**
 * Returns a consumer that keeps the items. An item is a function of the set of events that the log has: delivering them in any order, grouping and number
 * leaves the same. It reads each event from the log, which says in which cell and under which epoch it was accepted; what has lost against
 * a write that had not seen it is kept under `conflicts|<tenant>`, with both events: a type's schema must bound them at 100 KiB each.
 */
export function registerConsumer(
  registers: Registers & { readonly name: string },
  { events, state, ...deps }: ConsumerDeps,
): Consumer {
  /** The copies of events that stand in the log. */
  const copiesOf = (some: readonly TenantEvent[]): Promise<readonly StoredDocument[]> =>
    mapConcurrently(some, REGISTER_LIMITS.concurrentReads, async ({ tenant, event }) => {
      const document = await events.get(eventKey(tenant, event));
      if (document !== undefined) return document;
      throw new PortError('unavailable', `The log does not show the event ${event.id} yet.`);
    });

  /** The item as the whole log of the subject says. */
  const derive = async (log: string): Promise<Item> => {
    let item = EMPTY;
    let cursor: StoreCursor | undefined;
    do {
      const page = await events.query(log, {
        limit: REGISTER_LIMITS.pageEvents,
        ...(cursor !== undefined && { cursor }),
      });
      item = page.items.map((document) => writeOf(registers, document)).reduce(joined, item);
      cursor = page.next;
    } while (cursor !== undefined);
    return item;
  };

  /** Keeps what has lost, with what it has lost against. An event that the log has no more is not brought back. */
  const keepLoser = async (tenant: string, subject: string, { loser, winner, fields }: Collision): Promise<void> => {
    const partition = logPartition(tenant, subject);
    const [lost, stands] = await Promise.all([
      events.get({ partition, id: loser.position }),
      events.get({ partition, id: winner.position }),
    ]);
    if (lost === undefined || stands === undefined) return;
    const body = {
      event: fromStored(lost).event as unknown as Json,
      epoch: loser.epoch,
      origin: loser.origin,
      standsEpoch: winner.epoch,
      standsHash: bodyHash(stands),
      stands: fromStored(stands).event as unknown as Json,
      fields: [...fields],
      foundAt: formatTime(deps.clock.now()),
    };
    const id = `${subject}!${loser.position}!${winner.position}`;
    try {
      await state.put({ partition: statePartition.conflicts(tenant), id, body }, 'absent');
    } catch (error) {
      if (!isPortError(error, 'conflict')) throw error;
    }
  };

  /** Resolves with whether all that it has applied still stands. */
  const applyOnce = async (tenant: string, subject: string, some: readonly TenantEvent[]): Promise<boolean> => {
    const key = registers.key(tenant, subject);
    if (key === undefined) throw new TypeError(`The subject ${subject} is no item of ${registers.name}.`);
    // Read before the log: a write that succeeds has seen what an earlier one had seen.
    const stored = await state.get(key);
    const before = itemIn(stored);
    const copies = await copiesOf(some);
    const writes = copies.map((copy) => ({
      write: written(registers.project(fromStored(copy).event), stampOf(copy)),
      stamp: stampOf(copy),
    }));
    let item = writes.some(({ write, stamp }) => holdsOther(before, write, stamp))
      ? await derive(logPartition(tenant, subject))
      : before;
    for (const { write } of writes) {
      for (const collision of collisionsOf(item, write)) await keepLoser(tenant, subject, collision);
      item = joined(item, write);
    }
    if (stored !== undefined && sameJson(stored.body, item as unknown as Json)) return true;
    await state.put({ ...key, body: item as unknown as Json }, stored?.version ?? 'absent');
    const after = await copiesOf(some);
    return after.every((copy, index) => copy.version === copies[index]?.version);
  };

  return {
    name: registers.name,

    async apply(some) {
      const first = some[0];
      if (first === undefined) return;
      const { tenant, event } = first;
      const backoff = new Backoff(deps, CONFLICTS);
      for (;;) {
        try {
          if (await applyOnce(tenant, event.subject, some)) return;
        } catch (error) {
          if (!isPortError(error, 'conflict')) throw error;
        }
        if (!(await backoff.pause()))
          throw new PortError('unavailable', 'An item is being changed by too many others.', { timedOut: true });
      }
    },

    // Applying an event again is harmless, so others need not wait meanwhile.
    async forget(tenant, subject) {
      const key = registers.key(tenant, subject);
      if (key !== undefined) await state.delete(key, 'any');
    },
  };
}
