// Replicates: sends what this cell has accepted to the tenant's other cell, as the bus delivers it.
import { peerOf } from '../cell/assignment.ts';
import type { Delays } from '../cell/delays.ts';
import { eventKey, fromStored, type LogDocument } from '../events/cloud-event.ts';
import { BoundedCache } from '../lib/bounded-cache.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import { ownAcceptance } from '../pipeline/progress.ts';
import type { DeliveredMessage, DeliveryHandler, DeliveryOutcome } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError, isPortError } from '../ports/errors.ts';
import type { Log } from '../ports/log.ts';
import type { Key, Store } from '../ports/store.ts';
import type { HeldAssignments } from './held-assignments.ts';
import type { ReplicaNotes, SenderNote } from './notes.ts';
import { inParts, type PeerAddress, type PeerClient, toWire } from './peer-client.ts';

export const REPLICATE_LIMITS = {
  /** So long a process goes by what it has read of a tenant's cells, in milliseconds. */
  rememberedMs: 5000,
  /** Tenants that it remembers; an assignment has about a kilobyte. */
  tenants: 1000,
  /** Cells that it remembers to be away. */
  cells: 1000,
  /** A cell that was not reached is not tried again for this long, in milliseconds. */
  pauseMs: 5000,
  /** Time for a request, in milliseconds. */
  requestMs: 5000,
  /** No request is begun this close to the instant at which the platform ends the function, in milliseconds. */
  marginMs: 7000,
  concurrentTenants: 4,
  concurrentReads: 16,
} as const;

export interface ReplicateDeps {
  /** The id of this cell. */
  readonly cell: string;
  /** The event log. */
  readonly events: Store;
  readonly assignments: Pick<HeldAssignments, 'newest'>;
  readonly notes: Pick<ReplicaNotes, 'sender' | 'failed' | 'reached' | 'left'>;
  readonly peer: PeerClient;
  /** Of events that another cell has stored. */
  readonly delays: Pick<Delays, 'record'>;
  readonly clock: Clock;
  readonly log: Log;
}

const DONE: DeliveryOutcome = { status: 'done' };

const TOO_LATE: DeliveryOutcome = { status: 'retry', reason: 'the deadline is near', timedOut: true };

const retry = (reason: string): DeliveryOutcome => ({ status: 'retry', reason });

/**
 * Returns the delivery handler of the consumer `replicate`. What has come by replication is not sent on, and a tenant without another
 * cell costs nothing. A batch that is not taken is delivered again, until the other cell has been away for `NOTE_LIMITS.patienceMs`: then
 * events are left unsent, which is noted before they are given up, and a push brings them.
 */
export function replicate(deps: ReplicateDeps): DeliveryHandler {
  const { cell, events, assignments, notes, clock, log } = deps;
  const known = new BoundedCache<string, { readonly at: number; readonly address: PeerAddress | null }>(
    REPLICATE_LIMITS.tenants,
  );
  const awayUntil = new BoundedCache<string, number>(REPLICATE_LIMITS.cells);

  const addressOf = async (tenant: string): Promise<PeerAddress | null> => {
    const now = clock.now();
    const remembered = known.get(tenant);
    if (remembered !== undefined && Math.abs(now - remembered.at) < REPLICATE_LIMITS.rememberedMs)
      return remembered.address;
    const held = await assignments.newest(tenant);
    const to = held && peerOf(held.assignment, cell);
    const address = held === undefined || to === undefined ? null : { to, tenant, signed: held.signed };
    known.set(tenant, { at: now, address });
    return address;
  };

  /** The document of an event as it is in the log, if it was accepted here; one that is there no more is not sent. */
  const documentOf = async (key: Key): Promise<LogDocument | undefined> => {
    const found = await events.get(key);
    if (found === undefined) return undefined;
    const { origin } = fromStored(found);
    return origin === undefined || origin === cell ? found : undefined;
  };

  const send = async (address: PeerAddress, messages: readonly DeliveredMessage[], deadline: number): Promise<void> => {
    const keys = new Map(
      messages.map(({ tenant, event }) => {
        const key = eventKey(tenant, event);
        return [`${key.partition} ${key.id}`, key] as const;
      }),
    );
    const documents = await mapConcurrently([...keys.values()], REPLICATE_LIMITS.concurrentReads, documentOf);
    for (const part of inParts(documents.filter((document) => document !== undefined))) {
      if (clock.now() > deadline - REPLICATE_LIMITS.marginMs) throw new TooLate();
      await deps.peer(address, 'events', { events: part.map(toWire) }, REPLICATE_LIMITS.requestMs, part);
    }
  };

  /** What becomes of a tenant's messages, all alike: sending one again changes nothing. */
  const settle = async (
    tenant: string,
    messages: readonly DeliveredMessage[],
    deadline: number,
  ): Promise<DeliveryOutcome> => {
    const address = await addressOf(tenant);
    if (address === null) return DONE;
    const { id: peer } = address.to;
    const note = await notes.sender(tenant, peer);
    if (clock.now() < (awayUntil.get(peer) ?? 0)) {
      if (note.behindSince === null) return givenUp(tenant, peer, note, 'it was not reached a moment ago');
      await notes.left(tenant, peer);
      return DONE;
    }
    try {
      await send(address, messages, deadline);
    } catch (error) {
      if (error instanceof TooLate) return TOO_LATE;
      if (!isPortError(error, 'unavailable')) throw error;
      awayUntil.set(peer, clock.now() + REPLICATE_LIMITS.pauseMs);
      return givenUp(tenant, peer, note, error.message);
    }
    if (note.failingSince !== null) await notes.reached(tenant, peer);
    const now = clock.now();
    const took = messages.flatMap((message) => {
      const acceptedAt = ownAcceptance(cell, message);
      return acceptedAt === undefined ? [] : [now - acceptedAt];
    });
    await deps.delays.record('copy', peer, took);
    return DONE;
  };

  const givenUp = async (
    tenant: string,
    peer: string,
    { failingSince }: Pick<SenderNote, 'failingSince'>,
    reason: string,
  ): Promise<DeliveryOutcome> => {
    const outcome = await notes.failed(tenant, peer);
    /** For how long it has not been reached; alarms of both clouds go by it. */
    const failingMs = failingSince === null ? 0 : Math.max(0, clock.now() - failingSince);
    log.warn(
      outcome === 'wait'
        ? 'events could not be replicated now and will be delivered again'
        : 'events are left unsent, as the other cell has been away for too long; a comparison brings them',
      { tenant, peer, failingMs, reason },
    );
    return outcome === 'wait' ? retry(reason) : DONE;
  };

  return async (messages, deadline) => {
    const byTenant = new Map<string, DeliveredMessage[]>();
    for (const message of messages) {
      // The consumers of its type park what cannot be read; of what another cell has accepted that cell is the sender.
      if ('unreadable' in message || (message.origin !== undefined && message.origin !== cell)) continue;
      const of = byTenant.get(message.tenant);
      if (of === undefined) byTenant.set(message.tenant, [message]);
      else of.push(message);
    }
    const outcomes = new Map<string, DeliveryOutcome>();
    await mapConcurrently([...byTenant], REPLICATE_LIMITS.concurrentTenants, async ([tenant, some]) => {
      let outcome: DeliveryOutcome;
      try {
        outcome = clock.now() > deadline - REPLICATE_LIMITS.marginMs ? TOO_LATE : await settle(tenant, some, deadline);
      } catch (error) {
        if (!isPortError(error)) throw error;
        const { code, message, timedOut } = describeError(error);
        outcome = retry(`${code}: ${message}`);
        log.warn('events could not be replicated now and will be delivered again', {
          tenant,
          code,
          reason: message,
          ...(timedOut && { timedOut }),
        });
      }
      for (const { deliveryId } of some) outcomes.set(deliveryId, outcome);
    });
    return messages.map(({ deliveryId }) => outcomes.get(deliveryId) ?? DONE);
  };
}

/** There is no time for a further request. */
class TooLate extends Error {}
